import { type BrowserContext, expect, type Page, test } from "@playwright/test";

import { EVENTS } from "../src/frame/protocol.js";
import type { ZorioCall, ZorioWebphone } from "../src/index.js";

type Noted = { name: string; reason?: string; billsec?: number; digit?: string; contact?: unknown; attempt?: number };
declare global {
  interface Window {
    ZorioWebphone: typeof ZorioWebphone;
    real: ZorioWebphone;
    call: ZorioCall;
    noted: Noted[];
    shown: Notification[];
    isHidden: boolean;
  }
}

/** Opens a page with the UMD file and a phone of the extension. */
async function open(context: BrowserContext, extension: string, options: object = {}, path = "/real"): Promise<Page> {
  const page = await context.newPage();
  await page.goto(path);
  await page.evaluate(
    async ([extension, options, events]) => {
      window.noted = [];
      const violations: string[] = [];
      Object.assign(window, { violations });
      addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
      window.real = await window.ZorioWebphone.connect({
        apiBase: location.origin,
        token: extension,
        mount: "#phone",
        locale: "en",
        audioProcessing: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
        ...options,
      });
      for (const name of events) {
        window.real.on(name, (payload) => {
          const { reason, billsec, digit, contact, attempt } = payload as Noted;
          window.noted.push({ name, reason, billsec, digit, contact, attempt } as Noted);
          if (name === "incoming_call") window.call = (payload as { call: ZorioCall }).call;
        });
      }
    },
    [extension, options, EVENTS] as const,
  );
  return page;
}

const noted = (page: Page) => page.evaluate(() => window.noted.splice(0));
const until = async (page: Page, name: string): Promise<Noted> => {
  const found = await page.waitForFunction((name) => window.noted.find((event) => event.name === name), name);
  return (await found.jsonValue()) as Noted;
};
const control = async (page: Page, what: string) => (await page.request.get(`/control/${what}`)).json();

/** Two phones in a call that 1001 made and 1002 answered. */
async function connected(context: BrowserContext): Promise<[Page, Page]> {
  const [a, b] = [await open(context, "1001"), await open(context, "1002")];
  await a.evaluate(async () => {
    window.call = await window.real.call("1002", { campaignId: 3 });
  });
  await until(b, "incoming_call");
  await b.evaluate(() => window.call.answer());
  await Promise.all([until(a, "call_answered"), until(b, "call_answered")]);
  return [a, b];
}

const hears = (page: Page, least: number) =>
  expect
    .poll(async () => (await page.evaluate(() => window.call.getStats())).packetsReceived, { timeout: 15_000 })
    .toBeGreaterThan(least);

test("two pages register, talk, are muted and held, and hang up", async ({ context }) => {
  const [a, b] = await connected(context);
  const incoming = (await noted(b)).find((event) => event.name === "incoming_call");
  expect(incoming?.contact).toEqual({ id: 7, full_name: "Contact 7" });
  await expect(b.locator("zorio-webphone").getByText("Contact 7").first()).toBeVisible();
  // Firefox without a sound card never opens it, and cannot play the ringback.
  const names = (await noted(a)).map((event) => event.name).filter((name) => name !== "audio_autoplay_blocked");
  expect(names).toEqual(["call_ringing", "call_answered"]);
  const uuids = await Promise.all([a, b].map((page) => page.evaluate(() => window.call.uuid)));
  const { calls } = await control(a, "state");
  expect(uuids).toEqual([calls.at(-1), calls.at(-1)]);

  await hears(b, 50);
  await expect.poll(async () => (await b.evaluate(() => window.call.getStats())).remoteLevel).toBeGreaterThan(0.005);
  expect((await b.evaluate(() => window.call.getStats())).quality?.mos).toBeGreaterThan(3.5);
  await a.evaluate(() => window.call.mute());
  await expect.poll(async () => (await b.evaluate(() => window.call.getStats())).remoteLevel).toBeLessThan(0.005);
  await a.evaluate(() => window.call.unmute());

  await a.evaluate(() => window.call.hold());
  expect(await a.evaluate(() => window.call.state)).toBe("held");
  await a.evaluate(() => window.call.unhold());
  await control(a, "press?with=5");
  expect((await until(a, "dtmf")).digit).toBe("5");

  await a.evaluate(() => window.call.hangup());
  const [ours, theirs] = [await until(a, "call_hangup"), await until(b, "call_hangup")];
  expect([ours.reason, theirs.reason]).toEqual(["normal_clearing", "normal_clearing"]);
  expect(theirs.billsec).toBeGreaterThan(0);

  for (const page of [a, b]) {
    // Its timers go on in a hidden tab.
    expect(page.workers().length).toBe(1);
    expect(await page.evaluate(() => (window as never as { violations: string[] }).violations)).toEqual([]);
    await page.evaluate(() => window.real.disconnect());
    await expect(page.locator("zorio-webphone")).toHaveCount(0);
  }
  expect((await control(a, "state")).registrations.slice(-2)).toEqual(["-1001", "-1002"]);
});

