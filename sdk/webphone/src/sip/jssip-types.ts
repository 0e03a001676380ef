/** The part of JsSIP that is used. Its own types need packages that would leak into ours. */
export interface SipMessage {
  status_code: number;
  body?: string | null;
  getHeader(name: string): string | undefined;
}

interface Identity {
  display_name: string;
  uri: { user: string | null; host: string; toString(): string };
}

interface SessionEvents {
  peerconnection: { peerconnection: RTCPeerConnection };
  icecandidate: { ready: () => void };
  progress: { originator: string; response?: SipMessage };
  accepted: { originator: string; response?: SipMessage };
  ended: { originator: string; message?: unknown; cause?: string };
  failed: { originator: string; message?: unknown; cause?: string };
  newDTMF: { originator: string; dtmf: { tone: string } };
}

interface ReferSubscriber {
  on(event: "accepted" | "progress", handler: () => void): void;
  on(event: "failed", handler: (event?: { status_line?: { status_code?: number } }) => void): void;
  on(event: "requestFailed", handler: (event?: { response?: { status_code?: number } }) => void): void;
}

export interface RtcSession {
  direction: "incoming" | "outgoing";
  remote_identity: Identity;
  local_identity: Identity;
  on<K extends keyof SessionEvents>(event: K, handler: (event: SessionEvents[K]) => void): void;
  answer(options: object): void;
  terminate(options: object): void;
  mute(options: { audio: boolean }): void;
  unmute(options: { audio: boolean }): void;
  hold(options: object, done: () => void): boolean;
  unhold(options: object, done: () => void): boolean;
  sendDTMF(digits: string, options: object): void;
  refer(target: string, options: object): ReferSubscriber | false;
  renegotiate(options: object): boolean;
  isEnded(): boolean;
  isEstablished(): boolean;
}

export interface UserAgent {
  start(): void;
  stop(): void;
  register(): void;
  unregister(): void;
  set(parameter: string, value: string): boolean;
  call(target: string, options: object): RtcSession;
  on(event: "registrationExpiring", handler: () => void): void;
  on(event: "registrationFailed", handler: (event: { response: SipMessage | null }) => void): void;
  on(
    event: "newRTCSession",
    handler: (event: { originator: string; session: RtcSession; request: SipMessage }) => void,
  ): void;
}

export type UaClass = new (configuration: object) => UserAgent;
