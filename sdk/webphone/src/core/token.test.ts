import assert from "node:assert/strict";
import { test } from "node:test";

import { settled, VirtualClock } from "../testing/virtual-clock.js";
import { claimsOf, lifeOf, TokenKeeper } from "./token.js";

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (claims: object) => `${base64({ alg: "HS256" })}.${base64(claims)}.c2ln`;

function setUp(seconds: number | null, resolver?: (clock: VirtualClock) => Promise<string>) {
  const clock = new VirtualClock();
  const now = clock.now() / 1000;
  const log: string[] = [];
  const token = seconds === null ? "7|opaque" : jwt({ iat: now, exp: now + seconds });
  const keeper = new TokenKeeper(clock, token, resolver && (() => resolver(clock)), {
    changed: () => log.push("changed"),
    expired: () => log.push("expired"),
  });
  return { clock, keeper, log, token };
}

let serial = 0;
const fresh = (clock: VirtualClock, seconds = 300) =>
  Promise.resolve(jwt({ jti: (serial += 1), iat: clock.now() / 1000, exp: clock.now() / 1000 + seconds }));

test("a token is renewed at four fifths of its life, again and again", async () => {
  let asked = 0;
  const { clock, log } = setUp(300, (clock) => {
    asked += 1;
    return fresh(clock);
  });
  await clock.pass(239_000, 1_000);
  assert.equal(asked, 0);
  await clock.pass(1_000);
  assert.equal(asked, 1);
  await clock.pass(240_000, 1_000);
  assert.equal(asked, 2);
  assert.deepEqual(log, ["changed", "changed"]);
});

test("however many ask, one token is fetched", async () => {
  let asked = 0;
  const { keeper, token } = setUp(300, (clock) => {
    asked += 1;
    return fresh(clock);
  });
  const [a, b] = await Promise.all([keeper.refresh(token), keeper.refresh(token)]);
  assert.equal(a, b);
  assert.equal(asked, 1);
  // Whoever was refused with the old one gets the one that is there.
  assert.equal(await keeper.refresh(token), a);
  assert.equal(asked, 1);
});

test("a resolver that fails is asked again, ever more rarely, until the token is over", async () => {
  let asked = 0;
  const { clock, log } = setUp(100, () => {
    asked += 1;
    return Promise.reject(new Error("offline"));
  });
  await clock.pass(79_900, 100);
  assert.equal(asked, 0);
  await clock.pass(200);
  assert.equal(asked, 1);
  await clock.pass(60_000, 1_000);
  assert.deepEqual(log, ["expired"]);
  assert.ok(asked >= 2 && asked <= 4, String(asked));
});

test("without a resolver the end of the token is told when it is there", async () => {
  const { clock, keeper, log } = setUp(300);
  await assert.rejects(keeper.refresh(), { code: "token_expired" });
  await clock.pass(299_000, 1_000);
  assert.deepEqual(log, []);
  await clock.pass(1_000);
  assert.deepEqual(log, ["expired"]);
});

test("a token that the page brings postpones everything", async () => {
  const { clock, keeper, log } = setUp(300);
  await clock.pass(200_000, 10_000);
  keeper.replace(await fresh(clock));
  await clock.pass(200_000, 10_000);
  assert.deepEqual(log, ["changed"]);
  assert.throws(() => keeper.replace(" "), { code: "token_invalid" });
});

test("tokens that say nothing of their life are left alone", async () => {
  const { clock, log } = setUp(null, () => Promise.reject(new Error("never")));
  await clock.pass(10_000_000, 1_000_000);
  assert.deepEqual(log, []);
});

test("claims are read, and rubbish is no token", async () => {
  assert.equal(claimsOf(jwt({ origin: "https://crm.example" }))?.origin, "https://crm.example");
  for (const rubbish of ["", "a.b", "a.%%.c", `a.${base64("text")}.c`, "1|abc"]) assert.equal(claimsOf(rubbish), null);
  assert.equal(lifeOf(jwt({})), null);
  await settled();
});
