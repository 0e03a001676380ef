import assert from "node:assert/strict";
import { test } from "node:test";

import { ZorioWebphoneError } from "../errors.js";
import { World } from "../testing/fakes.js";
import { settled } from "../testing/virtual-clock.js";

async function readyWorld(): Promise<World> {
  const world = new World();
  await world.ready();
  return world;
}

async function inCall(): Promise<{ world: World; id: string }> {
  const world = await readyWorld();
  const id = String(await world.desk.run({ do: "call", number: "0912345678", options: {} }));
  world.engine.sessions[0]?.sink?.answered();
  world.told();
  return { world, id };
}

test("a phone connects and registers", async () => {
  const world = new World();
  const started = world.desk.start(true);
  assert.equal(world.desk.snapshot().status, "connecting");
  world.link.opened();
  assert.equal(world.desk.snapshot().status, "registering");
  world.answerRegister(200);
  await started;
  assert.equal(world.desk.snapshot().status, "registered");
  assert.deepEqual(world.told(), ["connected", "registered"]);
});

test("a phone that is not to register only connects, and registers when told", async () => {
  const world = new World();
  await world.desk.start(false);
  world.link.opened();
  assert.equal(world.desk.snapshot().status, "connected");
  const registered = world.desk.run({ do: "register" });
  world.answerRegister(200);
  await registered;
  assert.deepEqual(world.told(), ["connected", "registered"]);
});

test("an outgoing call rings, is answered, and is billed from the answer", async () => {
  const world = await readyWorld();
  const id = await world.desk.run({ do: "call", number: "0912 345 678", options: { campaignId: 7, leadId: 9 } });
  const invited = world.engine.invited[0];
  assert.equal(invited?.number, "0912345678");
  assert.match(invited?.headers[0] ?? "", /^X-Call-UUID: [0-9a-f-]{36}$/);
  assert.deepEqual(invited?.headers.slice(1), ["X-Campaign-Id: 7", "X-Lead-Id: 9"]);
  const far = world.engine.sessions[0]?.sink;
  far?.ringing();
  far?.named("11111111-2222-4333-8444-555555555555");
  far?.ringing();
  far?.answered();
  await world.clock.pass(61_500, 500);
  far?.ended({ by: "remote" });
  assert.deepEqual(world.told(), ["call_ringing", "call_answered", "call_hangup normal_clearing 61"]);
  assert.equal(world.calls[0]?.uuid, "11111111-2222-4333-8444-555555555555");
  assert.equal(world.calls[0]?.id, id);
  assert.deepEqual(world.audio.tones, ["none", "ringback", "none"]);
  assert.equal(world.audio.out, 0);
  await world.clock.pass(4_000, 1_000);
  assert.deepEqual(world.calls, []);
});

test("early media silences our own ringback", async () => {
  const world = await readyWorld();
  await world.desk.run({ do: "call", number: "0912345678", options: {} });
  const far = world.engine.sessions[0]?.sink;
  far?.ringing();
  far?.early();
  assert.equal(world.calls[0]?.state, "early_media");
  assert.deepEqual(world.audio.tones, ["none", "ringback", "none"]);
  assert.deepEqual(world.told(), ["call_ringing"]);
});

test("without a microphone there is no call, and the reason is told", async () => {
  const world = await readyWorld();
  world.audio.error = new ZorioWebphoneError("mic_denied", "no");
  await assert.rejects(world.desk.run({ do: "call", number: "0912345678", options: {} }), { code: "mic_denied" });
  assert.deepEqual(world.calls, []);
});

test("an incoming call rings at once and is told with the name of its caller", async () => {
  const world = await readyWorld();
  world.contact = async () => ({ id: 5, full_name: "Contact 5" });
  world.engine.call("0912345678", { uuid: "u-1", via: "sales" });
  assert.deepEqual(world.audio.tones, ["ring"]);
  assert.deepEqual(world.told(), []);
  await settled();
  assert.deepEqual(world.told(), ["incoming_call Contact 5", "call_ringing"]);
  assert.equal(world.calls[0]?.uuid, "u-1");
  await world.desk.run({ do: "answer", id: "u-1" });
  assert.deepEqual(world.told(), ["call_answered"]);
  assert.deepEqual(world.audio.tones, ["ring", "none"]);
});

test("a slow address book does not hold up the call", async () => {
  const world = await readyWorld();
  world.contact = () => new Promise(() => {});
  world.engine.call("0912345678");
  await world.clock.pass(700);
  assert.deepEqual(world.told(), ["incoming_call null", "call_ringing"]);
});

test("a caller who gives up before anything was told is told all the same, in order", async () => {
  const world = await readyWorld();
  world.contact = () => new Promise(() => {});
  world.engine.call("0912345678").hear({ by: "remote" });
  assert.deepEqual(world.told(), ["incoming_call null", "call_hangup originator_cancel 0"]);
});

