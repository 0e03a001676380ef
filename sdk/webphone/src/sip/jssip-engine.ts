import JsSIP from "jssip";

import type { Clock } from "../clock.js";
import { ZorioWebphoneError } from "../errors.js";
import type {
  EngineSink,
  InviteOptions,
  SessionEnding,
  SessionSink,
  SipAccount,
  SipEngine,
  SipPipe,
  SipSession,
} from "./engine.js";
import type { RtcSession, SipMessage, UaClass, UserAgent } from "./jssip-types.js";

const UA = JsSIP.UA as unknown as UaClass;

const REGISTER_EXPIRES = 300;
/** After the first candidate so long is waited for better ones: an idle VPN must not delay a call. */
const GATHERING = 500;

/** The SIP stack of JsSIP, told that its connection never breaks. */
export class JsSipEngine implements SipEngine {
  private readonly ua: UserAgent;

  constructor(
    private readonly account: SipAccount,
    pipe: SipPipe,
    private readonly clock: Clock,
    userAgent: string,
  ) {
    const secure = account.wsUrl.startsWith("wss:");
    const socket = {
      via_transport: secure ? "WSS" : "WS",
      url: account.wsUrl,
      sip_uri: `sip:${new URL(account.wsUrl).host};transport=ws`,
      onconnect: () => {},
      ondisconnect: () => {},
      ondata: (_text: string) => {},
      connect() {
        this.onconnect();
      },
      disconnect() {},
      send(text: string) {
        pipe.send(text);
        return true;
      },
    };
    pipe.deliver = (text) => socket.ondata(text);
    this.ua = new UA({
      sockets: [socket],
      uri: `sip:${account.extension}@${account.realm}`,
      authorization_user: account.username,
      password: account.password,
      display_name: account.displayName ?? undefined,
      instance_id: account.instanceId,
      register: false,
      register_expires: REGISTER_EXPIRES,
      // A refresh during an outage would end the call, and the server watches the media anyway.
      session_timers: false,
      // How long a phone rings is the server's business.
      no_answer_timeout: 300,
      user_agent: userAgent,
    });
  }

  start(sink: EngineSink): void {
    this.ua.on("registrationExpiring", () => sink.registrationExpiring());
    this.ua.on("registrationFailed", ({ response }) => {
      const seconds = Number.parseInt(response?.getHeader("Retry-After") ?? "", 10);
      sink.registrationFailed(response?.status_code ?? null, seconds > 0 ? seconds * 1000 : 0);
    });
    this.ua.on("newRTCSession", ({ originator, session, request }) => {
      if (originator !== "remote") return;
      const call = new JsSipSession(session, this.clock);
      const identity = session.remote_identity;
      sink.incoming({
        session: call,
        number: identity.uri.user ?? "anonymous",
        name: identity.display_name || null,
        uuid: request.getHeader("X-Call-UUID") ?? null,
        via: request.getHeader("X-Queue-Name") ?? null,
        attach: (events) => call.listen(events),
      });
    });
    this.ua.start();
  }

  register(): void {
    this.ua.register();
  }

  unregister(): void {
    this.ua.unregister();
  }

  stop(): void {
    this.ua.stop();
  }

  setCredential(username: string, password: string): void {
    this.ua.set("authorization_user", username);
    this.ua.set("password", password);
  }

  invite(number: string, options: InviteOptions, sink: SessionSink): SipSession {
    let call: JsSipSession | null = null;
    const session = this.ua.call(uriOf(number, this.account.realm), {
      mediaStream: options.stream,
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: options.iceServers },
      extraHeaders: options.headers,
      eventHandlers: {
        peerconnection: ({ peerconnection }: { peerconnection: RTCPeerConnection }) => {
          // It is made before `call` returns.
          queueMicrotask(() => call?.watch(peerconnection));
        },
      },
    });
    call = new JsSipSession(session, this.clock);
    call.listen(sink);
    return call;
  }
}

class JsSipSession implements SipSession {
  private sink: SessionSink | null = null;
  private peer: RTCPeerConnection | null = null;

  constructor(
    readonly session: RtcSession,
    private readonly clock: Clock,
  ) {}

  get mediaState(): RTCIceConnectionState | null {
    return this.peer?.iceConnectionState ?? null;
  }

