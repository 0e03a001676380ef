import assert from "node:assert/strict";
import { test } from "node:test";

import { VirtualClock } from "../testing/virtual-clock.js";
import { header, readFrame } from "./frame.js";
import { Mask } from "./mask.js";

const request = (method: string, branch: string) =>
  `${method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;branch=${branch}\r\nCSeq: 1 ${method}\r\n\r\n`;
const response = (status: number, method: string, branch: string) =>
  `SIP/2.0 ${status} X\r\nVia: SIP/2.0/WSS x.invalid;branch=${branch}\r\nCSeq: 1 ${method}\r\n\r\n`;

function setUp() {
  const clock = new VirtualClock();
  const sent: string[] = [];
  const heard: string[] = [];
  const answers: number[] = [];
  let isOpen = true;
  const short = (text: string) => {
    const frame = readFrame(text);
    return frame ? `${frame.status || ""}${frame.transaction}` : text;
  };
  const mask = new Mask(clock, {
    send: (text) => {
      if (isOpen) sent.push(short(text));
      return isOpen;
    },
    deliver: (text) => heard.push(short(text)),
    registerAnswered: (status) => answers.push(status),
  });
  /** Goes up and is registered. */
  const registered = () => {
    mask.down(true);
    assert.equal(mask.up(), true);
    mask.fromAgent(request("REGISTER", "r0"));
    mask.fromServer(response(200, "REGISTER", "r0"));
    sent.length = 0;
  };
  return {
    clock,
    mask,
    sent,
    heard,
    answers,
    registered,
    down: () => {
      isOpen = false;
      mask.down(true);
    },
    up: () => {
      isOpen = true;
      return mask.up();
    },
  };
}

test("nothing but REGISTER goes before the phone is registered again", () => {
  const it = setUp();
  it.registered();
  it.down();
  it.mask.fromAgent(request("INVITE", "hold"));
  assert.deepEqual(it.sent, []);
  assert.equal(it.up(), true);
  it.mask.fromAgent(request("REGISTER", "r1"));
  it.mask.fromAgent(request("INFO", "dtmf"));
  assert.deepEqual(it.sent, ["r1 REGISTER"]);
  assert.equal(it.mask.isThrough, false);
  it.mask.fromServer(response(401, "REGISTER", "r1"));
  it.mask.fromAgent(request("REGISTER", "r2"));
  it.mask.fromServer(response(200, "REGISTER", "r2"));
  assert.deepEqual(it.sent, ["r1 REGISTER", "r2 REGISTER", "hold INVITE", "dtmf INFO"]);
  assert.equal(it.mask.isThrough, true);
});

test("requests that nobody answered go again with the same branch, answered ones do not", () => {
  const it = setUp();
  it.registered();
  it.mask.fromAgent(request("INVITE", "answered"));
  it.mask.fromServer(response(200, "INVITE", "answered"));
  it.mask.fromAgent(request("ACK", "answered"));
  it.mask.fromAgent(request("BYE", "open"));
  it.sent.length = 0;
  it.down();
  it.up();
  it.mask.fromAgent(request("REGISTER", "r1"));
  it.mask.fromServer(response(200, "REGISTER", "r1"));
  assert.deepEqual(it.sent, ["r1 REGISTER", "open BYE"]);
});

test("a provisional answer is no end of a request", () => {
  const it = setUp();
  it.registered();
  it.mask.fromAgent(request("INVITE", "i"));
  it.mask.fromServer(response(180, "INVITE", "i"));
  it.down();
  it.up();
  it.mask.fromAgent(request("REGISTER", "r1"));
  it.mask.fromServer(response(200, "REGISTER", "r1"));
  assert.deepEqual(it.sent, ["i INVITE", "r1 REGISTER", "i INVITE"]);
});

test("a REGISTER that was on its way is sent again instead of a second one", () => {
  const it = setUp();
  it.registered();
  it.mask.fromAgent(request("REGISTER", "refresh"));
  it.down();
  assert.equal(it.up(), false);
  it.mask.fromServer(response(200, "REGISTER", "refresh"));
  assert.deepEqual(it.sent, ["refresh REGISTER", "refresh REGISTER"]);
  assert.deepEqual(it.answers, [200, 200]);
});

test("after twenty seconds only a BYE is worth sending", () => {
  const it = setUp();
  it.registered();
  it.down();
  it.mask.fromAgent(request("INFO", "old"));
  it.mask.fromAgent(request("BYE", "bye"));
  it.clock.advance(21_000);
  it.mask.fromAgent(request("INFO", "fresh"));
  it.up();
  it.mask.fromAgent(request("REGISTER", "r1"));
  it.mask.fromServer(response(200, "REGISTER", "r1"));
  assert.deepEqual(it.sent, ["r1 REGISTER", "bye BYE", "fresh INFO"]);
});

test("without a wish to register everything goes as soon as the connection is there", () => {
  const it = setUp();
  it.mask.down(false);
  it.mask.fromAgent(request("INVITE", "i"));
  assert.equal(it.mask.up(), false);
  assert.deepEqual(it.sent, ["i INVITE"]);
});

test("the agent hears of its registration before anybody else", () => {
  const it = setUp();
  it.registered();
  assert.deepEqual(it.heard, ["200r0 REGISTER"]);
  assert.deepEqual(it.answers, [200]);
});

test("an outage in the middle of registering starts anew", () => {
  const it = setUp();
  it.registered();
  it.down();
  it.mask.fromAgent(request("BYE", "b"));
  it.up();
  it.mask.fromAgent(request("REGISTER", "r1"));
  it.down();
  assert.equal(it.up(), false);
  it.mask.fromServer(response(200, "REGISTER", "r1"));
  assert.deepEqual(it.sent, ["r1 REGISTER", "r1 REGISTER", "b BYE"]);
});

test("frames are read whatever their case and spacing", () => {
  const text = "SIP/2.0 180 Ringing\r\nv: SIP/2.0/WS a;rport;Branch=z9\r\ncseq:  7  INVITE\r\n\r\nVia: no";
  assert.deepEqual(readFrame(text), { isRequest: false, method: "INVITE", status: 180, transaction: "z9 INVITE" });
  assert.equal(header(text, "cseq"), "7  INVITE");
  assert.equal(readFrame("rubbish"), null);
  assert.equal(readFrame(""), null);
});