test("a call outlives a lost connection, and can be held and ended afterwards", async ({ context }) => {
  const [a, b] = await connected(context);
  await hears(b, 20);
  await noted(a);
  await control(a, "drop");
  expect((await until(a, "unregistered")).reason).toBe("transport_disconnect");
  expect((await until(a, "auto_reconnect")).attempt).toBe(1);
  await Promise.all([until(a, "registered"), b.waitForFunction(() => window.real.status === "registered")]);
  const before = (await b.evaluate(() => window.call.getStats())).packetsReceived;
  await hears(b, before + 20);
  await a.evaluate(() => window.call.hold());
  await a.evaluate(() => window.call.hangup());
  expect((await until(b, "call_hangup")).reason).toBe("normal_clearing");
});

test("a server that hangs is noticed during a call within ten seconds", async ({ context }) => {
  const [a] = await connected(context);
  await control(a, "deaf");
  try {
    await a.waitForFunction(() => window.real.status === "reconnecting", undefined, { timeout: 12_000 });
    expect(await a.evaluate(() => window.call.state)).toBe("answered");
  } finally {
    await control(a, "hear");
  }
});

test("who is busy or not there is told apart, and a blind transfer leaves the call", async ({ context }) => {
  const [a] = await connected(context);
  await a.evaluate(() => window.call.transfer("1003"));
  expect(await until(a, "call_hangup")).toMatchObject({ reason: expect.stringMatching(/normal_clearing|no_answer/) });
  expect((await control(a, "state")).referred).toContain("sip:1003@pbx.test");
  for (const [number, reason] of [["1009", "busy"], ["1005", "unallocated_number"]] as const) {
    await noted(a);
    await a.evaluate((number) => window.real.call(number), number);
    expect((await until(a, "call_hangup")).reason).toBe(reason);
  }
});

test("of two tabs one is the phone, both hear of calls, and the other takes over", async ({ context }) => {
  const first = await open(context, "1001");
  const second = await open(context, "1001");
  const caller = await open(context, "1002");
  const { registrations } = await control(first, "state");
  expect(registrations.slice(-2)).toEqual(["+1001", "+1002"]);
  await caller.evaluate(() => window.real.call("1001"));
  await Promise.all([until(first, "incoming_call"), until(second, "incoming_call")]);
  await second.evaluate(() => window.call.answer());
  await until(first, "call_answered");
  await second.evaluate(() => window.call.hangup());
  await until(caller, "call_hangup");
  await first.close({ runBeforeUnload: true });
  await second.waitForFunction(() => window.real.status === "registered");
  await expect.poll(async () => (await control(second, "state")).registrations.at(-1)).toBe("+1001");
});

