// A little exchange for tests: it registers browsers with digest and passes what they say to each other.
import { createHash, randomUUID } from "node:crypto";

import { accept } from "./websocket.mjs";

const REALM = "pbx.test";
const PASSWORD = "one-session-secret";
const md5 = (text) => createHash("md5").update(text).digest("hex");
const header = (text, name) => new RegExp(`^${name}: *(.*)\r$`, "im").exec(text)?.[1];

export class Exchange {
  /** Extension, and the user part of its Contact, to the connection. */
  phones = new Map();
  /** Branch of a request to the connection that it came from. */
  asked = new Map();
  /** Call-ID to the call's name and dialog. */
  calls = new Map();
  sockets = new Set();
  registrations = [];
  /** Takes everything and answers nothing, as a server that hangs. */
  isDeaf = false;

  config(extension, url) {
    return {
      extension,
      display_name: `Extension ${extension}`,
      ws_url: url,
      realm: REALM,
      sip_username: `${extension}-session`,
      sip_password: PASSWORD,
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      ice_servers: [],
      codecs: ["PCMA", "opus"],
      permissions: [],
    };
  }

  upgrade(request, socket) {
    this.sockets.add(socket);
    const flow = { extension: null, send: null };
    flow.send = accept(request, socket, {
      receive: (text) => !this.isDeaf && this.hear(flow, text),
      gone: () => {
        this.sockets.delete(socket);
        for (const [name, other] of this.phones) if (other === flow) this.phones.delete(name);
      },
    });
  }

  drop() {
    for (const socket of this.sockets) socket.destroy();
  }

  hear(flow, text) {
    if (text === "\r\n\r\n") return flow.send("\r\n");
    if (text.trim() === "") return;
    const isResponse = text.startsWith("SIP/2.0");
    const branch = /branch=([^;\r]+)/.exec(text)?.[1];
    if (isResponse) return this.asked.get(branch)?.send(this.named(text));
    const [method, uri] = text.split(" ");
    if (method === "REGISTER") return this.register(flow, text);
    this.asked.set(branch, flow);
    if (method === "REFER") return this.refer(flow, text);
    const user = decodeURIComponent(/sip:([^@;]+)@?/.exec(uri)[1]);
    const to = this.phones.get(user);
    if (method === "ACK") return to?.send(text);
    if (!to) return flow.send(this.reply(text, user === "1009" ? "486 Busy Here" : "404 Not Found"));
    to.send(this.named(text));
  }

  register(flow, text) {
    const login = header(text, "Authorization");
    if (!login) {
      const challenge = `WWW-Authenticate: Digest realm="${REALM}",nonce="${randomUUID()}",algorithm=MD5,qop="auth"\r\n`;
      return flow.send(this.reply(text, "401 Unauthorized", challenge));
    }
    const part = (name) => new RegExp(`\\b${name}="?([^",]+)`).exec(login)?.[1];
    const ha1 = md5(`${part("username")}:${REALM}:${PASSWORD}`);
    const ha2 = md5(`REGISTER:${part("uri")}`);
    const expected = md5([ha1, part("nonce"), part("nc"), part("cnonce"), "auth", ha2].join(":"));
    if (part("response") !== expected) return flow.send(this.reply(text, "403 Forbidden"));
    const extension = /sip:([^@]+)@/.exec(header(text, "To"))[1];
    const contact = header(text, "Contact");
    const user = /sip:([^@]+)@/.exec(contact)[1];
    const isLeaving = /expires=0/.test(contact);
    this.registrations.push(`${isLeaving ? "-" : "+"}${extension}`);
    for (const name of [extension, user]) {
      if (isLeaving) this.phones.delete(name);
      else this.phones.set(name, flow);
    }
    flow.extension = extension;
    flow.send(this.reply(text, "200 OK", `Contact: ${contact}\r\nRequire: outbound\r\nFlow-Timer: 120\r\n`));
  }

  /** Takes a transfer and says that it worked. */
  refer(flow, text) {
    flow.send(this.reply(text, "202 Accepted"));
    const [cseq] = header(text, "CSeq").split(" ");
    const body = "SIP/2.0 200 OK\r\n";
    flow.send(
      `NOTIFY ${/<([^>]+)>/.exec(header(text, "Contact"))[1]} SIP/2.0\r\nVia: SIP/2.0/WS exchange.invalid;branch=z9hG4bK${randomUUID()}\r\n` +
        `Max-Forwards: 70\r\nFrom: ${header(text, "To")}\r\nTo: ${header(text, "From")}\r\nCall-ID: ${header(text, "Call-ID")}\r\n` +
        `CSeq: 9000 NOTIFY\r\nEvent: refer;id=${cseq}\r\nSubscription-State: terminated;reason=noresource\r\n` +
        `Content-Type: message/sipfrag\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    this.referred = header(text, "Refer-To");
  }

  /** Presses a key on the callee's side: the caller is told by INFO. */
  press(digit) {
    const call = [...this.calls.values()].pop();
    const body = `Signal=${digit}\r\nDuration=160\r\n`;
    call.caller.send(
      `INFO ${call.contact} SIP/2.0\r\nVia: SIP/2.0/WS exchange.invalid;branch=z9hG4bK${randomUUID()}\r\nMax-Forwards: 70\r\n` +
        `From: ${call.to}\r\nTo: ${call.from}\r\nCall-ID: ${call.id}\r\nCSeq: ${(call.cseq += 1)} INFO\r\n` +
        `Content-Type: application/dtmf-relay\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  }

  /** Writes the call's name into INVITEs and their answers, and remembers the dialog. */
  named(text) {
    const id = header(text, "Call-ID");
    if (!/^(INVITE |SIP\/2\.0 (18|200))/.test(text) || !/INVITE\r$/m.test(text)) return text;
    const isRequest = text.startsWith("INVITE");
    const call = this.calls.get(id) ?? { id, uuid: randomUUID(), cseq: 500 };
    this.calls.set(id, call);
    if (isRequest && !call.caller) {
      call.caller = this.asked.get(/branch=([^;\r]+)/.exec(text)[1]);
      call.contact = /<([^>]+)>/.exec(header(text, "Contact"))[1];
    }
    if (text.startsWith("SIP/2.0 200") && !call.to) Object.assign(call, { from: header(text, "From"), to: header(text, "To") });
    return text.replace(/^X-Call-UUID: .*\r\n/m, "").replace("\r\nCall-ID:", `\r\nX-Call-UUID: ${call.uuid}\r\nCall-ID:`);
  }

  reply(text, status, more = "") {
    const to = header(text, "To");
    const tagged = to.includes(";tag=") ? to : `${to};tag=exchange`;
    return (
      `SIP/2.0 ${status}\r\nVia: ${header(text, "Via")}\r\nFrom: ${header(text, "From")}\r\nTo: ${tagged}\r\n` +
      `Call-ID: ${header(text, "Call-ID")}\r\nCSeq: ${header(text, "CSeq")}\r\n${more}Content-Length: 0\r\n\r\n`
    );
  }
}
