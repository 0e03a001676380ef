import assert from "node:assert/strict";
import { test } from "node:test";

import { VirtualClock } from "../testing/virtual-clock.js";
import { Link } from "./link.js";

function setUp() {
  const clock = new VirtualClock();
  const log: string[] = [];
  const link = new Link(
    clock,
    { open: () => log.push("open"), close: () => log.push("close"), send: (text) => log.push(`send ${JSON.stringify(text)}`) },
    {
      up: () => log.push("up"),
      down: (reason) => log.push(`down ${reason}`),
      retry: (attempt, delayMs) => log.push(`retry ${attempt} ${delayMs}`),
      data: (text) => log.push(`data ${text}`),
    },
  );
  const said = () => log.splice(0);
  return { clock, link, said };
}

test("attempts wait 1, 2, 4, 8, 16, 30 and again 30 seconds", () => {
  const { clock, link, said } = setUp();
  link.start();
  const waits = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
  for (const [at, wait] of waits.entries()) {
    link.closed();
    assert.deepEqual(said(), ["open", `retry ${at + 1} ${wait}`]);
    clock.advance(wait - 1);
    assert.deepEqual(said(), []);
    clock.advance(1);
  }
});

test("up to half a second of chance is added", () => {
  const { clock, link, said } = setUp();
  clock.chance = 0.999_999;
  link.start();
  link.closed();
  assert.deepEqual(said(), ["open", "retry 1 1500"]);
});

test("only a registration starts the waits from the beginning", () => {
  const { clock, link, said } = setUp();
  link.start();
  link.closed();
  clock.advance(1_000);
  link.opened();
  link.closed();
  assert.ok(said().includes("retry 2 2000"));
  clock.advance(2_000);
  link.opened();
  link.settled();
  link.closed();
  assert.ok(said().includes("retry 1 1000"));
});

test("a connection that does not open in ten seconds is given up", () => {
  const { clock, link, said } = setUp();
  link.start();
  clock.advance(10_000);
  assert.deepEqual(said(), ["open", "close", "retry 1 1000"]);
});

test("a half-open connection is found by a ping without an answer", () => {
  const { clock, link, said } = setUp();
  link.start();
  link.opened();
  said();
  clock.advance(20_000);
  assert.deepEqual(said(), ['send "\\r\\n\\r\\n"']);
  clock.advance(4_000);
  assert.deepEqual(said(), ["close", "down silent", "retry 1 1000"]);
});

test("whatever is heard keeps the connection", () => {
  const { clock, link, said } = setUp();
  link.start();
  link.opened();
  clock.advance(20_000);
  link.received("\r\n");
  clock.advance(20_000);
  link.received("SIP/2.0 200 OK");
  clock.advance(4_000);
  assert.deepEqual(said().filter((what) => what.startsWith("down")), []);
});

test("during a call a dead connection is found within nine seconds", () => {
  const { clock, link, said } = setUp();
  link.start();
  link.opened();
  link.setInCall(true);
  clock.advance(9_000);
  assert.ok(said().includes("down silent"));
});

test("a network that comes back is used at once", () => {
  const { clock, link, said } = setUp();
  link.start();
  link.closed();
  said();
  link.nudge();
  assert.deepEqual(said(), ["open"]);
  clock.advance(1_000);
  assert.deepEqual(said(), []);
});

test("a lost network is asked about at once", () => {
  const { clock, link, said } = setUp();
  link.start();
  link.opened();
  said();
  link.probe();
  link.probe();
  assert.deepEqual(said(), ['send "\\r\\n\\r\\n"']);
  clock.advance(4_000);
  assert.ok(said().includes("down silent"));
});

test("a server that asks to wait longer is waited for", () => {
  const { link, said } = setUp();
  link.start();
  link.opened();
  said();
  link.fail("register_failed", 12_000);
  assert.deepEqual(said(), ["close", "down register_failed", "retry 1 12000"]);
});

test("after a stop nothing is tried any more", () => {
  const { clock, link, said } = setUp();
  link.start();
  link.closed();
  link.stop();
  said();
  clock.advance(120_000);
  link.opened();
  assert.deepEqual(said(), []);
});

test("pings of the server are answered and not handed on", () => {
  const { link, said } = setUp();
  link.start();
  link.opened();
  said();
  link.received("\r\n\r\n");
  link.received("OPTIONS");
  assert.deepEqual(said(), ['send "\\r\\n"', "data OPTIONS"]);
});
