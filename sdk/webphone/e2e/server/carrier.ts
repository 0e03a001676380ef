// A carrier at the end of a trunk: SIP over UDP and RTP in G.711, with a tone of its own and an ear for others'.
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";

import { decode, encode, hears, RATE } from "./sound.js";

/** What the carrier's people sound like. */
export const CARRIER_TONE = 1_200;

/** Where the carrier lives: an address of its own, since the server tells trunks by theirs. */
export const CARRIER_HOST = "127.0.0.2";

const FRAME = 160;
const PT_EVENT = 101;
const KEYS = "0123456789*#ABCD";

const header = (text: string, name: string) => new RegExp(`^${name}: *(.*)\r$`, "im").exec(text)?.[1] ?? "";
const headers = (text: string, name: string) =>
  text
    .split("\r\n")
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .join("\r\n");
const token = () => randomBytes(6).toString("hex");

function bound(port = 0): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.bind(port, CARRIER_HOST, () => resolve(socket));
  });
}

async function until<T>(what: string, look: () => T | undefined | null | false, ms = 10_000): Promise<T> {
  for (const from = Date.now(); Date.now() - from < ms; ) {
    const found = look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the carrier waited in vain: ${what}`);
}

export class Carrier {
  private socket: Socket | null = null;
  private readonly calls = new Map<string, CarrierCall>();
  /** Calls that came from the server, the newest last. */
  readonly incoming: CarrierCall[] = [];
  /** What happens to a call that comes: the status of the answer. */
  answersWith = 200;

  constructor(private readonly server: { port: number }) {}

  get port(): number {
    return this.socket?.address().port ?? 0;
  }

  async start(): Promise<this> {
    this.socket = await bound();
    this.socket.on("message", (data) => this.hear(data.toString()));
    return this;
  }

  stop(): void {
    for (const call of this.calls.values()) call.over();
    this.socket?.close();
    this.socket = null;
  }

  /** Calls a number of the account. */
  async dial(to: string, from: string): Promise<CarrierCall> {
    const call = await CarrierCall.make(this, `sip:${to}@127.0.0.1:${this.server.port}`, from);
    this.calls.set(call.id, call);
    call.invite();
    return call;
  }

  /** Returns the call that comes next, or came since the last one was asked for. */
  async next(): Promise<CarrierCall> {
    return await until("no call came", () => this.incoming.shift());
  }

  send(text: string): void {
    this.socket?.send(text, this.server.port, "127.0.0.1");
  }

  private hear(text: string): void {
    if (text.trim() === "") return;
    const known = this.calls.get(header(text, "Call-ID"));
    if (text.startsWith("SIP/2.0")) return known?.answered(text);
    const method = text.split(" ")[0];
    if (known) return known.asked(method ?? "", text);
    if (method === "OPTIONS") return this.send(reply(text, "200 OK"));
    if (method === "INVITE") return void this.take(text);
    if (method !== "ACK") this.send(reply(text, "481 Call/Transaction Does Not Exist"));
  }

  private async take(text: string): Promise<void> {
    if (this.answersWith >= 300) return this.send(reply(text, `${this.answersWith} No`, "", token()));
    const call = await CarrierCall.taken(this, text);
    this.calls.set(call.id, call);
    this.incoming.push(call);
    call.asked("INVITE", text);
  }
}

/** Returns an answer to a request. */
function reply(text: string, status: string, more = "", tag = "", body = ""): string {
  const to = header(text, "To");
  const tagged = tag && !/;tag=/.test(to) ? `${to};tag=${tag}` : to;
  return [
    `SIP/2.0 ${status}`,
    headers(text, "Via"),
    headers(text, "Record-Route"),
    `From: ${header(text, "From")}`,
    `To: ${tagged}`,
    `Call-ID: ${header(text, "Call-ID")}`,
    `CSeq: ${header(text, "CSeq")}`,
    more,
    ...(body ? ["Content-Type: application/sdp"] : []),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
    .filter(Boolean)
    .join("\r\n")
    .concat("\r\n\r\n", body);
}

/** One call between the carrier and the server. */
export class CarrierCall {
  /** What was heard, as samples from -1 to 1. */
  readonly heard: number[] = [];
  /** Keys that the other side pressed (RFC 4733). */
  digits = "";
  status = 0;
  isOver = false;
  /** Answers a call that was only spoken into so far. */
  accept: () => void = () => {};
  private target = "";
  private route = "";
  private local = "";
  private remote = "";
  private cseq = 1;
  private sequence = 1;
  private timestamp = 0;
  private far: { host: string; port: number } | null = null;
  private ticking: NodeJS.Timeout | undefined;
  private lastEvent = -1;
  private press_: { key: number; left: number; length: number } | null = null;

  private constructor(
    readonly carrier: Carrier,
    readonly id: string,
    private readonly rtp: Socket,
  ) {
    rtp.on("message", (packet) => this.listen(packet));
  }

  static async make(carrier: Carrier, to: string, from: string): Promise<CarrierCall> {
    const call = new CarrierCall(carrier, token(), await bound());
    call.target = to;
    call.local = `<sip:${from}@${CARRIER_HOST}>;tag=${token()}`;
    call.remote = `<${to}>`;
    return call;
  }

  static async taken(carrier: Carrier, text: string): Promise<CarrierCall> {
    const call = new CarrierCall(carrier, header(text, "Call-ID"), await bound());
    call.local = `${header(text, "To")};tag=${token()}`;
    call.remote = header(text, "From");
    call.target = /<([^>]+)>/.exec(header(text, "Contact"))?.[1] ?? "";
    call.route = headers(text, "Record-Route").replace(/Record-Route/gi, "Route");
    return call;
  }

  invite(): void {
    this.request("INVITE", this.sdp());
  }

  hears(hertz: number): boolean {
    return hears(this.heard, hertz);
  }

  /** Presses a key for a tenth of a second. */
  press(digit: string): void {
    this.press_ = { key: KEYS.indexOf(digit), left: 8, length: 0 };
  }

  hangup(): void {
    if (this.isOver) return;
    this.request(this.status < 200 && this.status > 0 ? "CANCEL" : "BYE");
    this.over();
  }

  over(): void {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.ticking);
    this.rtp.close();
  }

  until<T>(what: string, look: () => T | undefined | null | false, ms?: number): Promise<T> {
    return until(what, look, ms);
  }

  /** Takes a response. */
  answered(text: string): void {
    const status = Number(text.slice(8, 11));
    if (/INVITE/.test(header(text, "CSeq")) === false) return;
    this.status = status;
    if (status < 200) return;
    this.remote = header(text, "To");
    const contact = /<([^>]+)>/.exec(header(text, "Contact"))?.[1];
    const wasTo = this.target;
    if (contact && status < 300) this.target = contact;
    this.route = headers(text, "Record-Route").replace(/Record-Route/gi, "Route").split("\r\n").reverse().join("\r\n");
    this.request("ACK", "", status < 300 ? this.target : wasTo);
    if (status < 300) this.talk(text);
    else this.over();
  }

  /** Takes a request of the server. */
  asked(method: string, text: string): void {
    const tag = /;tag=([^;]+)/.exec(this.local)?.[1] ?? "";
    if (method === "INVITE") {
      const answer = (status: string, body = "") =>
        this.carrier.send(reply(text, status, `Contact: <sip:carrier@${CARRIER_HOST}:${this.carrier.port}>`, tag, body));
      const accept = () => {
        this.status = 200;
        answer("200 OK", this.sdp());
      };
      const isNew = this.far === null;
      this.talk(text);
      if (isNew && this.carrier.answersWith === 183) {
        this.accept = accept;
        return answer("183 Session Progress", this.sdp());
      }
      if (isNew) answer("180 Ringing");
      accept();
    } else if (method === "BYE" || method === "CANCEL") {
      this.carrier.send(reply(text, "200 OK", "", tag));
      this.over();
    } else if (method !== "ACK") {
      this.carrier.send(reply(text, "200 OK", "", tag));
    }
  }

  private request(method: string, body = "", uri = this.target): void {
    if (method !== "ACK" && method !== "CANCEL") this.cseq += 1;
    const text = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${CARRIER_HOST}:${this.carrier.port};rport;branch=z9hG4bK${method === "CANCEL" ? this.branch : (this.branch = token())}`,
      this.route,
      "Max-Forwards: 70",
      `From: ${this.local}`,
      `To: ${this.remote}`,
      `Call-ID: ${this.id}`,
      `CSeq: ${this.cseq} ${method}`,
      `Contact: <sip:carrier@${CARRIER_HOST}:${this.carrier.port}>`,
      ...(body ? ["Content-Type: application/sdp"] : []),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.carrier.send(`${text.filter(Boolean).join("\r\n")}\r\n\r\n${body}`);
  }

  private branch = "";

  private sdp(): string {
    const { port } = this.rtp.address();
    return [
      "v=0",
      `o=- ${Date.now()} 1 IN IP4 ${CARRIER_HOST}`,
      "s=-",
      `c=IN IP4 ${CARRIER_HOST}`,
      "t=0 0",
      `m=audio ${port} RTP/AVP 8 ${PT_EVENT}`,
      "a=rtpmap:8 PCMA/8000",
      `a=rtpmap:${PT_EVENT} telephone-event/8000`,
      `a=fmtp:${PT_EVENT} 0-15`,
      "a=ptime:20",
      "",
    ].join("\r\n");
  }

  private talk(text: string): void {
    const port = Number(/^m=audio (\d+)/m.exec(text)?.[1]);
    const host = /^c=IN IP4 ([\d.]+)/m.exec(text)?.[1];
    if (port && host) this.far = { host, port };
    this.ticking ??= setInterval(() => this.speak(), 20);
  }

  private speak(): void {
    if (!this.far || this.isOver) return;
    const event = this.press_;
    let payload = Buffer.alloc(FRAME);
    if (event) {
      event.length += FRAME;
      event.left -= 1;
      payload = Buffer.alloc(4);
      payload.writeUInt8(event.key, 0);
      payload.writeUInt8((event.left <= 3 ? 0x80 : 0) | 10, 1);
      payload.writeUInt16BE(event.length, 2);
    } else {
      for (let at = 0; at < FRAME; at += 1) {
        payload[at] = encode(0.4 * Math.sin((2 * Math.PI * CARRIER_TONE * (this.timestamp + at)) / RATE));
      }
    }
    const head = Buffer.alloc(12);
    head.writeUInt8(0x80, 0);
    head.writeUInt8((event && event.length === FRAME ? 0x80 : 0) | (event ? PT_EVENT : 8), 1);
    head.writeUInt16BE(this.sequence & 0xffff, 2);
    // All packets of one event carry the time at which it began.
    head.writeUInt32BE(event ? this.timestamp - event.length + FRAME : this.timestamp, 4);
    head.writeUInt32BE(0x5eed, 8);
    this.rtp.send(Buffer.concat([head, payload]), this.far.port, this.far.host);
    this.sequence += 1;
    this.timestamp += FRAME;
    if (event && event.left === 0) this.press_ = null;
  }

  private listen(packet: Buffer): void {
    if (packet.length < 16 || this.isOver) return;
    const type = packet.readUInt8(1) & 0x7f;
    if (type === 8) {
      for (const byte of packet.subarray(12)) this.heard.push(decode(byte));
      if (this.heard.length > 10 * RATE) this.heard.splice(0, 5 * RATE);
    } else if (type === PT_EVENT && packet.readUInt32BE(4) !== this.lastEvent) {
      this.lastEvent = packet.readUInt32BE(4);
      this.digits += KEYS.charAt(packet.readUInt8(12));
    }
  }
}
