import type { Cancel, Clock } from "../clock.js";
import { type CallInput, billsec, nextState } from "../core/call-state.js";
import { QualityMonitor } from "../core/quality.js";
import { hangupReason } from "../core/reason.js";
import { readReport } from "../media/report.js";
import type { SessionEnding, SessionSink, SipSession } from "../sip/engine.js";
import type { CallSnapshot, CallStats, Contact, Direction } from "../types.js";
import { type AudioPort, noStats } from "./desk.js";

export interface LocalCallSink {
  changed(call: LocalCall): void;
  ringing(call: LocalCall): void;
  answered(call: LocalCall): void;
  ended(call: LocalCall): void;
  digit(call: LocalCall, digit: string): void;
}

export interface CallStart {
  id: string;
  uuid: string;
  number: string;
  direction: Direction;
  name: string | null;
  via: string | null;
}

/** A media path that has been lost for this long is sought anew. */
const LOST = 3_000;

/** A call of this tab: its state, its session and its sound. */
export class LocalCall implements SessionSink {
  readonly id: string;
  session: SipSession | null = null;
  stream: MediaStream | null = null;
  contact: Contact | null = null;
  /** The page has been told of it. */
  isAnnounced = false;
  isRung = false;
  private data: CallSnapshot;
  private readonly monitor = new QualityMonitor();
  private ticking: Cancel | null = null;
  private healing: Cancel | null = null;
  private stats: CallStats;
  private hungUp = false;
  private remote: MediaStream | null = null;

  constructor(
    start: CallStart,
    private readonly clock: Clock,
    private readonly audio: AudioPort,
    private readonly isClear: () => boolean,
    private readonly earlyMedia: boolean,
    private readonly sink: LocalCallSink,
  ) {
    this.id = start.id;
    this.stats = noStats(start.uuid);
    this.data = {
      ...start,
      state: start.direction === "incoming" ? "ringing" : "initiating",
      muted: false,
      held: false,
      contact: null,
      startedAt: clock.now(),
      answeredAt: null,
      endedAt: null,
      reason: null,
      billsec: 0,
      quality: null,
    };
  }

  snapshot(): CallSnapshot {
    return this.data;
  }

  get state(): CallSnapshot["state"] {
    return this.data.state;
  }

  setContact(contact: Contact | null): void {
    this.contact = contact;
    this.change({ contact });
  }

  setMuted(muted: boolean): void {
    this.session?.mute(muted);
    this.change({ muted });
  }

  async setHeld(held: boolean): Promise<void> {
    if (this.data.held === held) return;
    await this.session?.hold(held);
    if (this.input(held ? "hold" : "unhold")) {
      this.monitor.reset();
      this.change({ held, quality: null });
    }
  }

  hangup(): void {
    this.hungUp = true;
    this.session?.end();
    // A session that is over already says nothing more.
    if (this.state !== "ended") this.ended({ by: "local" });
  }

  lastStats(): CallStats {
    return this.stats;
  }

  /** Gives the session a fresh copy of the microphone. */
  async takeMicrophone(): Promise<void> {
    if (!this.session || this.state === "ended") return;
    const fresh = await this.audio.microphone();
    const enabled = this.stream?.getAudioTracks()[0]?.enabled ?? true;
    const track = fresh.getAudioTracks()[0];
    if (!track) return;
    track.enabled = enabled;
    await this.session.replaceTrack(track);
    if (this.stream) this.audio.release(this.stream);
    this.stream = fresh;
  }

  /** Seeks a new media path if the old one is lost. */
  heal(): void {
    const state = this.session?.mediaState;
    if (state !== "disconnected" && state !== "failed") return;
    if (this.isClear() && (this.state === "answered" || this.state === "held")) this.session?.restartIce();
  }

  ringing(): void {
    this.input("ring");
    if (!this.isRung) {
      this.isRung = true;
      this.sink.ringing(this);
    }
  }

  early(): void {
    this.input("early");
    if (!this.isRung) {
      this.isRung = true;
      this.sink.ringing(this);
    }
  }

  answered(): void {
    if (!this.input("answer")) return;
    this.change({ answeredAt: this.clock.now() });
    if (!this.earlyMedia && this.remote) this.audio.play(this.id, this.remote);
    this.tick();
    this.sink.answered(this);
  }

  named(uuid: string): void {
    if (uuid !== this.data.uuid) this.change({ uuid });
  }

  digit(digit: string): void {
    this.sink.digit(this, digit);
  }

  remoteStream(stream: MediaStream): void {
    this.remote = stream;
    if (this.earlyMedia || this.data.answeredAt !== null) this.audio.play(this.id, stream);
  }

  mediaState(state: RTCIceConnectionState): void {
    this.healing?.();
    this.healing = null;
    if (state !== "disconnected" && state !== "failed") return;
    this.monitor.reset();
    this.healing = this.clock.after(state === "failed" ? 0 : LOST, () => this.heal());
  }

  ended(ending: SessionEnding): void {
    if (!this.input("end")) return;
    this.ticking?.();
    this.healing?.();
    this.audio.silence(this.id);
    if (this.stream) this.audio.release(this.stream);
    this.stream = null;
    const now = this.clock.now();
    const { answeredAt, direction } = this.data;
    const billed = billsec(answeredAt, now);
    const by = this.hungUp ? "local" : ending.by;
    const reason = hangupReason({ ...ending, by, answered: answeredAt !== null, direction, billsec: billed });
    this.change({ endedAt: now, billsec: billed, reason, held: false });
    this.sink.ended(this);
  }

  private input(input: CallInput): boolean {
    const next = nextState(this.data.state, input);
    if (!next) return false;
    this.change({ state: next });
    return true;
  }

  private change(part: Partial<CallSnapshot>): void {
    this.data = { ...this.data, ...part };
    this.sink.changed(this);
  }

  private tick(): void {
    this.ticking = this.clock.after(1_000, () => {
      this.tick();
      void this.measure();
    });
  }

  private async measure(): Promise<void> {
    const report = await this.session?.stats().catch(() => null);
    if (!report || this.state === "ended") return;
    const { sample, stats } = readReport(report, this.data.uuid);
    const microphone = this.audio.microphoneLevel();
    const remoteLevel = Math.max(stats.remoteLevel, this.audio.remoteLevel(this.id));
    if (this.state !== "held") {
      const microphoneLevel = this.data.muted ? null : microphone;
      this.change({ quality: this.monitor.add({ ...sample, microphoneLevel }) });
    }
    this.stats = { ...stats, remoteLevel, microphoneLevel: microphone, quality: this.data.quality };
  }
}
