// What the tests against the server share: the stage, pages with phones on it, and ears.
import { test as base, type BrowserContext, expect, type Page } from "@playwright/test";

import { EVENTS } from "../../src/frame/protocol.js";
import type { ConnectOptions, ZorioCall, ZorioWebphone } from "../../src/index.js";
import { CARRIER_HOST, Carrier, type CarrierCall } from "./carrier.js";
import { Site, Wire } from "./sites.js";
import { Zorio } from "./zorio.js";

/** The account's own number, which rings at 1001. */
export const NUMBER = "842871000000";
/** Whose number is known. */
export const CALLER = { full_name: "Trần Lan", phone: "0912345678" };

export interface Noted {
  name: string;
  reason?: string;
  billsec?: number;
  digit?: string;
  attempt?: number;
  code?: string;
  contact?: { full_name: string } | null;
}

declare global {
  interface Window {
    ZorioWebphone: typeof ZorioWebphone;
    phone: ZorioWebphone;
    call: ZorioCall;
    noted: Noted[];
    violations: string[];
    peers: RTCPeerConnection[];
    ears: { context: AudioContext; analyser: AnalyserNode; of: string } | undefined;
    play(stream: MediaStream): void;
  }
}

interface Stage {
  zorio: Zorio;
  carrier: Carrier;
  site: Site;
  /** A site that the account does not allow. */
  stranger: Site;
  wire: Wire;
  passwords: Record<string, string>;
}

/** Everything that all tests of a browser need, made once. */
async function build(): Promise<Stage> {
  const zorio = await Zorio.start();
  const carrier = await new Carrier(zorio.sip).start();
  const [site, stranger, wire] = await Promise.all([Site.start(zorio.base), Site.start(zorio.base), Wire.start(zorio.port)]);
  // The example page with the frame lies on the server itself.
  for (const origin of [site.origin, zorio.base]) await zorio.admin("origin", "add", origin);
  const address = ["--host", CARRIER_HOST, "--port", String(carrier.port), "--sources", CARRIER_HOST];
  const trunk = await zorio.admin("trunk", "create", "--name", "carrier", ...address);
  await zorio.admin("route", "create", "--default", "--trunk-id", String(trunk.id));
  const passwords: Record<string, string> = {};
  for (const number of ["1001", "1002", "1003"]) passwords[number] = await zorio.extension(number);
  await zorio.admin("route", "create", "--did", NUMBER, "--extension", "1001");
  await zorio.ask("POST", "/api/contacts", { full_name: CALLER.full_name, phones: [CALLER.phone] });
  return { zorio, carrier, site, stranger, wire, passwords };
}

export const test = base.extend<{ tidy: undefined }, { stage: Stage }>({
  // Ends every phone and mends the way, so that the next test begins with nothing.
  tidy: [
    async ({ context, stage }, use) => {
      if (process.env.SDK_DIST) await asBuilt(context, process.env.SDK_DIST);
      await use(undefined);
      stage.wire.mend();
      stage.carrier.answersWith = 200;
      for (const page of context.pages()) {
        await page.evaluate(() => window.phone?.disconnect()).catch(() => {});
        await page.close();
      }
    },
    { auto: true },
  ],
  stage: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern here
    async ({}, use) => {
      const stage = await build();
      await use(stage);
      stage.carrier.stop();
      stage.wire.stop();
      stage.site.stop();
      stage.stranger.stop();
      await stage.zorio.stop();
    },
    { scope: "worker", timeout: 90_000 },
  ],
});

export { expect };

/** Serves what lies in a folder instead of what was compiled into the server, while the SDK is worked on: `SDK_DIST=dist`. */
async function asBuilt(context: BrowserContext, folder: string): Promise<void> {
  await context.route("**/sdk/webphone/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    const name = pathname.includes("/examples/") ? pathname.slice(pathname.indexOf("examples/")) : pathname.split("/").pop();
    await route.fulfill({ path: `${folder}/${name}`, headers: { "access-control-allow-origin": "*" } });
  });
}

/** Notes every connection of the page, and everything that its policy forbids. */
export async function watch(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.noted = [];
    window.violations = [];
    window.peers = [];
    addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    const Peer = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Peer {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        window.peers.push(this);
      }
    };
    window.play = (stream) => {
      const element = document.createElement("audio");
      element.srcObject = stream;
      document.body.append(element);
      void element.play();
    };
  });
}

