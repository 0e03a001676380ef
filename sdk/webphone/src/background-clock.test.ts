import assert from "node:assert/strict";
import { test } from "node:test";

import { backgroundClock, type TimerWorker } from "./background-clock.js";

function fake() {
  const asked: [number, number][] = [];
  let isGone = false;
  const worker: TimerWorker = {
    onmessage: null,
    onerror: null,
    postMessage: (message) => asked.push(message),
    terminate: () => {
      isGone = true;
    },
  };
  return { worker, asked, isGone: () => isGone };
}

const HOUR = 3_600_000;

test("a timer runs when the worker says so, however slow the page's own timers are, and once", () => {
  const { worker, asked } = fake();
  const clock = backgroundClock(() => worker);
  let runs = 0;
  clock.after(HOUR, () => {
    runs += 1;
  });
  assert.deepEqual(asked, [[1, HOUR]]);
  worker.onmessage?.({ data: 1 });
  worker.onmessage?.({ data: 1 });
  assert.equal(runs, 1);
  clock.stop();
});

test("a cancelled timer does not run, and the worker is told", () => {
  const { worker, asked } = fake();
  const clock = backgroundClock(() => worker);
  const cancel = clock.after(HOUR, () => assert.fail("it ran"));
  cancel();
  cancel();
  worker.onmessage?.({ data: 1 });
  assert.deepEqual(asked, [
    [1, HOUR],
    [1, -1],
  ]);
});

test("without a worker, and when it fails later, the page's own timers do", async () => {
  const none = backgroundClock(() => null);
  await new Promise<void>((resolve) => void none.after(1, resolve));
  const { worker, isGone } = fake();
  const clock = backgroundClock(() => worker);
  const ran = new Promise<void>((resolve) => void clock.after(1, resolve));
  worker.onerror?.();
  assert.equal(isGone(), true);
  await ran;
  await new Promise<void>((resolve) => void clock.after(1, resolve));
});
