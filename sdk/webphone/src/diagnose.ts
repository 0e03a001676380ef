import { systemClock, within } from "./clock.js";
import { TokenKeeper } from "./core/token.js";
import { microphoneError, ZorioWebphoneError } from "./errors.js";
import { Http, type SipConfig } from "./http.js";
import type { CheckStatus, DiagnoseCheck, DiagnoseResult, Locale } from "./types.js";
import { VERSION } from "./version.js";
import { errorText, type Words, wordsOf } from "./words.js";

const TIMEOUT = 8_000;

type Verdict = { status: CheckStatus; message: string };

const ok = (message: string): Verdict => ({ status: "ok", message });
const skipped = (message: string): Verdict => ({ status: "skipped", message });

export interface DiagnoseOptions {
  apiBase: string;
  token: string;
  /** The language of the messages; `vi` unless given. */
  locale?: Locale;
}

/** Tries, one after the other, everything that a call needs, and says what is missing. */
export async function diagnose({ apiBase, token, locale = "vi" }: DiagnoseOptions): Promise<DiagnoseResult> {
  const words = wordsOf(locale);
  const checks: DiagnoseCheck[] = [];
  const check = async (name: DiagnoseCheck["name"], run: () => Promise<Verdict> | Verdict): Promise<void> => {
    const from = systemClock.now();
    const late = () => new Error(words.late);
    const verdict = await within(systemClock, TIMEOUT, Promise.resolve().then(run), late).catch((error): Verdict => {
      // What has a code is said in the language of people; the rest was said by the checks below.
      const message = error instanceof ZorioWebphoneError ? errorText(error.code, locale) : (error as Error).message;
      return { status: "fail", message };
    });
    checks.push({ name, ...verdict, durationMs: systemClock.now() - from });
  };
  let config: SipConfig | null = null;
  await check("https", () => {
    if (window.isSecureContext) return ok(words.secure);
    throw new Error(words.insecure);
  });
  await check("browser", () => {
    if (typeof RTCPeerConnection !== "undefined" && typeof WebSocket !== "undefined") return ok(words.browser);
    throw new Error(words.noBrowser);
  });
  await check("microphone", () => microphone(words));
  await check("bootstrap", async () => {
    const keeper = new TokenKeeper(systemClock, token, undefined, { changed() {}, expired() {} });
    try {
      config = await new Http(apiBase.replace(/\/+$/, ""), keeper, locale).sipConfig();
    } finally {
      keeper.stop();
    }
    return ok(`${words.extension} ${config.extension}`);
  });
  const known = config as SipConfig | null;
  await check("wss", () => (known ? webSocket(known.ws_url, words) : skipped(words.noAddress)));
  const servers = known?.ice_servers ?? [];
  for (const [name, scheme, kind] of [
    ["stun", /^stuns?:/, "srflx"],
    ["turn", /^turns?:/, "relay"],
  ] as const) {
    const of = servers.filter((server) => [server.urls].flat().some((url) => scheme.test(url)));
    await check(name, () => (of.length > 0 ? candidate(of, kind, words) : skipped(words.notNeeded)));
  }
  return {
    ok: checks.every((check) => check.status !== "fail"),
    checks,
    userAgent: navigator.userAgent,
    sdkVersion: VERSION,
    at: new Date().toISOString(),
  };
}

async function microphone(words: Words): Promise<Verdict> {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(words.insecure);
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch((error) => {
    throw microphoneError(error);
  });
  const track = stream.getAudioTracks()[0];
  const verdict: Verdict = track?.muted
    ? { status: "warn", message: `${words.microphoneMuted}: ${track.label}` }
    : ok(track?.label || words.microphone);
  for (const each of stream.getTracks()) each.stop();
  return verdict;
}

function webSocket(url: string, words: Words): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "sip");
    const from = systemClock.now();
    socket.onopen = () => socket.send("\r\n\r\n");
    socket.onmessage = () => {
      resolve(ok(`${words.answeredIn} ${systemClock.now() - from} ms`));
      socket.close();
    };
    socket.onclose = (event) => reject(new Error(`${words.closed} (${event.code})`));
    // Nobody waits for it any longer than this.
    systemClock.after(TIMEOUT, () => socket.close());
  });
}

async function candidate(iceServers: RTCIceServer[], kind: RTCIceCandidateType, words: Words): Promise<Verdict> {
  const peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: kind === "relay" ? "relay" : "all" });
  try {
    peer.addTransceiver("audio");
    const found = new Promise<Verdict>((resolve, reject) => {
      peer.onicecandidate = ({ candidate }) => {
        if (!candidate) reject(new Error(words.noCandidate));
        else if (candidate.candidate.includes(` typ ${kind}`)) resolve(ok(words.reachable));
      };
      systemClock.after(TIMEOUT, () => reject(new Error(words.late)));
    });
    await peer.setLocalDescription(await peer.createOffer());
    return await found;
  } finally {
    peer.close();
  }
}
