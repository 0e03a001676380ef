import assert from "node:assert/strict";
import { test } from "node:test";

import { decode, encode, hears, RATE, readWav, share, wav } from "../e2e/server/sound.js";

const tone = (hertz: number, seconds: number) =>
  Array.from({ length: RATE * seconds }, (_, at) => 0.4 * Math.sin((2 * Math.PI * hertz * at) / RATE));

test("the ears of the tests tell tones apart, also after G.711", () => {
  const coded = tone(620, 1).map((sample) => decode(encode(sample)));
  assert.ok(share(coded, 620) > 0.95, `${share(coded, 620)}`);
  assert.ok(share(coded, 1200) < 0.05);
  assert.equal(hears(coded, 620), true);
  assert.equal(hears(coded, 1200), false);
  assert.equal(hears(new Array(RATE).fill(0), 620), false);
  for (const sample of [0.9, 0.5, 0.01, -0.01, -0.5, -0.9]) {
    assert.ok(Math.abs(decode(encode(sample)) - sample) <= Math.abs(sample) * 0.04 + 0.001, `${sample} ${decode(encode(sample))}`);
  }
});

test("a WAV file is read as it was written", () => {
  const { rate, channels } = readWav(wav(620, 1));
  assert.equal(rate, 48_000);
  assert.equal(channels.length, 1);
  assert.ok(share(channels[0] ?? [], 620, rate) > 0.99);
});
