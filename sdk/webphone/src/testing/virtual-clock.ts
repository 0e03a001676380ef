import type { Cancel, Clock } from "../clock.js";

/** Time that only moves when a test moves it. */
export class VirtualClock implements Clock {
  private time = 1_700_000_000_000;
  private timers: { at: number; order: number; run: () => void }[] = [];
  private order = 0;
  chance = 0;

  now(): number {
    return this.time;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { at: this.time + ms, order: (this.order += 1), run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  random(): number {
    return this.chance;
  }

  /** Moves on and runs what falls due, in order. */
  advance(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      const due = this.timers
        .filter((timer) => timer.at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!due) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.time = Math.max(this.time, due.at);
      due.run();
    }
    this.time = until;
  }

  /** The same, with time for promises between the steps. */
  async pass(ms: number, step = 100): Promise<void> {
    await settled();
    for (let gone = 0; gone < ms; gone += step) {
      this.advance(Math.min(step, ms - gone));
      await settled();
    }
  }
}

/** Waits until promises that can go on have gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
