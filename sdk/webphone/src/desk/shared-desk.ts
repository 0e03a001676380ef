import { type Cancel, type Clock, uuid } from "../clock.js";
import { type Ballot, Leadership } from "../core/leader.js";
import { ZorioWebphoneError, type PlainError } from "../errors.js";
import type { AudioDevices } from "../types.js";
import type { Desk, DeskCommand, DeskEvent, DeskSink, DeskSnapshot } from "./desk.js";

/** What tabs of one phone say to each other. */
export type TabMessage =
  | { t: "ballot"; ballot: Ballot }
  | { t: "state"; snapshot: DeskSnapshot }
  | { t: "event"; event: DeskEvent }
  | { t: "do"; id: string; command: DeskCommand }
  | { t: "done"; id: string; value?: unknown; error?: PlainError };

/** The part of `BroadcastChannel` that is used. */
export interface TabChannel {
  post(message: TabMessage): void;
  close(): void;
}

/** A phone that this tab can be. */
export interface LeadDesk extends Desk {
  leave(): void;
}

export interface SharedDeskParts {
  clock: Clock;
  channel(receive: (message: TabMessage) => void): TabChannel;
  devices(): Promise<AudioDevices>;
  /** Makes this tab the phone. */
  lead(sink: DeskSink): LeadDesk;
}

/** How long another tab may take to answer a command. */
const ANSWER = 30_000;

const NOTHING: DeskSnapshot = {
  status: "connecting",
  attempt: 0,
  calls: [],
  audioBlocked: false,
  isMirror: true,
};

/**
 * One phone in many tabs: one of them is the phone, the others show it and pass on what they are told.
 * If it goes, another takes its place; a call that it had is over.
 */
export class SharedDesk implements Desk {
  private readonly channel: TabChannel;
  private readonly leadership: Leadership;
  private own: LeadDesk | null = null;
  private mirrored: DeskSnapshot = NOTHING;
  private readonly waiting = new Map<string, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  private readonly timers = new Set<Cancel>();

  constructor(
    private readonly parts: SharedDeskParts,
    private readonly sink: DeskSink,
  ) {
    const id = uuid();
    this.channel = parts.channel((message) => this.receive(message));
    this.leadership = new Leadership(parts.clock, id, {
      post: (ballot) => this.channel.post({ t: "ballot", ballot }),
      lead: () => this.lead(),
      follow: (wasLeader) => this.follow(wasLeader),
    });
    this.leadership.start();
  }

  snapshot(): DeskSnapshot {
    return this.own ? this.own.snapshot() : this.mirrored;
  }

  run(command: DeskCommand): Promise<unknown> {
    if (this.own) return this.own.run(command);
    const id = uuid();
    return new Promise((resolve, reject) => {
      const cancel = this.parts.clock.after(ANSWER, () => {
        this.finish(id, undefined, new ZorioWebphoneError("internal_error", "The tab with the phone does not answer"));
      });
      this.timers.add(cancel);
      const done = () => {
        cancel();
        this.timers.delete(cancel);
      };
      this.waiting.set(id, {
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      this.channel.post({ t: "do", id, command });
    });
  }

  /** Only the tab that plays can be unlocked, by a click in it. */
  unlockAudio(): Promise<void> {
    return this.own?.unlockAudio() ?? Promise.resolve();
  }

  devices(): Promise<AudioDevices> {
    return this.own?.devices() ?? this.parts.devices();
  }

  levels(id: string): { microphone: number; remote: number } | null {
    return this.own?.levels(id) ?? null;
  }

  wake(): void {
    this.leadership.wake();
    this.own?.wake();
  }

  networkLost(): void {
    this.own?.networkLost();
  }

  async stop(): Promise<void> {
    await this.own?.stop();
    this.leave();
  }

  leave(): void {
    this.own?.leave();
    this.own = null;
    this.leadership.stop();
    for (const cancel of this.timers) cancel();
    this.channel.close();
  }

  private lead(): void {
    const lost = this.mirrored.calls.filter((call) => call.state !== "ended");
    this.mirrored = NOTHING;
    for (const call of lost) {
      const reason = "network_out_of_order";
      const ended = { ...call, state: "ended" as const, reason, endedAt: this.parts.clock.now() };
      this.sink.event({ name: "call_hangup", call: ended, reason, billsec: call.billsec });
    }
    // Nobody answers any more what the old phone was asked.
    for (const id of [...this.waiting.keys()]) {
      this.finish(id, undefined, new ZorioWebphoneError("internal_error", "The tab with the phone was closed"));
    }
    this.own = this.parts.lead({
      changed: (snapshot) => {
        this.channel.post({ t: "state", snapshot });
        this.sink.changed(snapshot);
      },
      event: (event) => {
        this.channel.post({ t: "event", event });
        this.sink.event(event);
      },
    });
  }

  private follow(wasLeader: boolean): void {
    if (wasLeader) {
      // This tab slept, and another one took over.
      this.own?.leave();
      this.own = null;
    }
    this.sink.changed(this.mirrored);
  }

  private receive(message: TabMessage): void {
    switch (message.t) {
      case "ballot":
        this.leadership.receive(message.ballot);
        if (message.ballot.kind === "hello" && this.own) {
          this.channel.post({ t: "state", snapshot: this.own.snapshot() });
        }
        return;
      case "state":
        if (this.own) return;
        this.mirrored = { ...message.snapshot, isMirror: true };
        this.sink.changed(this.mirrored);
        return;
      case "event":
        if (!this.own) this.sink.event(message.event);
        return;
      case "do":
        if (this.own) void this.obey(this.own, message.id, message.command);
        return;
      case "done":
        this.finish(message.id, message.value, message.error && ZorioWebphoneError.from(message.error));
    }
  }

  private async obey(own: LeadDesk, id: string, command: DeskCommand): Promise<void> {
    try {
      this.channel.post({ t: "done", id, value: await own.run(command) });
    } catch (error) {
      this.channel.post({ t: "done", id, error: ZorioWebphoneError.from(error).toJSON() });
    }
  }

  private finish(id: string, value: unknown, error?: Error): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) waiting?.reject(error);
    else waiting?.resolve(value);
  }
}