test("answered elsewhere is no missed call", async () => {
  const world = await readyWorld();
  const session = world.engine.call("0912345678");
  await settled();
  session.hear({ by: "remote", reason: 'SIP;cause=200;text="Call completed elsewhere"' });
  assert.equal(world.told().pop(), "call_hangup answered_elsewhere 0");
});

test("refusing and hanging up are different reasons", async () => {
  const { world, id } = await inCall();
  world.engine.call("0987654321");
  await settled();
  world.told();
  const ringing = world.calls.find((call) => call.direction === "incoming");
  await world.desk.run({ do: "hangup", id: ringing?.id ?? "" });
  await world.clock.pass(2_000, 1_000);
  await world.desk.run({ do: "hangup", id });
  assert.deepEqual(world.told(), ["call_hangup call_rejected 0", "call_hangup normal_clearing 2"]);
});

test("a second call knocks, and answering it holds the first", async () => {
  const { world } = await inCall();
  world.engine.call("0987654321");
  await settled();
  assert.equal(world.audio.tones.pop(), "waiting");
  const second = world.calls[1]?.id ?? "";
  await world.desk.run({ do: "answer", id: second });
  assert.deepEqual(
    world.calls.map((call) => call.state),
    ["held", "answered"],
  );
  await world.desk.run({ do: "unhold", id: world.calls[0]?.id ?? "" });
  assert.deepEqual(
    world.calls.map((call) => call.state),
    ["answered", "held"],
  );
});

test("mute, hold, digits: what cannot be is refused", async () => {
  const { world, id } = await inCall();
  await world.desk.run({ do: "mute", id });
  assert.equal(world.calls[0]?.muted, true);
  await world.desk.run({ do: "hold", id });
  await world.desk.run({ do: "hold", id });
  assert.equal(world.calls[0]?.held, true);
  await assert.rejects(world.desk.run({ do: "dtmf", id, digits: "1" }), { code: "invalid_state" });
  await world.desk.run({ do: "unhold", id });
  await world.desk.run({ do: "dtmf", id, digits: "1#" });
  await assert.rejects(world.desk.run({ do: "dtmf", id, digits: "x" }), { code: "invalid_number" });
  await assert.rejects(world.desk.run({ do: "answer", id }), { code: "invalid_state" });
  await assert.rejects(world.desk.run({ do: "mute", id: "nobody" }), { code: "call_not_found" });
  assert.deepEqual(world.engine.sessions[0]?.did, ["mute", "hold", "unhold", "digits 1#"]);
});

test("keys of the other side are told", async () => {
  const { world } = await inCall();
  world.engine.sessions[0]?.sink?.digit("5");
  assert.deepEqual(world.told(), ["dtmf 5"]);
});

test("a blind transfer ends our part, one that is refused does not", async () => {
  const { world, id } = await inCall();
  const session = world.engine.sessions[0];
  if (!session) throw new Error("no session");
  const refer = session.refer;
  session.refer = () => Promise.reject(new ZorioWebphoneError("transfer_failed", "busy"));
  await assert.rejects(world.desk.run({ do: "transfer", id, number: "1002" }), { code: "transfer_failed" });
  assert.equal(world.calls[0]?.state, "answered");
  session.refer = refer;
  await world.desk.run({ do: "transfer", id, number: "1002" });
  assert.deepEqual(session.did, ["refer 1002", "end"]);
  assert.equal(world.calls[0]?.state, "ended");
});

test("an attended transfer connects the two others and ends both our calls", async () => {
  const { world, id } = await inCall();
  const other = String(await world.desk.run({ do: "call", number: "1002", options: {} }));
  world.engine.sessions[1]?.sink?.answered();
  assert.equal(world.calls[0]?.state, "held");
  await world.desk.run({ do: "transfer", id, to: other });
  assert.deepEqual(
    world.calls.map((call) => call.state),
    ["ended", "ended"],
  );
  assert.deepEqual(world.engine.sessions[0]?.did, ["hold", "refer session", "end"]);
});

test("a transfer that nobody answers is given up", async () => {
  const { world, id } = await inCall();
  const session = world.engine.sessions[0];
  if (session) session.refer = () => new Promise(() => {});
  const transfer = world.desk.run({ do: "transfer", id, number: "1002", timeoutMs: 5_000 });
  const failed = assert.rejects(transfer, { code: "transfer_failed" });
  await world.clock.pass(5_000, 1_000);
  await failed;
});

