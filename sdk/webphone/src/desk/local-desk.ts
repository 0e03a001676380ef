import { type Clock, uuid, within } from "../clock.js";
import { requireState } from "../core/call-state.js";
import { requireDigits, requireNumber } from "../core/number.js";
import { ZorioWebphoneError } from "../errors.js";
import type { IncomingOffer, SipEngine } from "../sip/engine.js";
import type { AudioDevices, CallOptions, Contact } from "../types.js";
import type { AudioPort, AudioSink, Desk, DeskCommand, DeskEvent, DeskSink, DeskSnapshot } from "./desk.js";
import { Line, type LineParts } from "./line.js";
import { LocalCall } from "./local-call.js";

export interface LocalDeskParts extends LineParts {
  audio(sink: AudioSink): AudioPort;
  iceServers(): RTCIceServer[];
  lookUp(number: string): Promise<Contact | null>;
  /** Plays what comes before the answer. */
  earlyMedia?: boolean;
  replaceToken(token: string): void;
}

/** How long an incoming call waits for the name of its caller before the page hears of it. */
const LOOKUP = 700;
/** How long the face shows a call that is over. */
const AFTERGLOW = 4_000;
const MOST_CALLS = 4;
const TRANSFER = 20_000;

/** The phone of this tab: its line, its calls, its sound. */
export class LocalDesk implements Desk {
  private readonly calls = new Map<string, LocalCall>();
  private readonly line: Line;
  private readonly audio: AudioPort;
  private readonly clock: Clock;
  private audioBlocked = false;

  constructor(
    private readonly parts: LocalDeskParts,
    private readonly sink: DeskSink,
  ) {
    this.clock = parts.clock;
    this.audio = parts.audio({
      blocked: () => {
        if (this.audioBlocked) return;
        this.audioBlocked = true;
        this.changed();
        this.tell({ name: "audio_autoplay_blocked", call: this.current()?.snapshot() ?? null });
      },
      unblocked: () => {
        this.audioBlocked = false;
        this.changed();
      },
      microphoneChanged: () => {
        for (const call of this.live()) void call.takeMicrophone().catch((error) => this.fail(error));
      },
      failed: (error) => this.tell({ name: "error", error }),
    });
    this.line = new Line(parts, {
      status: () => this.changed(),
      connected: () => this.tell({ name: "connected" }),
      disconnected: (reason) => this.tell({ name: "disconnected", reason }),
      registered: () => this.tell({ name: "registered" }),
      unregistered: (reason) => this.tell({ name: "unregistered", reason }),
      retry: (attempt, delay_ms) => {
        this.changed();
        this.tell({ name: "auto_reconnect", attempt, delay_ms });
      },
      failed: (error) => this.fail(error),
      incoming: (offer) => this.incoming(offer),
      restored: () => {
        for (const call of this.live()) call.heal();
      },
    });
  }

  /** Settles with the first registration, or with the connection if none is wanted. */
  start(register: boolean): Promise<void> {
    this.line.start(register);
    return register ? this.line.register() : Promise.resolve();
  }

  get sip(): SipEngine {
    return this.line.sip;
  }

  /** The engine has a new credential. */
  reregister(): void {
    this.line.reregister();
  }

  snapshot(): DeskSnapshot {
    return {
      status: this.line.status,
      attempt: this.line.attempts,
      calls: [...this.calls.values()].map((call) => call.snapshot()),
      audioBlocked: this.audioBlocked,
      isMirror: false,
    };
  }

  async run(command: DeskCommand): Promise<unknown> {
    switch (command.do) {
      case "call":
        return await this.dial(requireNumber(command.number), command.options);
      case "register":
        return await this.line.register();
      case "unregister":
        return await this.line.unregister();
      case "input":
        return await this.audio.setInput(command.deviceId);
      case "output":
        return await this.audio.setOutput(command.deviceId);
      case "ringer":
        return await this.audio.setRinger(command.deviceId);
      case "token":
        return this.parts.replaceToken(command.token);
      default:
        return await this.control(this.find(command.id), command);
    }
  }

  unlockAudio(): Promise<void> {
    return this.audio.unlock();
  }

