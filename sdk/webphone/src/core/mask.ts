import type { Clock } from "../clock.js";
import { readFrame } from "./frame.js";

export interface MaskIo {
  /** To the server. */
  send(text: string): boolean;
  /** To the user agent. */
  deliver(text: string): void;
  /** A REGISTER was answered with a final status that is no challenge. */
  registerAnswered(status: number): void;
}

/** What was sent longer ago than this has been given up on both sides. */
const WINDOW = 20_000;

interface Held {
  text: string;
  at: number;
  method: string;
  transaction: string;
}

/**
 * Hides short outages from the user agent, which would end calls whose requests meet a dead connection.
 *
 * While the connection is down, what the agent says is kept. When it is up again the phone registers first, so that
 * the server knows the new way to it; then go the requests that nobody answered (with the same branch: for the server
 * they are retransmissions) and what was kept, in the order in which it was said.
 */
export class Mask {
  private state: "through" | "down" | "registering" = "down";
  private unanswered: Held[] = [];
  private kept: Held[] = [];
  private wantsRegistration = false;

  constructor(
    private readonly clock: Clock,
    private readonly io: MaskIo,
  ) {}

  /** Whether calls can send requests now and be heard. */
  get isThrough(): boolean {
    return this.state === "through";
  }

  /** Takes what the agent sends. It is never refused. */
  fromAgent(text: string): void {
    const frame = readFrame(text);
    const held = { text, at: this.clock.now(), method: frame?.method ?? "", transaction: frame?.transaction ?? "" };
    const isRegister = frame?.isRequest === true && frame.method === "REGISTER";
    const goes = this.state === "through" || (this.state === "registering" && isRegister);
    if (goes && this.io.send(text)) {
      if (frame?.isRequest && frame.method !== "ACK") this.remember(held);
    } else if (!isRegister) {
      this.kept.push(held);
    } else {
      this.remember(held);
    }
  }

  /** Takes what comes from the server. */
  fromServer(text: string): void {
    const frame = readFrame(text);
    const isFinal = frame !== null && !frame.isRequest && frame.status >= 200;
    if (isFinal) this.unanswered = this.unanswered.filter((held) => held.transaction !== frame.transaction);
    const isAnswer = isFinal && frame.method === "REGISTER" && frame.status !== 401 && frame.status !== 407;
    if (isAnswer && frame.status < 300 && this.state === "registering") this.flush();
    // The agent first: it has to know its own registration before anybody acts on it.
    this.io.deliver(text);
    if (isAnswer) this.io.registerAnswered(frame.status);
  }

  /** The connection is gone. */
  down(wantsRegistration: boolean): void {
    this.state = "down";
    this.wantsRegistration = wantsRegistration;
  }

  /** The connection is there again; `true` if the agent has to register now. */
  up(): boolean {
    if (this.state !== "down") return false;
    if (!this.wantsRegistration) {
      this.flush();
      return false;
    }
    this.state = "registering";
    // One that was on its way when the connection broke is the agent's current one: it waits for its answer.
    const register = this.unanswered.filter((held) => held.method === "REGISTER" && this.isFresh(held)).pop();
    this.unanswered = this.unanswered.filter((held) => held.method !== "REGISTER" || held === register);
    if (register) this.io.send(register.text);
    return !register;
  }

  /** There will be no registration: calls go on without. */
  release(): void {
    if (this.state === "registering") this.flush();
  }

  /** Nothing that was kept is of use any more. */
  clear(): void {
    this.unanswered = [];
    this.kept = [];
  }

  private remember(held: Held): void {
    this.unanswered = this.unanswered.filter((other) => other.method === "INVITE" || this.isFresh(other));
    this.unanswered.push(held);
  }

  private isFresh(held: Held): boolean {
    return this.clock.now() - held.at <= WINDOW;
  }

  private flush(): void {
    this.state = "through";
    const kept = this.kept;
    this.kept = [];
    const late = (held: Held) => this.isFresh(held) || held.method === "BYE";
    for (const held of this.unanswered.filter((held) => held.method !== "REGISTER" && late(held))) {
      this.io.send(held.text);
    }
    // A BYE is true however late it comes.
    for (const held of kept.filter(late)) this.fromAgent(held.text);
  }
}
