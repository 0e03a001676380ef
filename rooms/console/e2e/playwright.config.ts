import { defineConfig, devices } from "@playwright/test";

import { demo } from "./demo.ts";

// The browsers are Debian's own. Playwright newer than 1.64 asks Firefox ESR for what it does not know.
export default defineConfig({
  testDir: "tests",
  outputDir: "results",
  globalSetup: "./demo.ts",
  // One server, one account: tests that change it must not meet.
  workers: 1,
  // As with the server's own tests: what fails twice has failed, what fails once is shown as flaky and wants mending.
  retries: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: { baseURL: demo().secure, ignoreHTTPSErrors: true, trace: "retain-on-failure", locale: "en-GB" },
  projects: [
    {
      name: "chromium",
      use: {
        ...devices["Desktop Chrome"],
        launchOptions: {
          executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
          args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
        },
      },
    },
    {
      name: "firefox",
      // The rules of the first are the same in every browser; the second changes the system's colours under an open page,
      // which a driven Firefox does not notice.
      testIgnore: ["accessibility.spec.ts", "dashboard.spec.ts"],
      use: {
        ...devices["Desktop Firefox"],
        channel: "moz-firefox",
        launchOptions: { executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr" },
      },
    },
  ],
});