  devices(): Promise<AudioDevices> {
    return this.audio.devices();
  }

  levels(id: string): { microphone: number; remote: number } {
    return { microphone: this.audio.microphoneLevel(), remote: this.audio.remoteLevel(id) };
  }

  wake(): void {
    this.line.nudge();
    for (const call of this.live()) call.heal();
  }

  networkLost(): void {
    this.line.probe();
  }

  async stop(): Promise<void> {
    for (const call of this.live()) call.hangup();
    await this.line.unregister().catch(() => {});
    this.leave();
  }

  /** The page goes: there is no time to wait for answers. */
  leave(): void {
    for (const call of this.live()) call.hangup();
    this.line.stop();
    this.audio.stop();
    this.calls.clear();
  }

  private async control(call: LocalCall, command: DeskCommand & { id: string }): Promise<unknown> {
    const state = call.state;
    switch (command.do) {
      case "answer":
        requireState(state, "answer", "ringing");
        if (call.snapshot().direction !== "incoming") {
          throw new ZorioWebphoneError("invalid_state", "Only an incoming call can be answered", { state });
        }
        return await this.answer(call);
      case "hangup":
        if (state !== "ended") call.hangup();
        return undefined;
      case "mute":
      case "unmute":
        requireState(state, command.do, "answered", "held", "early_media");
        return call.setMuted(command.do === "mute");
      case "hold":
        if (state === "held") return undefined;
        requireState(state, "hold", "answered");
        this.requireLine();
        return await call.setHeld(true);
      case "unhold":
        if (state === "answered") return undefined;
        requireState(state, "unhold", "held");
        this.requireLine();
        await this.holdOthers(call);
        return await call.setHeld(false);
      case "dtmf": {
        requireState(state, "send digits to", "answered", "early_media");
        const digits = requireDigits(command.digits);
        call.session?.digits(digits);
        this.audio.key(digits.charAt(0));
        return undefined;
      }
      case "transfer":
        return await this.transfer(call, command);
      case "stats":
        return call.lastStats();
      default:
        throw new ZorioWebphoneError("unknown_command", "There is no such command");
    }
  }

  private async dial(number: string, options: CallOptions): Promise<string> {
    this.requireLine();
    if (this.live().length >= MOST_CALLS) {
      throw new ZorioWebphoneError("invalid_state", `There are ${MOST_CALLS} calls already`);
    }
    const stream = await this.audio.microphone();
    try {
      await this.holdOthers(null);
      this.requireLine();
      const start = { id: uuid(), uuid: uuid(), number, direction: "outgoing" as const, name: null, via: null };
      const call = this.create(start);
      call.stream = stream;
      const headers = [`X-Call-UUID: ${start.uuid}`];
      if (Number.isSafeInteger(options.campaignId)) headers.push(`X-Campaign-Id: ${options.campaignId}`);
      if (Number.isSafeInteger(options.leadId)) headers.push(`X-Lead-Id: ${options.leadId}`);
      call.session = this.line.sip.invite(number, { stream, headers, iceServers: this.parts.iceServers() }, call);
      void this.parts.lookUp(number).then(
        (contact) => call.setContact(contact),
        () => {},
      );
      return call.id;
    } catch (error) {
      this.audio.release(stream);
      throw ZorioWebphoneError.from(error, "call_failed");
    }
  }

  private incoming(offer: IncomingOffer): void {
    if (this.live().length >= MOST_CALLS) {
      offer.session.end();
      return;
    }
    const { number, name, via } = offer;
    const call = this.create({ id: uuid(), uuid: offer.uuid ?? uuid(), number, direction: "incoming", name, via });
    call.session = offer.session;
    offer.attach(call);
    const known = this.parts.lookUp(number);
    known.then(
      (contact) => call.setContact(contact),
      () => {},
    );
    within(this.clock, LOOKUP, known, () => new Error("late"))
      .catch(() => null)
      .then(() => this.announce(call))
      .catch((error) => this.fail(error));
  }

