import assert from "node:assert/strict";
import { test } from "node:test";

import { ZorioWebphoneError } from "../errors.js";
import { billsec, nextState, requireState } from "./call-state.js";
import { afterChange, pickDevice } from "./devices.js";
import { normaliseNumber, requireDigits, requireNumber } from "./number.js";
import { bars, mos, QualityMonitor } from "./quality.js";
import { type Ending, hangupReason } from "./reason.js";

const code = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return (error as ZorioWebphoneError).code;
  }
  return null;
};

test("a call goes its states and no others", () => {
  assert.equal(nextState("initiating", "ring"), "ringing");
  assert.equal(nextState("ringing", "early"), "early_media");
  assert.equal(nextState("early_media", "ring"), null);
  assert.equal(nextState("initiating", "answer"), "answered");
  assert.equal(nextState("answered", "hold"), "held");
  assert.equal(nextState("held", "unhold"), "answered");
  assert.equal(nextState("held", "end"), "ended");
  assert.equal(nextState("ended", "end"), null);
  assert.equal(code(() => requireState("ringing", "hold", "answered")), "invalid_state");
});

test("whole seconds from the answer are billed", () => {
  assert.equal(billsec(null, 5_000), 0);
  assert.equal(billsec(1_000, 1_999), 0);
  assert.equal(billsec(1_000, 62_500), 61);
});

test("reasons follow what the network says", () => {
  const of = (part: Partial<Ending>): string =>
    hangupReason({ by: "remote", answered: false, direction: "outgoing", billsec: 0, ...part });
  const table: [Partial<Ending>, string][] = [
    [{ answered: true, billsec: 7 }, "normal_clearing"],
    [{ answered: true, billsec: 0 }, "no_answer"],
    [{ answered: true, billsec: 7, reason: 'Q.850;cause=16;text="NORMAL_CLEARING"' }, "normal_clearing"],
    [{ answered: true, billsec: 7, reason: 'Q.850;cause=41;text="MEDIA_TIMEOUT"' }, "media_timeout"],
    [{ status: 486 }, "busy"],
    [{ status: 486, reason: "Q.850;cause=17" }, "busy"],
    [{ status: 480, reason: 'Q.850;cause=17;text="USER_BUSY"' }, "busy"],
    [{ status: 404 }, "unallocated_number"],
    [{ status: 404, reason: "Q.850;cause=1, SIP;cause=404" }, "unallocated_number"],
    [{ status: 603 }, "call_rejected"],
    [{ status: 480 }, "no_answer"],
    [{ status: 480, reason: 'Q.850;cause=19;text="NO_ANSWER"' }, "no_answer"],
    [{ status: 487, by: "local" }, "originator_cancel"],
    [{ by: "local" }, "originator_cancel"],
    [{ by: "local", direction: "incoming" }, "call_rejected"],
    [{ direction: "incoming" }, "originator_cancel"],
    [{ direction: "incoming", reason: 'SIP;cause=200;text="Call completed elsewhere"' }, "answered_elsewhere"],
    [{ by: "system", cause: "network_out_of_order" }, "network_out_of_order"],
    [{ status: 499 }, "call_failed"],
  ];
  for (const [part, reason] of table) assert.equal(of(part), reason, JSON.stringify(part));
});

test("numbers are taken as people write them", () => {
  const table: [string, string][] = [
    ["0912 345 678", "0912345678"],
    ["+84 (0)912-345.678", "+840912345678"],
    ["tel:+84912345678", "+84912345678"],
    ["sip:1001@pbx.example;transport=ws", "1001"],
    ["tel:%2B84912345678", "+84912345678"],
    ["*72", "*72"],
    ["100%", "100"],
  ];
  for (const [typed, number] of table) assert.equal(normaliseNumber(typed), number);
  assert.equal(requireNumber("(028) 7100 0000"), "02871000000");
  assert.equal(requireNumber("*60"), "*60");
  for (const wrong of ["", "abc", "+", "*", null, 12, "1".repeat(21)]) {
    assert.equal(code(() => requireNumber(wrong)), "invalid_number", String(wrong));
  }
  assert.equal(requireDigits("12a#,"), "12A#,");
  assert.equal(code(() => requireDigits("1 2")), "invalid_number");
  assert.equal(code(() => requireDigits("")), "invalid_number");
});

