import { defineConfig, devices } from "@playwright/test";

/** Tests that say why they run in one browser only. */
const CHROMIUM_ONLY = /@chromium/;

const PORT = Number(process.env.SDK_E2E_PORT ?? 18_931);

// The browsers are Debian's own, as for the console's tests. Playwright newer than 1.64 asks Firefox ESR for what it does not know.
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
  use: { baseURL: `http://127.0.0.1:${PORT}`, locale: "en-GB", trace: "retain-on-failure", viewport: { width: 420, height: 680 } },
  webServer: { command: `node e2e/server.mjs ${PORT}`, port: PORT, reuseExistingServer: false },
  projects: [
    {
      name: "chromium",
      use: {
        ...devices["Desktop Chrome"],
        viewport: { width: 420, height: 680 },
        launchOptions: {
          executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
          args: [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            "--allow-loopback-in-peer-connection",
            "--autoplay-policy=no-user-gesture-required",
          ],
        },
      },
    },
    {
      name: "firefox",
      grepInvert: CHROMIUM_ONLY,
      use: {
        ...devices["Desktop Firefox"],
        channel: "moz-firefox",
        viewport: { width: 420, height: 680 },
        launchOptions: {
          executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
          firefoxUserPrefs: {
            "media.navigator.streams.fake": true,
            "media.navigator.permission.disabled": true,
            "media.peerconnection.ice.loopback": true,
            "media.peerconnection.ice.obfuscate_host_addresses": false,
            "media.autoplay.default": 0,
          },
        },
      },
    },
  ],
});