  listen(sink: SessionSink): void {
    this.sink = sink;
    const { session } = this;
    session.on("peerconnection", ({ peerconnection }) => this.watch(peerconnection));
    session.on("icecandidate", ({ ready }) => void this.clock.after(GATHERING, ready));
    session.on("progress", ({ originator, response }) => {
      if (originator !== "remote" || !response) return;
      this.name(response);
      if (response.body) sink.early();
      else if (response.status_code >= 180) sink.ringing();
    });
    session.on("accepted", ({ response }) => {
      if (response) this.name(response);
      sink.answered();
    });
    session.on("ended", (event) => sink.ended(ending(event)));
    session.on("failed", (event) => sink.ended(ending(event)));
    session.on("newDTMF", ({ originator, dtmf }) => {
      if (originator === "remote") sink.digit(dtmf.tone);
    });
  }

  watch(peer: RTCPeerConnection): void {
    if (this.peer === peer) return;
    this.peer = peer;
    peer.addEventListener("track", (event) => {
      this.sink?.remoteStream(event.streams[0] ?? new MediaStream([event.track]));
    });
    peer.addEventListener("iceconnectionstatechange", () => this.sink?.mediaState(peer.iceConnectionState));
  }

  answer(stream: MediaStream, iceServers: RTCIceServer[]): void {
    this.session.answer({
      mediaStream: stream,
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers },
    });
  }

  end(): void {
    if (this.session.isEnded()) return;
    const isRinging = this.session.direction === "incoming" && !this.session.isEstablished();
    this.session.terminate(isRinging ? { status_code: 603, reason_phrase: "Decline" } : {});
  }

  mute(on: boolean): void {
    if (on) this.session.mute({ audio: true });
    else this.session.unmute({ audio: true });
  }

  hold(on: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const started = on ? this.session.hold({}, resolve) : this.session.unhold({}, resolve);
      if (!started) reject(new ZorioWebphoneError("invalid_state", "Another change of this call is not finished yet"));
      else this.session.on("ended", () => reject(new ZorioWebphoneError("call_failed", "The call has ended")));
    });
  }

  digits(digits: string): void {
    const canInsert = this.peer?.getSenders().some((sender) => sender.dtmf?.canInsertDTMF === true);
    this.session.sendDTMF(digits, {
      duration: 100,
      interToneGap: 100,
      transportType: canInsert ? "RFC2833" : "INFO",
    });
  }

  refer(target: string | SipSession): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (status?: number) =>
        reject(new ZorioWebphoneError("transfer_failed", "The transfer was not taken", status ? { status } : {}));
      const other = target instanceof JsSipSession ? target.session : null;
      const to = other ? other.remote_identity.uri.toString() : uriOf(String(target), this.realm);
      const options = other ? { replaces: other } : {};
      const subscriber = this.session.refer(to, options);
      if (!subscriber) return fail();
      subscriber.on("accepted", () => resolve());
      // Without a talk before it, it is done when the target rings: nobody waits for the answer.
      if (!other) subscriber.on("progress", () => resolve());
      subscriber.on("failed", (event) => fail(event?.status_line?.status_code));
      subscriber.on("requestFailed", (event) => fail(event?.response?.status_code));
      // The server takes the leg away as soon as the transfer is done.
      this.session.on("ended", () => resolve());
    });
  }

  restartIce(): void {
    if (this.session.isEstablished()) this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } });
  }

  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    const sender = this.peer?.getSenders().find((sender) => !sender.track || sender.track.kind === "audio");
    await sender?.replaceTrack(track);
  }

  async stats(): Promise<RTCStatsReport | null> {
    return this.peer && this.peer.signalingState !== "closed" ? await this.peer.getStats() : null;
  }

  private get realm(): string {
    return this.session.local_identity.uri.host;
  }

  private name(message: SipMessage): void {
    const uuid = message.getHeader("X-Call-UUID");
    if (uuid) this.sink?.named(uuid);
  }
}

function uriOf(number: string, realm: string): string {
  return `sip:${number.replace(/#/g, "%23")}@${realm}`;
}

function ending(event: { originator: string; message?: unknown; cause?: string }): SessionEnding {
  const by = event.originator === "local" ? "local" : event.originator === "remote" ? "remote" : "system";
  const message = event.message && typeof event.message === "object" ? (event.message as SipMessage) : null;
  const told: SessionEnding = { by };
  if (message?.status_code) told.status = message.status_code;
  const reason = message?.getHeader?.("Reason");
  if (reason) told.reason = reason;
  if (by === "system") told.cause = CAUSES[event.cause ?? ""] ?? "call_failed";
  return told;
}

/** What JsSIP says when neither side ended the call. */
const CAUSES: Record<string, string> = {
  "No Answer": "no_answer",
  Expires: "no_answer",
  "Request Timeout": "timeout",
  "RTP Timeout": "media_timeout",
  "WebRTC Error": "media_failed",
  "Bad Media Description": "media_failed",
  "Connection Error": "network_out_of_order",
};
