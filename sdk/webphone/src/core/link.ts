import type { Cancel, Clock } from "../clock.js";

/** What the machine does to the socket. */
export interface LinkIo {
  open(): void;
  close(): void;
  send(text: string): void;
}

/** What the machine tells. */
export interface LinkSink {
  up(): void;
  down(reason: string): void;
  /** The next attempt comes after so many milliseconds. */
  retry(attempt: number, delayMs: number): void;
  data(text: string): void;
}

/** Waits before the attempts, in milliseconds; the last one repeats. */
const WAITS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
const JITTER = 500;
/** How long a connection may take to open. */
const OPENING = 10_000;
const PING_AT_REST = 20_000;
const PING_IN_CALL = 5_000;
const PONG = 4_000;

const PING = "\r\n\r\n";

/**
 * A connection that is wanted until it is not: the machine without its socket.
 *
 * ```text
 * idle ─start▶ opening ─opened▶ open
 *   ▲             │ ▲            │ closed, silent
 *   │       failed▼ └─timer──┐   ▼
 *   └───────stop── waiting ◀─┴───┘
 * ```
 *
 * A peer that answers neither data nor a CRLF ping (RFC 5626 §3.5.1) is gone, whatever its socket says.
 */
export class Link {
  private state: "idle" | "opening" | "open" | "waiting" = "idle";
  private attempt = 0;
  private inCall = false;
  private timer: Cancel | null = null;
  private wantsPong = false;
  private nextDelay = 0;

  constructor(
    private readonly clock: Clock,
    private readonly io: LinkIo,
    private readonly sink: LinkSink,
  ) {}

  get isOpen(): boolean {
    return this.state === "open";
  }

  /** How many attempts in a row have been made since the last registration. */
  get attempts(): number {
    return this.attempt;
  }

  start(): void {
    if (this.state === "idle") this.open();
  }

  stop(): void {
    if (this.state === "idle") return;
    const was = this.state;
    this.become("idle");
    this.attempt = 0;
    if (was !== "waiting") this.io.close();
  }

  /** The phone is registered again: the next outage starts with the shortest wait. */
  settled(): void {
    this.attempt = 0;
  }

  /** During a call a dead connection is noticed faster. */
  setInCall(inCall: boolean): void {
    if (this.inCall === inCall) return;
    this.inCall = inCall;
    if (this.state === "open" && !this.wantsPong) this.rest();
  }

  send(text: string): boolean {
    if (this.state !== "open") return false;
    this.io.send(text);
    return true;
  }

  opened(): void {
    if (this.state !== "opening") return;
    this.become("open");
    this.rest();
    this.sink.up();
  }

  closed(reason = "closed", leastDelayMs = 0): void {
    if (this.state !== "opening" && this.state !== "open") return;
    const wasOpen = this.state === "open";
    this.wait(leastDelayMs);
    if (wasOpen) this.sink.down(reason);
    this.tellRetry();
  }

  received(text: string): void {
    if (this.state !== "open") return;
    if (this.wantsPong) this.rest();
    if (text === "\r\n") return;
    if (text === PING) {
      this.io.send("\r\n");
      return;
    }
    this.sink.data(text);
  }

  /** The connection is of no use although it is open: the server refused to register the phone for now. */
  fail(reason: string, leastDelayMs = 0): void {
    if (this.state !== "open") return;
    this.io.close();
    this.closed(reason, leastDelayMs);
  }

  /** The network came, the page woke up: try now rather than later. */
  nudge(): void {
    if (this.state === "waiting") this.open();
    else this.probe();
  }

  /** The network may be gone: find out now. */
  probe(): void {
    if (this.state === "open" && !this.wantsPong) this.ping();
  }

  private open(): void {
    this.become("opening");
    this.timer = this.clock.after(OPENING, () => {
      this.io.close();
      this.closed("timeout");
    });
    this.io.open();
  }

  private wait(leastDelayMs: number): void {
    this.become("waiting");
    const wait = WAITS[Math.min(this.attempt, WAITS.length - 1)] ?? 0;
    this.attempt += 1;
    this.nextDelay = Math.round(Math.max(wait, leastDelayMs) + this.clock.random() * JITTER);
    this.timer = this.clock.after(this.nextDelay, () => this.open());
  }

  private tellRetry(): void {
    if (this.state === "waiting") this.sink.retry(this.attempt, this.nextDelay);
  }

  private rest(): void {
    this.wantsPong = false;
    this.timer?.();
    this.timer = this.clock.after(this.inCall ? PING_IN_CALL : PING_AT_REST, () => this.ping());
  }

  private ping(): void {
    this.wantsPong = true;
    this.timer?.();
    this.io.send(PING);
    this.timer = this.clock.after(PONG, () => {
      this.io.close();
      this.closed("silent");
    });
  }

  private become(state: Link["state"]): void {
    this.timer?.();
    this.timer = null;
    this.wantsPong = false;
    this.state = state;
  }
}
