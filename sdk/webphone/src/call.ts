import type { DeskCommand } from "./desk/desk.js";
import type {
  CallQuality,
  CallSnapshot,
  CallState,
  CallStats,
  Contact,
  Direction,
  TransferOptions,
} from "./types.js";

type Plain = "answer" | "hangup" | "mute" | "unmute" | "hold" | "unhold";

/** One call. Its methods settle when the phone has done what they say. */
export class ZorioCall {
  private data: CallSnapshot;
  private readonly order: (command: DeskCommand) => Promise<unknown>;

  /** Calls are made by the phone. */
  constructor(snapshot: CallSnapshot, order: (command: DeskCommand) => Promise<unknown>) {
    this.data = snapshot;
    this.order = order;
  }

  /** The server's name of the call; of an outgoing one, our own until the server has answered. */
  get uuid(): string {
    return this.data.uuid;
  }
  get number(): string {
    return this.data.number;
  }
  get direction(): Direction {
    return this.data.direction;
  }
  get state(): CallState {
    return this.data.state;
  }
  get muted(): boolean {
    return this.data.muted;
  }
  get held(): boolean {
    return this.data.held;
  }
  /** What the network calls the other side. */
  get name(): string | null {
    return this.data.name;
  }
  /** The queue or the dialled number by which an incoming call came. */
  get via(): string | null {
    return this.data.via;
  }
  get contact(): Contact | null {
    return this.data.contact;
  }
  get startedAt(): Date {
    return new Date(this.data.startedAt);
  }
  get answeredAt(): Date | null {
    return this.data.answeredAt === null ? null : new Date(this.data.answeredAt);
  }
  get endedAt(): Date | null {
    return this.data.endedAt === null ? null : new Date(this.data.endedAt);
  }
  /** Why it ended. */
  get reason(): string | null {
    return this.data.reason;
  }
  get billsec(): number {
    return this.data.billsec;
  }
  get quality(): CallQuality | null {
    return this.data.quality;
  }

  async answer(): Promise<void> {
    await this.tell("answer");
  }
  /** Ends the call, or refuses it while it rings. */
  async hangup(): Promise<void> {
    await this.tell("hangup");
  }
  async mute(): Promise<void> {
    await this.tell("mute");
  }
  async unmute(): Promise<void> {
    await this.tell("unmute");
  }
  async hold(): Promise<void> {
    await this.tell("hold");
  }
  async unhold(): Promise<void> {
    await this.tell("unhold");
  }
  /** Sends keys: `0-9`, `*`, `#`, `A-D`; a comma waits for two seconds. */
  async sendDtmf(digits: string): Promise<void> {
    await this.order({ do: "dtmf", id: this.data.id, digits });
  }
  /** To a number: at once, without asking. To another call: connects its other side with this one's. */
  async transfer(target: string | ZorioCall, options: TransferOptions = {}): Promise<void> {
    const to = target instanceof ZorioCall ? { to: target.data.id } : { number: target };
    const timeout = options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs };
    await this.order({ do: "transfer", id: this.data.id, ...to, ...timeout });
  }
  async getStats(): Promise<CallStats> {
    return (await this.order({ do: "stats", id: this.data.id })) as CallStats;
  }

  /** Returns the call as plain data, as it crosses to other windows. */
  toJSON(): Pick<CallSnapshot, "uuid" | "number" | "direction" | "state" | "muted" | "held"> {
    const { uuid, number, direction, state, muted, held } = this.data;
    return { uuid, number, direction, state, muted, held };
  }

  /** @internal */
  update(snapshot: CallSnapshot): void {
    this.data = snapshot;
  }

  private async tell(what: Plain): Promise<void> {
    await this.order({ do: what, id: this.data.id });
  }
}
