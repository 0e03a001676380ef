import type { AudioPort, AudioSink, DeskEvent, DeskSnapshot, ToneKind } from "../desk/desk.js";
import { LocalDesk } from "../desk/local-desk.js";
import type { Link } from "../core/link.js";
import type { EngineSink, IncomingOffer, SessionEnding, SessionSink, SipEngine, SipPipe, SipSession } from "../sip/engine.js";
import type { Contact } from "../types.js";
import { VirtualClock } from "./virtual-clock.js";

/** A session that does what the test says the other side does. */
export class FakeSession implements SipSession {
  sink: SessionSink | null = null;
  did: string[] = [];
  mediaState: RTCIceConnectionState | null = "connected";
  holdFails = false;
  refer: (target: string | SipSession) => Promise<void> = async (target) => {
    this.did.push(`refer ${typeof target === "string" ? target : "session"}`);
  };

  constructor(private readonly pipe: SipPipe) {}

  answer(): void {
    this.did.push("answer");
    this.sink?.answered();
  }
  end(): void {
    this.did.push("end");
    this.sink?.ended({ by: "local" });
  }
  mute(on: boolean): void {
    this.did.push(on ? "mute" : "unmute");
  }
  async hold(on: boolean): Promise<void> {
    if (this.holdFails) throw new Error("glare");
    this.did.push(on ? "hold" : "unhold");
    this.pipe.send(request("INVITE", `re${this.did.length}`));
  }
  digits(digits: string): void {
    this.did.push(`digits ${digits}`);
  }
  restartIce(): void {
    this.did.push("restart");
  }
  async replaceTrack(): Promise<void> {
    this.did.push("track");
  }
  async stats(): Promise<null> {
    return null;
  }
  hear(ending: SessionEnding): void {
    this.sink?.ended(ending);
  }
}

export const request = (method: string, branch: string) =>
  `${method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;branch=${branch}\r\nCSeq: 1 ${method}\r\n\r\n`;
export const response = (status: number, method: string, branch: string) =>
  `SIP/2.0 ${status} X\r\nVia: SIP/2.0/WSS x.invalid;branch=${branch}\r\nCSeq: 1 ${method}\r\n\r\n`;

/** A SIP stack: the test answers each REGISTER. */
export class FakeEngine implements SipEngine {
  sink: EngineSink | null = null;
  sessions: FakeSession[] = [];
  invited: { number: string; headers: string[] }[] = [];
  credentials: string[] = [];
  registers = 0;

  constructor(private readonly pipe: SipPipe) {}

  start(sink: EngineSink): void {
    this.sink = sink;
  }
  register(): void {
    this.registers += 1;
    this.pipe.send(request("REGISTER", `reg${this.registers}`));
  }
  unregister(): void {
    this.register();
  }
  stop(): void {}
  setCredential(username: string, password: string): void {
    this.credentials.push(`${username}:${password}`);
  }
  invite(number: string, { headers }: { headers: string[] }, sink: SessionSink): SipSession {
    const session = new FakeSession(this.pipe);
    session.sink = sink;
    this.sessions.push(session);
    this.invited.push({ number, headers });
    return session;
  }
  call(number: string, part: Partial<IncomingOffer> = {}): FakeSession {
    const session = new FakeSession(this.pipe);
    const attach = (sink: SessionSink) => {
      session.sink = sink;
    };
    this.sessions.push(session);
    this.sink?.incoming({ session, number, name: null, uuid: null, via: null, attach, ...part });
    return session;
  }
}

export class FakeAudio implements AudioPort {
  tones: ToneKind[] = [];
  out = 0;
  error: Error | null = null;
  chosen: string[] = [];
  constructor(readonly sink: AudioSink) {}

  async microphone(): Promise<MediaStream> {
    if (this.error) throw this.error;
    this.out += 1;
    return { getAudioTracks: () => [{ enabled: true }] } as unknown as MediaStream;
  }
  release(): void {
    this.out -= 1;
  }
  play(): void {}
  silence(): void {}
  tone(kind: ToneKind): void {
    if (this.tones[this.tones.length - 1] !== kind) this.tones.push(kind);
  }
  key(): void {}
  async unlock(): Promise<void> {
    this.sink.unblocked();
  }
  async devices() {
    return { inputs: [], outputs: [], canChooseOutput: true };
  }
  async setInput(id: string): Promise<void> {
    this.chosen.push(`input ${id}`);
    this.sink.microphoneChanged();
  }
  async setOutput(id: string): Promise<void> {
    this.chosen.push(`output ${id}`);
  }
  async setRinger(id: string): Promise<void> {
    this.chosen.push(`ringer ${id}`);
  }
  microphoneLevel(): number {
    return 0.3;
  }
  remoteLevel(): number {
    return 0.2;
  }
  stop(): void {}
}

/** A desk with nothing real below it. */
export class World {
  readonly clock = new VirtualClock();
  readonly wire: string[] = [];
  readonly events: DeskEvent[] = [];
  snapshot: DeskSnapshot | null = null;
  link!: Link;
  engine!: FakeEngine;
  audio!: FakeAudio;
  contact: () => Promise<Contact | null> = async () => null;
  renew: () => Promise<void> = async () => {};
  renewals = 0;
  tokens: string[] = [];
  readonly desk: LocalDesk;

  constructor() {
    let find: () => Link;
    this.desk = new LocalDesk(
      {
        clock: this.clock,
        socket: (link) => {
          find = link;
          return {
            open: () => this.wire.push("open"),
            close: () => this.wire.push("close"),
            send: (text) => {
              this.wire.push(text.slice(0, text.indexOf("\r\n")) || "ping");
              if (text === "\r\n\r\n") this.clock.after(20, () => this.link.received("\r\n"));
            },
          };
        },
        engine: (pipe) => (this.engine = new FakeEngine(pipe)),
        renewCredential: async (engine) => {
          this.renewals += 1;
          await this.renew();
          engine.setCredential("fresh", "secret");
        },
        audio: (sink) => (this.audio = new FakeAudio(sink)),
        iceServers: () => [],
        lookUp: () => this.contact(),
        replaceToken: (token) => this.tokens.push(token),
      },
      {
        changed: (snapshot) => {
          this.snapshot = snapshot;
        },
        event: (event) => this.events.push(event),
      },
    );
    this.link = find!();
  }

  /** Connects and registers. */
  async ready(): Promise<void> {
    const started = this.desk.start(true);
    this.link.opened();
    this.answerRegister(200);
    await started;
    this.events.length = 0;
    this.wire.length = 0;
  }

  answerRegister(status: number): void {
    this.link.received(response(status, "REGISTER", `reg${this.engine.registers}`));
  }

  /** Names of the events since the last time, with what tells them apart. */
  told(): string[] {
    return this.events.splice(0).map((event) => {
      if (event.name === "call_hangup") return `${event.name} ${event.reason} ${event.billsec}`;
      if (event.name === "unregistered" || event.name === "disconnected") return `${event.name} ${event.reason}`;
      if (event.name === "auto_reconnect") return `${event.name} ${event.attempt} ${event.delay_ms}`;
      if (event.name === "error") return `${event.name} ${event.error.code}`;
      if (event.name === "dtmf") return `${event.name} ${event.digit}`;
      if (event.name === "incoming_call") return `${event.name} ${event.contact?.full_name ?? null}`;
      return event.name;
    });
  }

  get calls() {
    return this.desk.snapshot().calls;
  }
}
