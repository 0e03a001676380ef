import type { Sample } from "../core/quality.js";
import type { CallStats } from "../types.js";

type Stat = Record<string, unknown>;

/** Reads what matters from `RTCPeerConnection.getStats()`, whatever the browser leaves out. */
export function readReport(
  report: { forEach(each: (stat: unknown) => void): void },
  uuid: string,
): { sample: Sample; stats: CallStats } {
  const all: Stat[] = [];
  report.forEach((stat) => all.push(stat as Stat));
  const isAudio = (stat: Stat) => (stat.kind ?? stat.mediaType) === "audio";
  const find = (type: string) => all.find((stat) => stat.type === type && isAudio(stat));
  const inbound = find("inbound-rtp");
  const outbound = find("outbound-rtp");
  const far = find("remote-inbound-rtp");
  const pair = all.find((stat) => stat.type === "candidate-pair" && stat.nominated === true);
  const codec = all.find((stat) => stat.type === "codec" && stat.id === inbound?.codecId);
  const rtt = number(far?.roundTripTime) ?? number(pair?.currentRoundTripTime);
  const packetsReceived = number(inbound?.packetsReceived) ?? 0;
  const packetsLost = Math.max(0, number(inbound?.packetsLost) ?? 0);
  return {
    sample: {
      rttMs: rtt === null ? null : rtt * 1000,
      jitterMs: (number(inbound?.jitter) ?? 0) * 1000,
      packetsReceived,
      packetsLost,
      bytesReceived: number(inbound?.bytesReceived) ?? packetsReceived,
      microphoneLevel: null,
    },
    stats: {
      uuid,
      codec: typeof codec?.mimeType === "string" ? codec.mimeType.replace(/^audio\//, "") : null,
      packetsSent: number(outbound?.packetsSent) ?? 0,
      packetsReceived,
      packetsLost,
      remoteLevel: number(inbound?.audioLevel) ?? 0,
      microphoneLevel: 0,
      quality: null,
    },
  };
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
