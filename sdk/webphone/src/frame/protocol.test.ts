import assert from "node:assert/strict";
import { test } from "node:test";

import { ZorioCall } from "../call.js";
import type { DeskCommand } from "../desk/desk.js";
import { ZorioWebphoneError } from "../errors.js";
import { snapshot } from "../testing/snapshot.js";
import type { CallSnapshot } from "../types.js";
import { type FramePhone, METHODS, obey, Parent, plainPayload, readMessage, readQuery, scrubbed, SOURCE } from "./protocol.js";

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (claims: object) => `${base64({ alg: "HS256" })}.${base64(claims)}.c2ln`;

function phone(...calls: Partial<CallSnapshot>[]) {
  const did: string[] = [];
  const made = calls.map(
    (part) =>
      new ZorioCall(snapshot({ direction: "outgoing", ...part }), async (command: DeskCommand) => {
        const { do: what, ...rest } = command;
        did.push(`${what} ${JSON.stringify(rest)}`);
      }),
  );
  const note = (what: string) => async (argument?: unknown) => {
    did.push(argument === undefined ? what : `${what} ${String(argument)}`);
  };
  const it: FramePhone = {
    calls: made,
    activeCall: made.find((call) => call.state === "answered") ?? made[0] ?? null,
    call: async (number, options) => {
      did.push(`call ${number} ${JSON.stringify(options)}`);
      return new ZorioCall(snapshot({ direction: "outgoing", number, state: "initiating" }), async () => {});
    },
    register: note("register"),
    unregister: note("unregister"),
    disconnect: note("disconnect"),
    refreshToken: note("refresh"),
  };
  return { it, did };
}

const say = (type: string, payload?: unknown) => ({ source: SOURCE, type, payload }) as const;

test("the address says how the phone looks, with defaults for what it does not say", () => {
  assert.deepEqual(readQuery("?token=abc"), {
    token: "abc",
    options: { layout: "docked", theme: "auto", locale: "vi", autoRegister: true },
  });
  assert.deepEqual(readQuery("?layout=fullscreen&theme=dark&locale=en&auto_register=0&token="), {
    token: "",
    options: { layout: "fullscreen", theme: "dark", locale: "en", autoRegister: false },
  });
  assert.equal(readQuery("?theme=%3Cscript%3E").options.theme, "auto");
});

test("the token leaves the address, the rest stays", () => {
  assert.equal(scrubbed("https://p.example/webphone-embed?token=a.b.c&theme=dark#x"), "/webphone-embed?theme=dark#x");
});

test("the origin in the token is the only one that is obeyed", () => {
  const parent = new Parent(jwt({ origin: "https://crm.example" }), ["https://other.example"]);
  assert.deepEqual(parent.targets(), ["https://crm.example"]);
  assert.equal(parent.hears("https://other.example"), false);
  assert.equal(parent.hears("https://crm.example"), true);
});

test("otherwise the first allowed origin that speaks is, and no other after it", () => {
  const parent = new Parent("7|opaque", ["https://a.example", "https://b.example:8443", "*", "null", "https://*.example"]);
  assert.deepEqual(parent.targets(), ["https://a.example", "https://b.example:8443"]);
  for (const stranger of ["https://evil.example", "null", "*", "", "https://x.example"]) {
    assert.equal(parent.hears(stranger), false, stranger);
  }
  assert.equal(parent.hears("https://b.example:8443"), true);
  assert.equal(parent.hears("https://a.example"), false);
  assert.deepEqual(parent.targets(), ["https://b.example:8443"]);
});

test("messages of others are none of ours", () => {
  for (const data of [null, 1, "call", {}, { source: "other", type: "call" }, { source: SOURCE }]) {
    assert.equal(readMessage(data), null);
  }
  assert.equal(readMessage(say("mute"))?.type, "mute");
});

test("every command does what it is called", async () => {
  const { it, did } = phone({});
  assert.deepEqual(await obey(it, say("call", { number: "0987", options: { campaignId: 3 } })), {
    uuid: "u1",
    number: "0987",
    direction: "outgoing",
    state: "initiating",
    muted: false,
    held: false,
  });
  for (const type of ["hangup", "mute", "unmute", "hold", "unhold"]) await obey(it, say(type, {}));
  await obey(it, say("send_dtmf", { digits: "12#" }));
  await obey(it, say("transfer", { target: "1002" }));
  for (const type of ["register", "unregister", "disconnect"]) await obey(it, say(type));
  await obey(it, say("refresh_token", { token: "new" }));
  assert.deepEqual(did, [
    'call 0987 {"campaignId":3}',
    'hangup {"id":"c1"}',
    'mute {"id":"c1"}',
    'unmute {"id":"c1"}',
    'hold {"id":"c1"}',
    'unhold {"id":"c1"}',
    'dtmf {"id":"c1","digits":"12#"}',
    'transfer {"id":"c1","number":"1002"}',
    "register",
    "unregister",
    "disconnect",
    "refresh new",
  ]);
});

test("a command may name its call; otherwise it is the active one, and to answer the one that rings", async () => {
  const { it, did } = phone(
    { id: "held", uuid: "u-held", state: "held" },
    { id: "ring", uuid: "u-ring", state: "ringing", direction: "incoming" },
    { id: "talk", uuid: "u-talk", state: "answered" },
  );
  await obey(it, say("mute"));
  await obey(it, say("answer"));
  await obey(it, say("unhold", { uuid: "u-held" }));
  await obey(it, say("transfer", { uuid: "u-held", to_uuid: "u-talk" }));
  assert.deepEqual(did, [
    'mute {"id":"talk"}',
    'answer {"id":"ring"}',
    'unhold {"id":"held"}',
    'transfer {"id":"held","to":"talk"}',
  ]);
  await assert.rejects(obey(it, say("mute", { uuid: "nobody" })), { code: "call_not_found" });
});

test("without a call there is nothing to mute, and unknown words are refused with the known ones", async () => {
  const { it } = phone();
  await assert.rejects(obey(it, say("mute")), { code: "call_not_found" });
  await assert.rejects(obey(it, say("explode")), { code: "unknown_command", details: { methods: [...METHODS] } });
});

test("calls and errors cross as plain data", () => {
  const call = new ZorioCall(snapshot({ direction: "outgoing" }), async () => {});
  const plain = { uuid: "u1", number: "0912345678", direction: "outgoing", state: "answered", muted: false, held: false };
  assert.deepEqual(plainPayload("call_hangup", { call, reason: "busy", billsec: 0 }), { call: plain, reason: "busy", billsec: 0 });
  assert.deepEqual(plainPayload("audio_autoplay_blocked", { call: null }), { call: null });
  assert.deepEqual(plainPayload("error", new ZorioWebphoneError("mic_denied", "no", { a: 1 })), {
    code: "mic_denied",
    message: "no",
    details: { a: 1 },
  });
  // It has to survive the structured clone of postMessage.
  assert.deepEqual(structuredClone(plainPayload("dtmf", { call, digit: "5" })), { call: plain, digit: "5" });
});
