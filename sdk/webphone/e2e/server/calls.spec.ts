import { CARRIER_TONE } from "./carrier.js";
import { CALLER, call, expect, happened, hearsTone, NUMBER, open, start, talk, test, until } from "./phones.js";
import { BROWSER_TONE, readWav, share } from "./sound.js";

test("a call out: both hear each other, mute and hold are silence, keys arrive both ways, and the recording has both", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  expect(await page.evaluate(() => [window.phone.extension, window.phone.status])).toEqual(["1001", "registered"]);
  const far = await talk(page, stage);
  expect(await happened(page)).toEqual(["call_ringing", "call_answered"]);
  await hearsTone(page, CARRIER_TONE);
  await far.until("the browser's tone", () => far.hears(BROWSER_TONE));

  await page.evaluate(() => window.call.mute());
  await far.until("silence", () => !far.hears(BROWSER_TONE));
  await page.evaluate(() => window.call.unmute());
  await far.until("the tone after mute", () => far.hears(BROWSER_TONE));

  await page.evaluate(() => window.call.hold());
  expect(await page.evaluate(() => [window.call.state, window.call.held])).toEqual(["held", true]);
  await far.until("no tone on hold", () => !far.hears(BROWSER_TONE));
  await page.evaluate(() => window.call.unhold());
  await far.until("the tone after hold", () => far.hears(BROWSER_TONE));
  await hearsTone(page, CARRIER_TONE);

  await page.evaluate(() => window.call.sendDtmf("15#"));
  await far.until("keys", () => far.digits === "15#");
  far.press("7");
  expect((await until(page, "dtmf")).digit).toBe("7");

  const stats = await page.evaluate(() => window.call.getStats());
  expect(stats.packetsReceived).toBeGreaterThan(50);
  // It is judged every few seconds.
  await expect.poll(() => page.evaluate(async () => (await window.call.getStats()).quality?.mos ?? 0)).toBeGreaterThan(3);
  const uuid = await page.evaluate(() => window.call.uuid);
  far.hangup();
  const over = await until(page, "call_hangup");
  expect(over.reason).toBe("normal_clearing");
  expect(over.billsec).toBeGreaterThan(2);
  expect(await page.evaluate(() => window.violations)).toEqual([]);

  // The server's name of the call is the SDK's: its record and its recording are found by it.
  await expect.poll(async () => (await stage.zorio.fetch("GET", `/api/pbx/cdr/${uuid}`)).status, { timeout: 15_000 }).toBe(200);
  let file: Buffer | null = null;
  await expect.poll(async () => (file = await stage.zorio.recording(uuid)) !== null, { timeout: 15_000 }).toBe(true);
  const { rate, channels } = readWav(file as unknown as Buffer);
  const has = (hertz: number) =>
    channels.some((samples) =>
      samples.some((_, at) => at % rate === 0 && share(samples.slice(at, at + rate / 4), hertz, rate) > 0.4),
    );
  expect([has(BROWSER_TONE), has(CARRIER_TONE)]).toEqual([true, true]);
});

test("a call in has the contact's name, is answered on the face, and goes on with another microphone", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  const far = await stage.carrier.dial(NUMBER, CALLER.phone);
  const rings = await until(page, "incoming_call");
  expect(rings.contact?.full_name).toBe(CALLER.full_name);
  await expect(page.getByRole("alertdialog", { name: "Incoming call" })).toContainText(CALLER.full_name);
  await page.getByRole("button", { name: "Answer" }).click();
  await until(page, "call_answered");
  await hearsTone(page, CARRIER_TONE);
  await far.until("the browser's tone", () => far.hears(BROWSER_TONE));

  const [input, output] = await page.evaluate(async () => {
    const { inputs, outputs } = await window.phone.devices();
    const [input, output] = [inputs[inputs.length - 1]?.id ?? "", outputs[outputs.length - 1]?.id ?? ""];
    await window.phone.setAudioInput(input);
    if (output) await window.phone.setAudioOutput(output);
    return [input, output];
  });
  expect(input + output).not.toBe("");
  far.heard.length = 0;
  await far.until("the other microphone", () => far.hears(BROWSER_TONE));
  await page.getByRole("button", { name: "Hang up" }).click();
  await until(page, "call_hangup");
  await far.until("the end", () => far.isOver);
});

test("a call that is declined, given up, or refused ends with its reason", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  const declined = await stage.carrier.dial(NUMBER, CALLER.phone);
  await until(page, "incoming_call");
  await page.evaluate(() => window.call.hangup());
  expect((await until(page, "call_hangup")).reason).toBe("call_rejected");
  await declined.until("a refusal", () => declined.status >= 400);

  await happened(page);
  const impatient = await stage.carrier.dial(NUMBER, CALLER.phone);
  await until(page, "incoming_call");
  impatient.hangup();
  expect((await until(page, "call_hangup")).reason).toBe("originator_cancel");

  await happened(page);
  stage.carrier.answersWith = 486;
  try {
    await call(page, "0987000000");
    expect((await until(page, "call_hangup")).reason).toBe("busy");
  } finally {
    stage.carrier.answersWith = 200;
  }
});

