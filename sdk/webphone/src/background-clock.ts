import { type Clock, systemClock } from "./clock.js";
import source from "./timers.worker.js";

/** A clock that goes on in hidden pages, until it is stopped. */
export interface BackgroundClock extends Clock {
  stop(): void;
}

/** What is used of a worker. */
export interface TimerWorker {
  onmessage: ((event: { data: number }) => void) | null;
  onerror: (() => void) | null;
  postMessage(message: [id: number, ms: number]): void;
  terminate(): void;
}

/**
 * Returns a clock whose timers run in a worker beside the page's own: whichever is first counts, so that a worker that
 * was forbidden or that fails costs nothing but its help.
 */
export function backgroundClock(start: () => TimerWorker | null): BackgroundClock {
  const waiting = new Map<number, () => void>();
  let worker = start();
  let last = 0;
  const lose = () => {
    worker?.terminate();
    worker = null;
  };
  if (worker) {
    worker.onmessage = ({ data }) => waiting.get(data)?.();
    worker.onerror = lose;
  }
  return {
    now: systemClock.now,
    random: systemClock.random,
    after(ms, run) {
      if (!worker) return systemClock.after(ms, run);
      last += 1;
      const id = last;
      const cancel = () => {
        cancelOwn();
        if (waiting.delete(id)) worker?.postMessage([id, -1]);
      };
      const fire = () => {
        cancel();
        run();
      };
      const cancelOwn = systemClock.after(ms, fire);
      waiting.set(id, fire);
      worker.postMessage([id, ms]);
      return cancel;
    },
    stop: lose,
  };
}

interface TrustedPolicy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): TrustedPolicy;
}

/**
 * Starts the worker: from its own text (the page's policy has to allow `worker-src blob:`) or from an address of the
 * page's own origin. Returns `null` where that is forbidden.
 */
export function startWorker(wish: string): TimerWorker | null {
  if (wish === "off" || typeof Worker === "undefined") return null;
  try {
    const url = wish === "auto" ? URL.createObjectURL(new Blob([source], { type: "text/javascript" })) : wish;
    return new Worker(trusted(url)) as unknown as TimerWorker;
  } catch {
    return null;
  }
}

/** A page that enforces Trusted Types allows it with `trusted-types zorio-webphone`. */
function trusted(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  policy ??= trustedTypes?.createPolicy("zorio-webphone", { createScriptURL: (url) => url });
  return policy ? policy.createScriptURL(url) : url;
}

let policy: TrustedPolicy | undefined;
