import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { defineConfig, devices } from "@playwright/test";

import { BROWSER_TONE, wav } from "./e2e/server/sound.js";

// The phone against the server itself: `ZORIO=path/to/zorio npm run e2e:server`.
const folder = join(tmpdir(), "zorio-sdk-tones");
mkdirSync(folder, { recursive: true });
const tone = join(folder, "microphone.wav");
writeFileSync(tone, wav(BROWSER_TONE, 5));

const size = { width: 420, height: 680 };

// The browsers are Debian's own. Playwright newer than 1.64 asks Firefox ESR for what it does not know.
export default defineConfig({
  testDir: "e2e/server",
  outputDir: "results",
  // One server for all tests of a browser.
  workers: 1,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: { locale: "en-GB", trace: "retain-on-failure", viewport: size },
  projects: [
    {
      name: "chromium",
      use: {
        ...devices["Desktop Chrome"],
        viewport: size,
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
            `--use-file-for-fake-audio-capture=${tone}`,
            "--allow-loopback-in-peer-connection",
            // As with a window: without one Chromium lets every page make sounds.
            "--autoplay-policy=document-user-activation-required",
          ],
        },
      },
    },
    // Not part of `npm run e2e:server`: without a sound card its Web Audio stands still, so that no page hears a tone.
    {
      name: "firefox",
      // Tests that say why they run in one browser only.
      grepInvert: /@chromium/,
      use: {
        ...devices["Desktop Firefox"],
        channel: "moz-firefox",
        viewport: size,
        launchOptions: {
          executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
          firefoxUserPrefs: {
            "media.navigator.streams.fake": true,
            "media.navigator.audio.fake_frequency": BROWSER_TONE,
            "media.navigator.permission.disabled": true,
            "media.autoplay.default": 0,
            "media.peerconnection.ice.loopback": true,
            "media.peerconnection.ice.obfuscate_host_addresses": false,
          },
        },
      },
    },
  ],
});
