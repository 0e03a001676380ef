import assert from "node:assert/strict";
import { test } from "node:test";

import theirs from "jssip/lib/Grammar.js";
import NameAddrHeader from "jssip/lib/NameAddrHeader.js";
import URI from "jssip/lib/URI.js";

import { parse, provide } from "./grammar.js";

provide(() => ({ URI, NameAddrHeader }));

/** What the generated grammar adds although nobody reads it. */
const UNREAD = new Set(["host_type", "params", "scheme", "password"]);

function plain(value: unknown, rule: string): unknown {
  const drop = rule === "Via" || rule === "WWW_Authenticate" || rule === "absoluteURI" || rule === "Session_Expires";
  return JSON.parse(JSON.stringify(value, (key, each) => (drop && UNREAD.has(key) ? undefined : each)) ?? "null");
}

const NAMES = [
  "<sip:a@b>;tag=x",
  "sip:a@b;tag=x",
  '"N" <sip:a@b;x=y>;tag=T;other=1',
  '"" <sip:a@b>',
  "Anonymous <sip:anonymous@anonymous.invalid>;tag=1",
  '"Tổng đài; số 1, <tầng 2>" <sip:1001@pbx.example>;tag=9',
  '"a\\\\b \\"c\\"" <sip:a@b>',
  "<sip:1001@1.2.3.4:5060;transport=ws;lr>",
  "<sip:%23abc@h>",
  "<sip:+84912345678@pbx.example;user=phone>;tag=as7d",
  "<sip:a@b?Replaces=x%3Bto-tag%3D1>",
  "<tel:123>",
  "<sip:a@b",
  '"open <sip:a@b>',
  "",
];

const CORPUS: Record<string, string[]> = {
  SIP_URI: [
    "sip:a@b",
    "sip:a@b:5060",
    "sips:A%20b:pw@[::1]:5061;LR;Transport=WS;x=Y",
    "sip:1.2.3.4",
    'sip:u@h;p="q"',
    "sip:u@H.COM",
    "sip:+8491@h",
    "sip:u1@df7jal23ls0d.invalid;transport=ws",
    "tel:+123",
    "sip:u@",
    "sip:",
    "sip:a b@c",
    "sip:%23@h",
    "sip:a@h;user=phone?X=1&y=2",
    "sip:a@h;ob;gr=urn:uuid:1",
    "",
  ],
  From: NAMES,
  To: NAMES,
  Refer_To: NAMES,
  Contact: [
    ...NAMES.filter((name) => name !== ""),
    "sip:a@b;expires=3",
    '"x, y" <sip:a@b>;q=0.5, <sip:c@d>;expires=9',
    "A B <sip:a@b>",
    "<sip:a@b>;tag=X;Foo=Bar;baz",
    " <sip:a@b>",
    '<sip:u@x.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";expires=300',
    '<sip:a@b>;expires=3600;pub-gruu="sip:x@y;gr=1"',
  ],
  Record_Route: ["<sip:p;lr>", "<sip:p;lr>,<sip:q;lr>", "<sip:x;lr>;a=b , <sip:y;lr>", "<sip:10.0.0.1:5060;transport=udp;lr;ftag=1>"],
  Via: [
    "SIP/2.0/WSS x.invalid;branch=z9hG4bK12",
    "SIP / 2.0 / UDP 1.2.3.4:5060;rport;branch=a",
    "SIP/2.0/WS abc.invalid;branch=z9hG4bK1;rport=5;received=1.2.3.4",
    "SIP/2.0/WS  x.y ; branch = a",
    "SIP/2.0/TCP [::1]:5;branch=a;received=::1",
    "rubbish",
  ],
  CSeq: ["1 INVITE", "4294967295 ACK", "x", "1", ""],
  Max_Forwards: ["70", "0", "x", ""],
  Content_Length: ["0", "1234", "-1", ""],
  Content_Type: ["application/sdp", "application/dtmf-relay", "text/plain; charset=utf-8", "rubbish"],
  Call_ID: ["abc", "a@b", "a b"],
  WWW_Authenticate: [
    'Digest realm="x", nonce="n,1", algorithm=MD5, qop="auth", stale=true',
    'Digest realm="a\\"b",nonce="x",opaque="o",qop="auth,auth-int",algorithm=SHA-256,stale=FALSE',
    'Digest realm="a", nonce="b", algorithm=md5',
    'digest realm="a",nonce="b"',
  ],
  Session_Expires: ["90", "1800;refresher=uac"],
  Replaces: ["a@b;to-tag=1;from-tag=2;early-only", "a;from-tag=2;to-tag=1"],
  Event: ["refer", "refer;id=2", "Presence"],
  Reason: ['Q.850;cause=16;text="NORMAL_CLEARING"', 'SIP;cause=200;text="Call completed elsewhere"', "SIP ;cause=200"],
  Request_Response: [
    "SIP/2.0 200 OK",
    "SIP/2.0 486 Busy Here",
    "SIP/2.0 200 ",
    "SIP/2.0 180 Đang đổ chuông",
    "SIP/2.0 200",
    "INVITE sip:a@b SIP/2.0",
    "NOTIFY sip:u@h;transport=ws SIP/2.0",
    "GET / HTTP/1.1",
    "",
  ],
  Status_Line: ["SIP/2.0 100 Trying", "SIP/2.0 603 Decline", "rubbish"],
  quoted_string: ['"a\\"b"', '"a"b"', '"1001"'],
  uuid: ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "f81"],
  host: ["a.b.c", "1.2.3.4", "[::1]", "df7jal23ls0d.invalid"],
};

for (const [rule, texts] of Object.entries(CORPUS)) {
  test(`${rule} is read as by the grammar that it replaces`, () => {
    for (const text of texts) {
      const expected = plain(theirs.parse(text, rule), rule);
      assert.deepEqual(plain(parse(text, rule), rule), expected, text);
    }
  });
}

test("rubbish is refused and never thrown", () => {
  const alphabet = ["sip:", "<", ">", '"', "\\", ";", ",", "@", "=", " ", "a", "1", "%", "[", "]", ":", "?", "\r\n"];
  let seed = 7;
  const pick = () => alphabet[(seed = (seed * 48_271) % 2_147_483_647) % alphabet.length] ?? "";
  for (let n = 0; n < 600; n += 1) {
    const text = Array.from({ length: n % 14 }, pick).join("");
    for (const rule of Object.keys(CORPUS)) parse(text, rule);
  }
  assert.equal(parse("x", "no_such_rule"), -1);
});
