/** What the phone needs of a SIP stack. One file implements it; another stack would be another file. */
export interface SipEngine {
  start(sink: EngineSink): void;
  /** Sends a REGISTER unless one is on its way. */
  register(): void;
  unregister(): void;
  stop(): void;
  setCredential(username: string, password: string): void;
  invite(number: string, options: InviteOptions, sink: SessionSink): SipSession;
}

export interface SipAccount {
  extension: string;
  displayName: string | null;
  realm: string;
  username: string;
  password: string;
  wsUrl: string;
  instanceId: string;
}

/** How the engine speaks to the server: whatever it sends is taken, whatever comes is handed to `deliver`. */
export interface SipPipe {
  send(text: string): void;
  deliver: (text: string) => void;
}

export interface EngineSink {
  incoming(offer: IncomingOffer): void;
  /** The registration will be over soon. */
  registrationExpiring(): void;
  /** The server refused to register, or said nothing (`null`). */
  registrationFailed(status: number | null, retryAfterMs: number): void;
}

export interface IncomingOffer {
  session: SipSession;
  number: string;
  name: string | null;
  uuid: string | null;
  via: string | null;
  attach(sink: SessionSink): void;
}

export interface InviteOptions {
  stream: MediaStream;
  headers: string[];
  iceServers: RTCIceServer[];
}

export interface SessionSink {
  ringing(): void;
  early(): void;
  answered(): void;
  ended(ending: SessionEnding): void;
  /** The server's name of the call. */
  named(uuid: string): void;
  digit(digit: string): void;
  remoteStream(stream: MediaStream): void;
  mediaState(state: RTCIceConnectionState): void;
}

export interface SessionEnding {
  by: "local" | "remote" | "system";
  status?: number;
  reason?: string;
  cause?: string;
}

export interface SipSession {
  answer(stream: MediaStream, iceServers: RTCIceServer[]): void;
  end(): void;
  mute(on: boolean): void;
  hold(on: boolean): Promise<void>;
  digits(digits: string): void;
  /** Settles when the other side has taken the transfer. */
  refer(target: string | SipSession): Promise<void>;
  restartIce(): void;
  replaceTrack(track: MediaStreamTrack): Promise<void>;
  stats(): Promise<RTCStatsReport | null>;
  readonly mediaState: RTCIceConnectionState | null;
}
