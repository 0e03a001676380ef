import { defineConfig } from "@playwright/test";

import { chromium, firefox, SIZE } from "./e2e/browsers.js";

const PORT = Number(process.env.SDK_E2E_PORT ?? 18_931);

export default defineConfig({
  testDir: "e2e",
  // Those need the server: see e2e/server.
  testIgnore: "server/**",
  outputDir: "results",
  workers: 1,
  // As with the server's own tests: what fails twice has failed, what fails once is shown as flaky and wants mending.
  retries: 1,
  timeout: 30_000,
  expect: { timeout: 5_000 },
  reporter: [["list"]],
  use: { baseURL: `http://127.0.0.1:${PORT}`, locale: "en-GB", trace: "retain-on-failure", viewport: SIZE },
  webServer: { command: `node e2e/server.mjs ${PORT}`, port: PORT, reuseExistingServer: false },
  projects: [chromium("--autoplay-policy=no-user-gesture-required"), firefox()],
});
