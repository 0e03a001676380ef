import { type Carrier, CARRIER_TONE } from "./carrier.js";
import { byWire, CALLER, expect, happened, hearsTone, NUMBER, open, start, talk, test, until, watch } from "./phones.js";
import { BROWSER_TONE } from "./sound.js";

/** Whether a call to the extension finds a phone. */
const isReachable = async (stage: { carrier: Carrier }): Promise<boolean> => {
  const probe = await stage.carrier.dial(NUMBER, CALLER.phone);
  await probe.until("an answer", () => probe.status >= 180);
  const found = probe.status < 300;
  probe.hangup();
  return found;
};

test("a page that is reloaded or closed is no longer called", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  expect(await isReachable(stage)).toBe(true);
  await page.reload();
  await expect.poll(() => isReachable(stage), { timeout: 10_000 }).toBe(false);
  await start(page, stage, "1001");
  expect(await isReachable(stage)).toBe(true);
  await page.close();
  await expect.poll(() => isReachable(stage), { timeout: 10_000 }).toBe(false);
});

test("unregister takes no calls, register takes them again, disconnect leaves nothing", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  await page.evaluate(() => window.phone.unregister());
  expect((await until(page, "unregistered")).reason).toBe("manual");
  expect(await isReachable(stage)).toBe(false);
  await page.evaluate(() => window.phone.register());
  expect(await isReachable(stage)).toBe(true);
  await page.evaluate(() => window.phone.disconnect());
  await expect(page.locator("zorio-webphone")).toHaveCount(0);
  expect(await isReachable(stage)).toBe(false);
});

test("a token that is refused is replaced by the resolver's, and one that nears its end before it does", async ({ context, stage }) => {
  const page = await context.newPage();
  await watch(page);
  // For this page 50 of the token's 60 seconds are over.
  await page.addInitScript(() => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + 50_000;
  });
  await page.goto(`${stage.site.origin}/`);
  const [short, long] = await Promise.all([
    stage.zorio.embedToken("1001", { ttl_seconds: 60 }),
    stage.zorio.embedToken("1001"),
  ]);
  await page.evaluate(
    async ([apiBase, short, long]) => {
      let asked = 0;
      window.phone = await window.ZorioWebphone.connect({
        apiBase,
        token: "refused",
        // First a token that works but is nearly over, then one for an hour.
        tokenResolver: async () => (++asked === 1 ? short : long),
      });
      Object.assign(window, { asked: () => asked });
    },
    [stage.zorio.base, short, long] as const,
  );
  expect(await page.evaluate(() => window.phone.status)).toBe("registered");
  await expect.poll(() => page.evaluate(() => (window as never as { asked(): number }).asked()), { timeout: 15_000 }).toBe(2);
  await page.waitForFunction(() => window.phone.status === "registered");
  expect(await isReachable(stage)).toBe(true);
});

test("an outage of sixteen seconds is heard by nobody, and the call can be held and ended afterwards", async ({ context, stage }) => {
  await byWire(context, stage);
  const page = await open(context, stage, "1001");
  const far = await talk(page, stage);
  await hearsTone(page, CARRIER_TONE);
  await happened(page);
  stage.wire.cut();
  expect((await until(page, "unregistered")).reason).toBe("transport_disconnect");
  await new Promise((resolve) => setTimeout(resolve, 16_000));
  far.heard.length = 0;
  await far.until("the tone during the outage", () => far.hears(BROWSER_TONE));
  await hearsTone(page, CARRIER_TONE);
  stage.wire.mend();
  await until(page, "registered");
  const attempts = await page.evaluate(() => window.noted.filter(({ name }) => name === "auto_reconnect").map(({ attempt }) => attempt));
  expect(attempts).toEqual(attempts.map((_, at) => at + 1));
  await page.evaluate(() => window.call.hold());
  await far.until("no tone on hold", () => !far.hears(BROWSER_TONE));
  await page.evaluate(() => window.call.unhold());
  await page.evaluate(() => window.call.hangup());
  await far.until("the end", () => far.isOver);
});

test("what is pressed during a short outage is done when it is over", async ({ context, stage }) => {
  await byWire(context, stage);
  const page = await open(context, stage, "1001");
  const far = await talk(page, stage);
  await hearsTone(page, CARRIER_TONE);
  await page.waitForFunction(() => Date.now() - (window.call.answeredAt?.getTime() ?? Date.now()) > 1_100);
  await happened(page);
  stage.wire.cut();
  await until(page, "unregistered");
  await page.evaluate(() => window.call.hangup());
  expect((await until(page, "call_hangup")).reason).toBe("normal_clearing");
  stage.wire.mend();
  await until(page, "registered");
  await far.until("the end", () => far.isOver);
});

test("a connection that swallows everything is noticed during a call, and replaced", async ({ context, stage }) => {
  await byWire(context, stage);
  const page = await open(context, stage, "1001");
  const far = await talk(page, stage);
  await happened(page);
  stage.wire.swallow();
  await until(page, "unregistered", 12_000);
  await until(page, "registered");
  expect(await page.evaluate(() => window.call.state)).toBe("answered");
  far.hangup();
  await until(page, "call_hangup");
});

test("a server that starts anew has its phones back at once", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  const far = await talk(page, stage);
  await hearsTone(page, CARRIER_TONE);
  await happened(page);
  await stage.zorio.kill();
  expect((await until(page, "unregistered")).reason).toBe("transport_disconnect");
  await stage.zorio.launch();
  await until(page, "registered");
  // The call went with the server: whatever state it is shown in, it can be ended, and the next one works.
  await page.evaluate(() => window.call.hangup());
  await until(page, "call_hangup");
  far.over();
  await happened(page);
  const next = await talk(page, stage);
  await hearsTone(page, CARRIER_TONE);
  next.hangup();
  await until(page, "call_hangup");
});

// Playwright cannot take stock Firefox off the network.
test("offline and online: the phone is back as soon as the network is", { tag: "@chromium" }, async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  await happened(page);
  await context.setOffline(true);
  await page.evaluate(() => dispatchEvent(new Event("offline")));
  await context.setOffline(false);
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await page.waitForFunction(() => window.phone.status === "registered");
  expect(await isReachable(stage)).toBe(true);
});

test("of two tabs one is the phone; both show its calls, and the other takes over when it is closed", async ({ context, stage }) => {
  const first = await open(context, stage, "1001");
  const second = await open(context, stage, "1001");
  const far = await stage.carrier.dial(NUMBER, CALLER.phone);
  await Promise.all([until(first, "incoming_call"), until(second, "incoming_call")]);
  await second.evaluate(() => window.call.answer());
  await Promise.all([until(first, "call_answered"), until(second, "call_answered")]);
  await hearsTone(first, CARRIER_TONE);
  expect(await second.evaluate(() => window.peers.length)).toBe(0);
  await second.evaluate(() => window.call.hangup());
  await far.until("the end", () => far.isOver);
  await first.close({ runBeforeUnload: true });
  await second.waitForFunction(() => window.phone.status === "registered");
  await expect.poll(() => isReachable(stage), { timeout: 10_000 }).toBe(true);
});
