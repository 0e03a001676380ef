// The browsers of the tests, as both configurations start them: Debian's own. Playwright newer than 1.64 asks Firefox ESR
// for what it does not know.
import { devices, type Project } from "@playwright/test";

/** As wide as the phone. */
export const SIZE = { width: 420, height: 680 };

/** Chromium with a microphone of its own, and with the switches that a configuration adds. */
export const chromium = (...switches: string[]): Project => ({
  name: "chromium",
  use: {
    ...devices["Desktop Chrome"],
    viewport: SIZE,
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
        ...switches,
      ],
    },
  },
});

/** Firefox likewise. Tests that say why they run in one browser only are not for it. */
export const firefox = (preferences: Record<string, string | number | boolean> = {}): Project => ({
  name: "firefox",
  grepInvert: /@chromium/,
  use: {
    ...devices["Desktop Firefox"],
    channel: "moz-firefox",
    viewport: SIZE,
    launchOptions: {
      executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
      firefoxUserPrefs: {
        "media.navigator.streams.fake": true,
        "media.navigator.permission.disabled": true,
        "media.peerconnection.ice.loopback": true,
        "media.peerconnection.ice.obfuscate_host_addresses": false,
        "media.autoplay.default": 0,
        ...preferences,
      },
    },
  },
});
