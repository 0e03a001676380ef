import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { defineConfig } from "@playwright/test";

import { chromium, firefox, SIZE } from "./e2e/browsers.js";
import { BROWSER_TONE, wav } from "./e2e/server/sound.js";

// The phone against the server itself: `ZORIO=path/to/zorio npm run e2e:server`.
const folder = join(tmpdir(), "zorio-sdk-tones");
mkdirSync(folder, { recursive: true });
const tone = join(folder, "microphone.wav");
writeFileSync(tone, wav(BROWSER_TONE, 5));

export default defineConfig({
  testDir: "e2e/server",
  globalSetup: "./e2e/server/sound-card.ts",
  outputDir: "results",
  // One server for all tests of a browser.
  workers: 1,
  // As with the server's own tests: what fails twice has failed, what fails once is shown as flaky and wants mending.
  retries: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: { locale: "en-GB", trace: "retain-on-failure", viewport: SIZE },
  projects: [
    chromium(
      `--use-file-for-fake-audio-capture=${tone}`,
      // As with a window: without one Chromium lets every page make sounds.
      "--autoplay-policy=document-user-activation-required",
      // What stands in for a file of the server has no address, and would have to ask for the network of this machine.
      ...(process.env.SDK_DIST ? ["--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"] : []),
    ),
    firefox({ "media.navigator.audio.fake_frequency": BROWSER_TONE }),
  ],
});