for (const earlyMedia of [true, false]) {
  const what = earlyMedia ? "played" : "kept quiet if the page wants it so";
  test(`what the other side says before it answers is ${what}, and what comes after is played`, async ({ context, stage }) => {
    const page = await open(context, stage, "1001", { earlyMedia });
    /** How loud it is played. */
    const level = () => page.evaluate(() => window.phone.levels(window.phone.snapshot().calls[0]?.id ?? "")?.remote ?? 0);
    const arrived = () =>
      page.evaluate(async () => {
        const stats = await window.peers[0]?.getStats();
        return [...(stats?.values() ?? [])].find(({ type }) => type === "inbound-rtp")?.packetsReceived ?? 0;
      });
    stage.carrier.answersWith = 183;
    await call(page, "0987000008");
    const far = await stage.carrier.next();
    await page.waitForFunction(() => window.call.state === "early_media");
    // It arrives either way: half a second of it.
    await expect.poll(arrived).toBeGreaterThan(25);
    if (earlyMedia) await expect.poll(level).toBeGreaterThan(0);
    else expect(await level()).toBe(0);
    expect(await happened(page)).not.toContain("call_answered");
    stage.carrier.answersWith = 200;
    far.accept();
    await until(page, "call_answered");
    await expect.poll(level).toBeGreaterThan(0);
    await page.evaluate(() => window.call.hangup());
    await far.until("the end", () => far.isOver);
  });
}

test("a blind transfer connects the two others", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  const other = await open(context, stage, "1002");
  const far = await talk(page, stage);
  await page.evaluate(() => window.call.transfer("1002"));
  await until(page, "call_hangup");
  await until(other, "incoming_call");
  await other.evaluate(() => window.call.answer());
  await until(other, "call_answered");
  await hearsTone(other, CARRIER_TONE);
  await far.until("the tone of the other browser", () => far.hears(BROWSER_TONE));
  await other.evaluate(() => window.call.hangup());
  await far.until("the end", () => far.isOver);
});

test("an attended transfer connects the two others after a talk", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  const other = await open(context, stage, "1002");
  const far = await talk(page, stage);
  await page.evaluate(async () => {
    const first = window.call;
    window.call = await window.phone.call("1002");
    Object.assign(window, { first });
  });
  await until(other, "incoming_call");
  await other.evaluate(() => window.call.answer());
  await page.waitForFunction(() => window.call.state === "answered");
  expect(await page.evaluate(() => (window as never as { first: { state: string } }).first.state)).toBe("held");
  await hearsTone(other, BROWSER_TONE);
  await page.evaluate(() => (window as never as { first: { transfer(to: unknown): Promise<void> } }).first.transfer(window.call));
  await expect.poll(() => page.evaluate(() => window.phone.calls.length)).toBe(0);
  await hearsTone(other, CARRIER_TONE);
  far.heard.length = 0;
  await far.until("the tone of the other browser", () => far.hears(BROWSER_TONE));
  await other.evaluate(() => window.call.hangup());
  await far.until("the end", () => far.isOver);
});

test("the echo plays back what the microphone says", async ({ context, stage }) => {
  const page = await open(context, stage, "1001");
  await call(page, "*60");
  await until(page, "call_answered");
  await hearsTone(page, BROWSER_TONE);
  await page.evaluate(() => window.call.hangup());
  await until(page, "call_hangup");
});

test("what is missing is found by diagnose, in the language of the page", async ({ context, stage }) => {
  const page = await context.newPage();
  await page.goto(`${stage.site.origin}/`);
  const token = await stage.zorio.embedToken("1001");
  const check = (token: string, locale: "vi" | "en") =>
    page.evaluate(
      ([apiBase, token, locale]) => window.ZorioWebphone.diagnose({ apiBase, token, locale }),
      [stage.zorio.base, token, locale] as const,
    );
  const good = await check(token, "en");
  expect(good.checks.filter(({ status }) => status === "fail")).toEqual([]);
  expect(good.checks.find(({ name }) => name === "bootstrap")?.message).toBe("Extension 1001");
  const bad = await check("nonsense", "vi");
  expect(bad.ok).toBe(false);
  expect(bad.checks.find(({ name }) => name === "bootstrap")?.message).toBe("Phiên đã hết hạn. Hãy tải lại trang.");
});

test("a page that is not allowed gets neither a session nor a connection", async ({ context, stage }) => {
  const page = await context.newPage();
  await page.goto(`${stage.stranger.origin}/`);
  const token = await stage.zorio.embedToken("1001");
  await expect(start(page, stage, "1001", { token })).rejects.toThrow(/cannot be reached|not allowed/i);
  const closed = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, "sip");
        socket.onopen = () => resolve("open");
        socket.onclose = () => resolve("closed");
      }),
    `ws://127.0.0.1:${stage.zorio.port}/sip`,
  );
  expect(closed).toBe("closed");
});
