import { defineConfig } from "@playwright/test";

import { chromium, firefox, SIZE } from "./e2e/browsers.js";

const PORT = Number(process.env.SDK_E2E_PORT ?? 18_931);

export default defineConfig({
  testDir: "e2e",
  // Those need the server: see e2e/server.
  testIgnore: "server/**",
  outputDir: "results",
  workers: 1,
  retries: 0,
  timeout: 30_000,
  expect: { timeout: 5_000 },
  reporter: [["list"]],
  use: { baseURL: `http://127.0.0.1:${PORT}`, locale: "en-GB", trace: "retain-on-failure", viewport: SIZE },
  webServer: { command: `node e2e/server.mjs ${PORT}`, port: PORT, reuseExistingServer: false },
  projects: [chromium("--autoplay-policy=no-user-gesture-required"), firefox()],
});