test("the opinion score falls with delay, jitter and loss", () => {
  assert.ok(mos(20, 1, 0) > 4.3);
  assert.ok(mos(300, 10, 0) < mos(100, 10, 0));
  assert.ok(mos(50, 5, 8) < 3.8);
  assert.equal(mos(2_000, 500, 60), 1);
});

const good = { rttMs: 40, jitterMs: 2, packetsLost: 0, microphoneLevel: 0.2 };

test("a warning is raised by three bad seconds of five and goes with five good ones", () => {
  const monitor = new QualityMonitor();
  let count = 0;
  const second = (rttMs: number) => {
    count += 50;
    return monitor.add({ ...good, rttMs, packetsReceived: count, bytesReceived: count * 160 }).warnings;
  };
  assert.deepEqual(second(420), []);
  assert.deepEqual(second(40), []);
  assert.deepEqual(second(420), []);
  assert.deepEqual(second(420), ["high_rtt"]);
  for (let n = 0; n < 4; n += 1) assert.deepEqual(second(40), ["high_rtt"], String(n));
  assert.deepEqual(second(40), []);
});

test("silence from the network and from the microphone is noticed", () => {
  const monitor = new QualityMonitor();
  let warnings: string[] = [];
  for (let n = 0; n < 4; n += 1) warnings = monitor.add({ ...good, packetsReceived: 9, bytesReceived: 9 }).warnings;
  assert.deepEqual(warnings, ["no_audio"]);
  for (let n = 1; n <= 20; n += 1) {
    warnings = monitor.add({ ...good, microphoneLevel: 0, packetsReceived: n, bytesReceived: 9 + n }).warnings;
  }
  assert.deepEqual(warnings, ["silent_microphone"]);
});

test("loss is counted over the last seconds alone", () => {
  const monitor = new QualityMonitor();
  let loss = 0;
  for (let n = 0; n <= 20; n += 1) {
    const packetsLost = n < 5 ? n * 5 : 25;
    loss = monitor.add({ ...good, packetsLost, packetsReceived: n * 45, bytesReceived: n }).lossPercent;
    if (n === 4) assert.ok(loss >= 9.9, String(loss));
  }
  assert.equal(loss, 0);
});

test("bars tell good from bad", () => {
  const quality = { mos: 4.2, rttMs: 1, jitterMs: 1, lossPercent: 0, warnings: [] };
  assert.equal(bars(null), 4);
  assert.equal(bars(quality), 4);
  assert.equal(bars({ ...quality, mos: 3.2 }), 2);
  assert.equal(bars({ ...quality, warnings: ["no_audio"] }), 0);
});

test("the chosen device is used while it is there, and again when it comes back", () => {
  assert.equal(pickDevice("headset", ["headset", "laptop"]), "headset");
  assert.equal(pickDevice("headset", ["laptop"]), "");
  assert.equal(pickDevice(null, ["laptop"]), "");
  // Unplugged during a call: the default takes over.
  assert.equal(afterChange("headset", ["laptop"], { id: "headset", ended: true }), "");
  // Another one came: nothing happens to the one that works.
  assert.equal(afterChange(null, ["laptop", "camera"], { id: "laptop", ended: false }), null);
  // The chosen one is back.
  assert.equal(afterChange("headset", ["headset", "laptop"], { id: "laptop", ended: false }), "headset");
  assert.equal(afterChange("headset", ["headset", "laptop"], { id: "headset", ended: false }), null);
});