  /** Tells the page of an incoming call, once, at the latest before it ends. */
  private announce(call: LocalCall): void {
    if (call.isAnnounced || call.snapshot().direction !== "incoming") return;
    call.isAnnounced = true;
    this.tell({ name: "incoming_call", call: call.snapshot(), contact: call.contact });
    if (call.state === "ringing") call.ringing();
  }

  private async answer(call: LocalCall): Promise<void> {
    this.announce(call);
    const stream = await this.audio.microphone();
    if (call.state !== "ringing") {
      this.audio.release(stream);
      throw new ZorioWebphoneError("invalid_state", "The call has ended");
    }
    call.stream = stream;
    await this.holdOthers(call);
    this.audio.tone("none");
    call.session?.answer(stream, this.parts.iceServers());
  }

  private async transfer(call: LocalCall, command: DeskCommand & { do: "transfer" }): Promise<void> {
    requireState(call.state, "transfer", "answered", "held");
    this.requireLine();
    const other = command.to === undefined ? null : this.find(command.to);
    if (other) requireState(other.state, "transfer to", "answered", "held");
    const target = other?.session ?? requireNumber(command.number);
    if (!call.session) throw new ZorioWebphoneError("invalid_state", "The call has no session");
    const late = () => new ZorioWebphoneError("transfer_failed", "The transfer was not answered in time");
    await within(this.clock, command.timeoutMs ?? TRANSFER, call.session.refer(target), late);
    call.hangup();
    other?.hangup();
  }

  private async holdOthers(except: LocalCall | null): Promise<void> {
    for (const call of this.live()) {
      if (call !== except && call.state === "answered") await call.setHeld(true);
    }
  }

  private create(start: ConstructorParameters<typeof LocalCall>[0]): LocalCall {
    const call = new LocalCall(start, this.clock, this.audio, () => this.line.isClear, this.parts.earlyMedia ?? true, {
      changed: () => {
        this.sound();
        this.changed();
      },
      ringing: (call) => this.tell({ name: "call_ringing", call: call.snapshot() }),
      answered: (call) => this.tell({ name: "call_answered", call: call.snapshot() }),
      ended: (call) => this.ended(call),
      digit: (call, digit) => this.tell({ name: "dtmf", call: call.snapshot(), digit }),
    });
    this.calls.set(call.id, call);
    this.line.setInCall(true);
    this.sound();
    this.changed();
    return call;
  }

  private ended(call: LocalCall): void {
    this.announce(call);
    const snapshot = call.snapshot();
    this.line.setInCall(this.live().length > 0);
    this.tell({ name: "call_hangup", call: snapshot, reason: snapshot.reason ?? "", billsec: snapshot.billsec });
    this.clock.after(AFTERGLOW, () => {
      if (this.calls.delete(call.id)) this.changed();
    });
  }

  /** Plays what the calls ask for: ringing, knocking, ringback or nothing. */
  private sound(): void {
    const live = this.live();
    const isRinging = live.some((call) => call.snapshot().direction === "incoming" && call.state === "ringing");
    const isTalking = live.some((call) => ["answered", "held", "early_media"].includes(call.state));
    const isCalling = live.some((call) => call.snapshot().direction === "outgoing" && call.state === "ringing");
    this.audio.tone(isRinging ? (isTalking || isCalling ? "waiting" : "ring") : isCalling ? "ringback" : "none");
  }

  private live(): LocalCall[] {
    return [...this.calls.values()].filter((call) => call.state !== "ended");
  }

  private current(): LocalCall | undefined {
    return this.live().pop();
  }

  private find(id: string): LocalCall {
    const call = this.calls.get(id) ?? [...this.calls.values()].find((call) => call.snapshot().uuid === id);
    if (!call) throw new ZorioWebphoneError("call_not_found", "There is no such call");
    return call;
  }

  private requireLine(): void {
    if (this.line.isClear) return;
    throw new ZorioWebphoneError("transport_failed", "There is no connection to the server at the moment");
  }

  private fail(error: unknown): void {
    this.tell({ name: "error", error: ZorioWebphoneError.from(error).toJSON() });
  }

  private changed(): void {
    this.sink.changed(this.snapshot());
  }

  private tell(event: DeskEvent): void {
    this.sink.event(event);
  }
}