test("a token that is refused is told, and the page is left as it was", async ({ page }) => {
  await page.goto("/real");
  const error = await page.evaluate(async () => {
    const options = { apiBase: location.origin, token: "wrong", mount: "#phone" };
    return await window.ZorioWebphone.connect(options).catch((error) => error.toJSON());
  });
  expect(error.code).toBe("token_expired");
  await expect(page.locator("zorio-webphone")).toHaveCount(0);
});

test("a page that forbids workers and all policies of Trusted Types has a phone; told so, nothing of it is even tried", async ({ context }) => {
  for (const backgroundTimers of ["auto", "off"]) {
    const page = await open(context, "1001", { backgroundTimers, multiTab: "off" }, "/strictest");
    expect(await page.evaluate(() => window.real.status)).toBe("registered");
    const violations = await page.evaluate(() => (window as never as { violations: string[] }).violations);
    if (backgroundTimers === "off") expect(violations).toEqual([]);
    await page.evaluate(() => window.real.disconnect());
    await page.close();
  }
});

test("a call that rings in a page which is not looked at is in its title, and no longer than it rings", async ({ context }) => {
  const callee = await open(context, "1002");
  const caller = await open(context, "1001");
  await callee.evaluate(() => {
    Object.defineProperty(document, "hidden", { get: () => true });
  });
  await caller.evaluate(async () => {
    window.call = await window.real.call("1002");
  });
  await until(callee, "incoming_call");
  expect(await callee.title()).toBe("☎ Contact 7 · 1001");
  await caller.evaluate(() => window.call.hangup());
  await until(callee, "call_hangup");
  expect(await callee.title()).toBe("Real");
});

// Playwright cannot let stock Firefox show notifications.
test("a call that rings in a page which is not looked at is announced by the system, as long as it rings", { tag: "@chromium" }, async ({
  context,
}) => {
  await context.grantPermissions(["notifications"]);
  await context.addInitScript(() => {
    const System = window.Notification;
    window.shown = [];
    window.Notification = class extends System {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        window.shown.push(this);
      }
      override close() {
        window.shown.splice(window.shown.indexOf(this), 1);
        super.close();
      }
    };
  });
  const callee = await open(context, "1002");
  const caller = await open(context, "1001");
  const ring = async () => {
    await caller.evaluate(async () => {
      window.call = await window.real.call("1002");
    });
    await until(callee, "incoming_call");
  };
  const shown = () => callee.evaluate(() => window.shown.map(({ title, body }) => `${title}: ${body}`));
  const giveUp = async () => {
    await caller.evaluate(() => window.call.hangup());
    await until(callee, "call_hangup");
    await noted(callee);
  };
  await callee.evaluate(() => {
    Object.defineProperties(document, { hidden: { get: () => window.isHidden }, hasFocus: { value: () => !window.isHidden } });
  });
  await ring();
  expect(await shown()).toEqual([]);
  await giveUp();
  await callee.evaluate(() => {
    window.isHidden = true;
  });
  await ring();
  expect(await shown()).toEqual(["Incoming call: Contact 7 · 1001"]);
  await giveUp();
  expect(await shown()).toEqual([]);
  await ring();
  await callee.evaluate(() => window.shown[0]?.onclick?.(new Event("click")));
  expect(await shown()).toEqual([]);
});

// Firefox may not tell a frame whose page it is in: there the server's policy stands alone.
test("a frame in a page of an origin that is not allowed is no phone, and says so to its user alone", { tag: "@chromium" }, async ({
  page,
  baseURL,
}) => {
  const port = new URL(baseURL ?? "").port;
  await page.goto(`http://stranger.localhost:${port}/parent`);
  await page.evaluate((origin) => {
    window.noted = [];
    addEventListener("message", (event) => window.noted.push({ name: event.data.type, ...event.data }));
    const frame = document.createElement("iframe");
    frame.src = `${origin}/webphone-embed?token=1001&locale=en`;
    document.body.append(frame);
  }, `http://127.0.0.1:${port}`);
  const frame = page.frameLocator("iframe");
  await expect(frame.getByRole("alert")).toHaveText("This page may not use the phone.");
  await expect(frame.locator("zorio-webphone")).toHaveCount(0);
  expect(await noted(page)).toEqual([]);
});

