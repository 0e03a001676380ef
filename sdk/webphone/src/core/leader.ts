import type { Cancel, Clock } from "../clock.js";

/** What tabs of one phone tell each other to agree on who is the phone. */
export type Ballot =
  | { kind: "hello"; from: string }
  | { kind: "claim"; from: string; term: number }
  | { kind: "beat"; from: string; term: number }
  | { kind: "bye"; from: string; term: number };

export interface LeaderSink {
  post(ballot: Ballot): void;
  lead(): void;
  /** Somebody else is the phone now, `wasLeader` until now ourselves. */
  follow(wasLeader: boolean): void;
}

/** How long a newcomer waits for the leader to speak up. */
const LISTEN = 250;
/** How long a claim may be contested. */
const CONTEST = 150;
/** How often a follower asks for the leader. */
const ASK = 2_000;
/** A leader that has been silent for this long is gone. */
const GONE = 5_000;

/**
 * One of all tabs is the phone.
 *
 * ```text
 * listening ─nobody▶ claiming ─uncontested▶ leading
 *     │                 │ a better claim       │ a later term
 *     └──beat──▶ following ◀───────────────────┘
 *                  └─ silence, bye ─▶ claiming
 * ```
 *
 * Followers ask and the leader answers, because the timers of hidden tabs are slowed while their messages are not.
 */
export class Leadership {
  private state: "idle" | "listening" | "claiming" | "leading" | "following" = "idle";
  private term = 0;
  private heardAt = 0;
  private timer: Cancel | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly id: string,
    private readonly sink: LeaderSink,
  ) {}

  get isLeader(): boolean {
    return this.state === "leading";
  }

  start(): void {
    this.state = "listening";
    this.wait(LISTEN, () => this.claim());
    this.sink.post({ kind: "hello", from: this.id });
  }

  stop(): void {
    if (this.state === "leading") this.sink.post({ kind: "bye", from: this.id, term: this.term });
    this.timer?.();
    this.state = "idle";
  }

  /** The page was frozen or asleep: what was believed may be long over. */
  wake(): void {
    if (this.state === "leading") this.sink.post({ kind: "beat", from: this.id, term: this.term });
    else if (this.state === "following") this.ask();
  }

  receive(ballot: Ballot): void {
    if (ballot.from === this.id || this.state === "idle") return;
    switch (ballot.kind) {
      case "hello":
        if (this.state === "leading") this.sink.post({ kind: "beat", from: this.id, term: this.term });
        return;
      case "claim":
        if (this.state === "leading" && ballot.term <= this.term) {
          this.sink.post({ kind: "beat", from: this.id, term: this.term });
        } else if (this.state !== "claiming" || this.yieldsTo(ballot)) {
          this.follow(ballot.term);
        } else {
          this.sink.post({ kind: "claim", from: this.id, term: this.term });
        }
        return;
      case "beat":
        if (this.state === "leading" && !this.yieldsTo(ballot)) {
          this.sink.post({ kind: "beat", from: this.id, term: this.term });
        } else {
          this.follow(ballot.term);
        }
        return;
      case "bye":
        if (this.state === "following" && ballot.term >= this.term) {
          // Not all at once: whoever is first claims it.
          this.wait(this.clock.random() * CONTEST, () => this.claim());
        }
    }
  }

  /** A later term wins, and of two equal ones the smaller name. */
  private yieldsTo(ballot: { from: string; term: number }): boolean {
    return ballot.term > this.term || (ballot.term === this.term && ballot.from < this.id);
  }

  private claim(): void {
    this.state = "claiming";
    this.term += 1;
    this.wait(CONTEST, () => {
      this.state = "leading";
      this.sink.post({ kind: "beat", from: this.id, term: this.term });
      this.sink.lead();
    });
    this.sink.post({ kind: "claim", from: this.id, term: this.term });
  }

  private follow(term: number): void {
    const was: string = this.state;
    this.term = Math.max(this.term, term);
    this.heardAt = this.clock.now();
    this.state = "following";
    this.wait(ASK, () => this.ask());
    if (was !== "following") this.sink.follow(was === "leading");
  }

  private ask(): void {
    if (this.clock.now() - this.heardAt >= GONE) return this.claim();
    this.wait(ASK, () => this.ask());
    this.sink.post({ kind: "hello", from: this.id });
  }

  private wait(ms: number, run: () => void): void {
    this.timer?.();
    this.timer = this.clock.after(ms, run);
  }
}