test("a call outlives an outage, and what was said meanwhile follows", async () => {
  const { world, id } = await inCall();
  world.wire.length = 0;
  world.link.closed("closed_1006");
  assert.equal(world.desk.snapshot().status, "reconnecting");
  assert.deepEqual(world.told(), [
    "unregistered transport_disconnect",
    "disconnected closed_1006",
    "auto_reconnect 1 1000",
  ]);
  // What would need the server is refused rather than lost; hanging up is always possible.
  await assert.rejects(world.desk.run({ do: "hold", id }), { code: "transport_failed" });
  await assert.rejects(world.desk.run({ do: "call", number: "1002", options: {} }), { code: "transport_failed" });
  await world.clock.pass(16_000, 1_000);
  world.link.nudge();
  world.link.opened();
  assert.equal(world.calls[0]?.state, "answered");
  world.answerRegister(200);
  assert.equal(world.desk.snapshot().status, "registered");
  assert.equal(world.desk.snapshot().attempt, 0);
  await world.desk.run({ do: "hold", id });
  assert.equal(world.calls[0]?.state, "held");
});

test("a media path that was lost with the network is sought anew when the line is back", async () => {
  const { world } = await inCall();
  const session = world.engine.sessions[0];
  if (!session) throw new Error("no session");
  world.link.closed();
  session.mediaState = "failed";
  session.sink?.mediaState("failed");
  await world.clock.pass(100);
  // Never while the line is down: the request would be lost.
  assert.deepEqual(session.did, []);
  await world.clock.pass(1_000);
  world.link.opened();
  world.answerRegister(200);
  assert.deepEqual(session.did, ["restart"]);
});

test("a refused credential is renewed once, and then given up", async () => {
  const world = new World();
  const started = world.desk.start(true);
  const failed = assert.rejects(started, { code: "register_failed" });
  world.link.opened();
  world.engine.sink?.registrationFailed(403, 0);
  await settled();
  assert.equal(world.renewals, 1);
  assert.deepEqual(world.engine.credentials, ["fresh:secret"]);
  assert.equal(world.engine.registers, 2);
  world.engine.sink?.registrationFailed(403, 0);
  await failed;
  assert.equal(world.renewals, 1);
  assert.deepEqual(world.told(), ["connected", "unregistered remote", "error register_failed"]);
  await world.clock.pass(120_000, 5_000);
  assert.equal(world.engine.registers, 2);
});

test("an overloaded server is asked again after as long as it says", async () => {
  const world = new World();
  void world.desk.start(true);
  world.link.opened();
  world.engine.sink?.registrationFailed(503, 7_000);
  assert.ok(world.told().includes("auto_reconnect 1 7000"));
});

test("a server that says nothing to REGISTER is left after ten seconds", async () => {
  const world = new World();
  void world.desk.start(true);
  world.link.opened();
  for (let second = 0; second < 10; second += 1) {
    await world.clock.pass(1_000);
    world.link.received("\r\n");
  }
  assert.ok(world.told().includes("auto_reconnect 1 1000"));
});

test("unregistering is manual, and does not come back by itself", async () => {
  const world = await readyWorld();
  const done = world.desk.run({ do: "unregister" });
  world.answerRegister(200);
  await done;
  assert.deepEqual(world.told(), ["unregistered manual"]);
  assert.equal(world.desk.snapshot().status, "connected");
  world.link.closed();
  await world.clock.pass(1_000);
  world.link.opened();
  assert.equal(world.engine.registers, 2);
});

test("after ten attempts in vain the page is told, and attempts go on", async () => {
  const world = await readyWorld();
  for (let attempt = 1; attempt <= 11; attempt += 1) {
    world.link.closed();
    await world.clock.pass(30_500, 500);
  }
  const told = world.told();
  assert.equal(told.filter((what) => what === "error reconnect_failed").length, 1);
  assert.ok(told.includes("auto_reconnect 11 30000"));
});

test("blocked sound is told once with its call, and unblocked by a click", async () => {
  const world = await readyWorld();
  world.engine.call("0912345678");
  world.audio.sink.blocked();
  world.audio.sink.blocked();
  assert.equal(world.told().filter((what) => what === "audio_autoplay_blocked").length, 1);
  assert.equal(world.desk.snapshot().audioBlocked, true);
  await world.desk.unlockAudio();
  assert.equal(world.desk.snapshot().audioBlocked, false);
});

test("another microphone is taken by calls that are there", async () => {
  const { world } = await inCall();
  await world.desk.run({ do: "input", deviceId: "headset" });
  await settled();
  assert.deepEqual(world.audio.chosen, ["input headset"]);
  assert.deepEqual(world.engine.sessions[0]?.did, ["track"]);
  assert.equal(world.audio.out, 1);
});

test("leaving hangs up and says good-bye", async () => {
  const { world } = await inCall();
  world.desk.leave();
  assert.deepEqual(world.engine.sessions[0]?.did, ["end"]);
  assert.equal(world.desk.snapshot().status, "disconnected");
  await world.clock.pass(60_000, 10_000);
  assert.equal(world.wire.pop(), "close");
});