test("a frame that was reloaded has no token any more, and starts with the one that its parent brings", async ({ context, baseURL }) => {
  const page = await context.newPage();
  const port = new URL(baseURL ?? "").port;
  await page.goto(`http://localhost:${port}/parent`);
  await page.evaluate((origin) => {
    window.noted = [];
    addEventListener("message", (event) => {
      if (event.origin !== origin || event.data.source !== "zorio-webphone") return;
      window.noted.push({ name: event.data.type, ...event.data });
      if (event.data.type !== "error") return;
      const message = { source: "zorio-webphone", type: "refresh_token", payload: { token: "1001" }, id: 1 };
      (event.source as Window).postMessage(message, origin);
    });
    const frame = document.createElement("iframe");
    frame.src = `${origin}/webphone-embed?locale=en`;
    document.body.append(frame);
  }, `http://127.0.0.1:${port}`);
  expect((await until(page, "error")) as object).toMatchObject({ payload: { code: "token_invalid" } });
  expect((await until(page, "result")) as object).toMatchObject({ id: 1, payload: { ok: true } });
  await until(page, "ready");
  await expect(page.frameLocator("iframe").locator(".status")).toHaveText("Ready");
  await expect(page.frameLocator("iframe").getByRole("alert").filter({ hasText: "session" })).toHaveCount(0);
});

test("a frame of another origin is driven by messages, and hides its token", async ({ context, baseURL }) => {
  const other = await open(context, "1002");
  const page = await context.newPage();
  const port = new URL(baseURL ?? "").port;
  await page.goto(`http://localhost:${port}/parent`);
  await page.evaluate((origin) => {
    window.noted = [];
    addEventListener("message", (event) => {
      if (event.origin === origin && event.data.source === "zorio-webphone") {
        window.noted.push({ name: event.data.type, ...event.data });
      }
    });
    const frame = document.createElement("iframe");
    frame.allow = "microphone; autoplay";
    frame.width = "380";
    frame.height = "560";
    frame.src = `${origin}/webphone-embed?token=1001&locale=en`;
    document.body.append(frame);
  }, `http://127.0.0.1:${port}`);
  const ready = (await until(page, "ready")) as never as { payload: { methods: string[] } };
  expect(ready.payload.methods).toContain("send_dtmf");
  const frame = page.frames()[1];
  expect(await frame?.evaluate(() => location.search)).toBe("?locale=en");
  const say = async (type: string, payload: object, id: number) => {
    await page.evaluate(
      ([type, payload, id]) => {
        const source = "zorio-webphone";
        const origin = new URL(document.querySelector("iframe")?.src ?? "").origin;
        document.querySelector("iframe")?.contentWindow?.postMessage({ source, type, payload, id }, origin);
      },
      [type, payload, id] as const,
    );
    const answer = await page.waitForFunction(
      (id) => window.noted.find((event) => event.name === "result" && (event as never as { id: number }).id === id),
      id,
    );
    return ((await answer.jsonValue()) as never as { payload: { ok: boolean; error?: { code: string } } }).payload;
  };
  expect(await say("call", { number: "1002" }, 1)).toMatchObject({ ok: true, result: { number: "1002", direction: "outgoing" } });
  await until(other, "incoming_call");
  await other.evaluate(() => window.call.answer());
  await until(page, "call_answered");
  expect(await say("mute", {}, 2)).toEqual({ ok: true });
  expect(await say("send_dtmf", { digits: "1" }, 3)).toEqual({ ok: true });
  expect((await say("explode", {}, 4)).error?.code).toBe("unknown_command");
  expect(await say("hangup", {}, 5)).toEqual({ ok: true });
  const ended = (await until(page, "call_hangup")) as never as { payload: { call: object } };
  expect(ended.payload.call).toMatchObject({ number: "1002", state: "ended" });
});