/** Opens the customer's page and makes it the phone of an extension. */
export async function open(context: BrowserContext, stage: Stage, extension: string, options: Partial<ConnectOptions> = {}): Promise<Page> {
  const page = await context.newPage();
  await watch(page);
  await page.goto(`${stage.site.origin}/`);
  await start(page, stage, extension, options);
  return page;
}

/** Starts a phone in a page that is open. */
export async function start(page: Page, stage: Stage, extension: string, options: Partial<ConnectOptions> = {}): Promise<void> {
  const token = options.token ?? (await stage.zorio.embedToken(extension));
  await page.evaluate(
    async ([apiBase, token, options, events]) => {
      window.phone = await window.ZorioWebphone.connect({
        apiBase,
        mount: "#phone",
        locale: "en",
        audioProcessing: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
        ...options,
        token,
      });
      for (const name of events) {
        window.phone.on(name, (payload) => {
          const { reason, billsec, digit, contact, attempt, code } = payload as Noted;
          window.noted.push(JSON.parse(JSON.stringify({ name, reason, billsec, digit, contact, attempt, code })));
          const { call } = payload as { call?: ZorioCall };
          if (name === "incoming_call" && call) window.call = call;
        });
      }
    },
    [stage.zorio.base, token, options as object, EVENTS] as const,
  );
}

/** Lets signalling of the page take the way that can break. */
export async function byWire(context: BrowserContext, stage: Stage): Promise<void> {
  await context.route("**/api/webphone/sip-config", async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as { data: { ws_url: string } };
    body.data.ws_url = `ws://127.0.0.1:${stage.wire.port}/sip`;
    await route.fulfill({ response, json: body });
  });
}

/** Waits for an event and returns it. */
export async function until(page: Page, name: string, timeout = 20_000): Promise<Noted> {
  const found = await page.waitForFunction((name) => window.noted.find((event) => event.name === name), name, { timeout });
  return (await found.jsonValue()) as Noted;
}

/** Returns the names of what happened, and forgets it. */
export const happened = (page: Page): Promise<string[]> => page.evaluate(() => window.noted.splice(0).map((event) => event.name));

/** Calls the number from the page; settles when the call is on its way. */
export const call = (page: Page, number: string): Promise<void> =>
  page.evaluate(async (number) => {
    window.call = await window.phone.call(number);
  }, number);

/** A call from the page to the carrier, up on both sides. */
export async function talk(page: Page, stage: Stage, number = "0987000007"): Promise<CarrierCall> {
  await call(page, number);
  const far = await stage.carrier.next();
  await until(page, "call_answered");
  return far;
}

/** Returns the loudest frequency that arrives in the page, and whether it is loud. */
export async function heard(page: Page): Promise<{ hertz: number; level: number }> {
  return await page.evaluate(async () => {
    const peer = window.peers.filter((peer) => peer.iceConnectionState !== "closed").pop();
    const track = peer?.getReceivers().find(({ track }) => track.kind === "audio")?.track;
    if (!track) return { hertz: 0, level: 0 };
    if (window.ears?.of !== track.id) {
      const context = window.ears?.context ?? new AudioContext();
      const analyser = context.createAnalyser();
      analyser.fftSize = 8192;
      analyser.smoothingTimeConstant = 0;
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      window.ears = { context, analyser, of: track.id };
      // Firefox settles it only when its sound is open.
      void context.resume();
    }
    const { context, analyser } = window.ears;
    const decibels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(decibels);
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    const best = decibels.reduce((best, value, at) => (value > (decibels[best] ?? -999) ? at : best), 0);
    return {
      hertz: (best * context.sampleRate) / analyser.fftSize,
      level: Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length),
    };
  });
}

/** Waits until the page hears a tone. */
export async function hearsTone(page: Page, hertz: number): Promise<void> {
  await expect
    .poll(async () => {
      const { hertz: found, level } = await heard(page);
      return level > 0.005 && Math.abs(found - hertz) < 30 ? "the tone" : `${Math.round(found)} Hz at ${level.toFixed(4)}`;
    }, { timeout: 15_000 })
    .toBe("the tone");
}
