import { systemClock, within } from "./clock.js";
import { TokenKeeper } from "./core/token.js";
import { microphoneError, ZorioWebphoneError } from "./errors.js";
import { Http, type SipConfig } from "./http.js";
import type { CheckStatus, DiagnoseCheck, DiagnoseResult } from "./types.js";
import { VERSION } from "./version.js";

const TIMEOUT = 8_000;

type Verdict = { status: CheckStatus; message: string };

const ok = (message: string): Verdict => ({ status: "ok", message });
const skipped = (message: string): Verdict => ({ status: "skipped", message });

/** Tries, one after the other, everything that a call needs, and says what is missing. */
export async function diagnose(options: { apiBase: string; token: string }): Promise<DiagnoseResult> {
  const checks: DiagnoseCheck[] = [];
  const check = async (name: DiagnoseCheck["name"], run: () => Promise<Verdict> | Verdict): Promise<void> => {
    const from = systemClock.now();
    const late = () => new Error("No answer in time");
    const verdict = await within(systemClock, TIMEOUT, Promise.resolve().then(run), late).catch(
      (error): Verdict => ({ status: "fail", message: ZorioWebphoneError.from(error).message }),
    );
    checks.push({ name, ...verdict, durationMs: systemClock.now() - from });
  };
  let config: SipConfig | null = null;
  await check("https", () => {
    if (window.isSecureContext) return ok("The page is secure");
    throw new Error("The page must be served over HTTPS, or browsers give no microphone");
  });
  await check("browser", () => {
    if (typeof RTCPeerConnection !== "undefined" && typeof WebSocket !== "undefined") return ok("WebRTC is there");
    throw new Error("This browser has no WebRTC");
  });
  await check("microphone", microphone);
  await check("bootstrap", async () => {
    const keeper = new TokenKeeper(systemClock, options.token, undefined, { changed() {}, expired() {} });
    try {
      config = await new Http(options.apiBase.replace(/\/+$/, ""), keeper, "en").sipConfig();
    } finally {
      keeper.stop();
    }
    return ok(`Extension ${config.extension}`);
  });
  const known = config as SipConfig | null;
  await check("wss", () => (known ? webSocket(known.ws_url) : skipped("The server gave no address")));
  const servers = known?.ice_servers ?? [];
  for (const [name, scheme, kind] of [
    ["stun", /^stuns?:/, "srflx"],
    ["turn", /^turns?:/, "relay"],
  ] as const) {
    const of = servers.filter((server) => [server.urls].flat().some((url) => scheme.test(url)));
    await check(name, () => (of.length > 0 ? candidate(of, kind) : skipped("The server needs none")));
  }
  return {
    ok: checks.every((check) => check.status !== "fail"),
    checks,
    userAgent: navigator.userAgent,
    sdkVersion: VERSION,
    at: new Date().toISOString(),
  };
}

async function microphone(): Promise<Verdict> {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error("This page may not use a microphone");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch((error) => {
    throw microphoneError(error);
  });
  const track = stream.getAudioTracks()[0];
  const verdict: Verdict = track?.muted
    ? { status: "warn", message: `${track.label} is muted by the system` }
    : ok(track?.label || "There is a microphone");
  for (const each of stream.getTracks()) each.stop();
  return verdict;
}

function webSocket(url: string): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "sip");
    const from = systemClock.now();
    socket.onopen = () => socket.send("\r\n\r\n");
    socket.onmessage = () => {
      resolve(ok(`Answered in ${systemClock.now() - from} ms`));
      socket.close();
    };
    socket.onclose = (event) => reject(new Error(`The connection was closed (${event.code})`));
  });
}

async function candidate(iceServers: RTCIceServer[], kind: RTCIceCandidateType): Promise<Verdict> {
  const peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: kind === "relay" ? "relay" : "all" });
  try {
    peer.addTransceiver("audio");
    const found = new Promise<Verdict>((resolve, reject) => {
      peer.onicecandidate = ({ candidate }) => {
        if (!candidate) reject(new Error("The server gave no address: is UDP blocked?"));
        else if (candidate.candidate.includes(` typ ${kind}`)) resolve(ok("Reachable"));
      };
    });
    await peer.setLocalDescription(await peer.createOffer());
    return await found;
  } finally {
    peer.close();
  }
}
