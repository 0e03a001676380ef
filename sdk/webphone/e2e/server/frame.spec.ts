import { METHODS } from "../../src/frame/protocol.js";
import { CALLER, expect, NUMBER, open, test, until } from "./phones.js";
import { BROWSER_TONE } from "./sound.js";
import type { BrowserContext, Page } from "@playwright/test";

type Message = { name: string; id?: number; payload?: Record<string, unknown> & { ok?: boolean; call?: Record<string, unknown> } };

/** A page of the origin with the frame in it; what the frame says is noted. */
async function embed(context: BrowserContext, origin: string, server: string, token: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${origin}/frame`);
  await page.evaluate(
    ([server, token]) => {
      window.noted = [];
      addEventListener("message", (event) => {
        if (event.origin === server && event.data.source === "zorio-webphone") {
          window.noted.push({ ...event.data, name: event.data.type });
        }
      });
      const frame = document.createElement("iframe");
      frame.title = "Phone";
      frame.allow = "microphone; autoplay; speaker-selection; hid; screen-wake-lock; local-network-access";
      frame.src = `${server}/webphone-embed?token=${token}&locale=en`;
      document.querySelector("#phone")?.append(frame);
    },
    [server, token] as const,
  );
  return page;
}

let last = 0;

/** Tells the frame and returns its answer. */
async function tell(page: Page, type: string, payload: object = {}): Promise<Record<string, unknown>> {
  last += 1;
  await page.evaluate(
    ([type, payload, id]) => {
      const frame = document.querySelector("iframe");
      frame?.contentWindow?.postMessage({ source: "zorio-webphone", type, payload, id }, new URL(frame.src).origin);
    },
    [type, payload, last] as const,
  );
  const answer = await page.waitForFunction(
    (id) => (window.noted as Message[]).find((message) => message.name === "result" && message.id === id),
    last,
  );
  return ((await answer.jsonValue()) as Message).payload as Record<string, unknown>;
}

const told = async (page: Page, name: string): Promise<Message> => {
  const found = await page.waitForFunction((name) => (window.noted as Message[]).find((message) => message.name === name), name, {
    timeout: 20_000,
  });
  return (await found.jsonValue()) as Message;
};
const forget = (page: Page) => page.evaluate(() => window.noted.splice(0));

test("a page of another origin drives the frame by all of its commands", async ({ context, stage }) => {
  const token = await stage.zorio.embedToken("1001", { origin: stage.site.origin });
  const other = await open(context, stage, "1002");
  const page = await embed(context, stage.site.origin, stage.zorio.base, token);
  expect((await told(page, "ready")).payload?.methods).toEqual([...METHODS]);
  // The token is nowhere in the frame's address.
  const frame = page.frames()[1];
  expect(await frame?.evaluate(() => location.href)).not.toContain("token");

  expect(await tell(page, "call", { number: "0987000007", options: { leadId: 4 } })).toMatchObject({
    ok: true,
    result: { number: "0987000007", direction: "outgoing" },
  });
  const far = await stage.carrier.next();
  await told(page, "call_answered");
  await far.until("the browser's tone", () => far.hears(BROWSER_TONE));
  for (const [command, isSilent] of [["mute", true], ["unmute", false], ["hold", true], ["unhold", false]] as const) {
    expect(await tell(page, command), command).toEqual({ ok: true });
    await far.until(command, () => far.hears(BROWSER_TONE) !== isSilent);
  }
  expect(await tell(page, "send_dtmf", { digits: "42" })).toEqual({ ok: true });
  await far.until("keys", () => far.digits === "42");
  far.press("9");
  expect((await told(page, "dtmf")).payload?.digit).toBe("9");
  expect(await tell(page, "transfer", { target: "1002" })).toEqual({ ok: true });
  await until(other, "incoming_call");
  await other.evaluate(() => window.call.answer());
  await until(other, "call_answered");
  expect((await told(page, "call_hangup")).payload?.call).toMatchObject({ number: "0987000007", state: "ended" });
  await other.evaluate(() => window.call.hangup());

  await forget(page);
  expect(await tell(page, "unregister")).toEqual({ ok: true });
  expect((await told(page, "unregistered")).payload).toEqual({ reason: "manual" });
  expect(await tell(page, "register")).toEqual({ ok: true });
  await stage.carrier.dial(NUMBER, CALLER.phone);
  expect((await told(page, "notification")).payload).toMatchObject({ title: "Incoming call", body: `${CALLER.full_name} · ${CALLER.phone}` });
  expect(await tell(page, "answer")).toEqual({ ok: true });
  await told(page, "notification_close");
  expect(await tell(page, "hangup")).toEqual({ ok: true });
  await told(page, "call_hangup");
  expect(await tell(page, "refresh_token", { token: await stage.zorio.embedToken("1001", { origin: stage.site.origin }) })).toEqual({ ok: true });
  expect(await tell(page, "explode")).toMatchObject({ ok: false, error: { code: "unknown_command" } });
  expect(await tell(page, "disconnect")).toEqual({ ok: true });
});

test("a page whose origin is not allowed sees no phone", async ({ context, stage }) => {
  const token = await stage.zorio.embedToken("1001");
  const answer = await stage.zorio.fetch("GET", `/webphone-embed?token=${token}`);
  expect(answer.headers.get("content-security-policy")).toContain(stage.site.origin);
  expect(answer.headers.get("content-security-policy")).not.toContain(stage.stranger.origin);
  const page = await embed(context, stage.stranger.origin, stage.zorio.base, token);
  await expect.poll(() => page.frames().length).toBe(2);
  // The browser shows its own refusal instead: no element of ours, and no word.
  await page.frames()[1]?.waitForLoadState().catch(() => {});
  expect(await page.frames()[1]?.locator("#webphone").count().catch(() => 0)).toBe(0);
  expect(await page.evaluate(() => window.noted)).toEqual([]);
});
