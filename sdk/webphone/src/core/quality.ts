import type { CallQuality, QualityWarning } from "../types.js";

/** What one second of a call looked like. Counters only grow. */
export interface Sample {
  rttMs: number | null;
  jitterMs: number;
  packetsReceived: number;
  packetsLost: number;
  bytesReceived: number;
  /** Loudness of the microphone, 0 to 1; `null` while it is muted or unknown. */
  microphoneLevel: number | null;
}

/** Returns the estimated mean opinion score by a simplified E-model (ITU-T G.107). */
export function mos(rttMs: number, jitterMs: number, lossPercent: number): number {
  const latency = rttMs + 2 * jitterMs + 10;
  const delay = latency < 160 ? latency / 40 : (latency - 120) / 10;
  const r = 94.768 - delay - 2.5 * lossPercent;
  if (r <= 0) return 1;
  const score = 1 + 0.035 * r + 0.000007 * r * (r - 60) * (100 - r);
  return Math.min(Math.max(score, 1), 4.5);
}

/** Samples that count for one warning, and how many of them have to be bad to raise and may be to clear it. */
const WINDOW = 5;
const RAISE = 3;
const CLEAR = 0;
/** Loss is averaged over so many samples. */
const LOSS_WINDOW = 7;
const NO_AUDIO = 3;
/** A muted headset sends nothing at all; a quiet room still rustles. */
const FLAT = 20;

/** Watches a call at one sample a second. */
export class QualityMonitor {
  private samples: Sample[] = [];
  private readonly bad = new Map<QualityWarning, boolean[]>();
  private readonly raised = new Set<QualityWarning>();
  private silentFor = 0;
  private flatFor = 0;

  /** Forgets counters after a change of the media path, and while it is on hold. */
  reset(): void {
    this.samples = [];
    this.silentFor = 0;
    this.flatFor = 0;
  }

  add(sample: Sample): CallQuality {
    const before = this.samples[this.samples.length - 1];
    this.samples = [...this.samples, sample].slice(-LOSS_WINDOW - 1);
    const loss = this.loss();
    const score = mos(sample.rttMs ?? 0, sample.jitterMs, loss);
    this.judge("high_rtt", (sample.rttMs ?? 0) > 400);
    this.judge("high_jitter", sample.jitterMs > 30);
    this.judge("high_loss", loss > 3);
    this.judge("low_mos", score < 3);
    this.silentFor = before && before.bytesReceived === sample.bytesReceived ? this.silentFor + 1 : 0;
    this.set("no_audio", this.silentFor >= NO_AUDIO);
    this.flatFor = sample.microphoneLevel === 0 ? this.flatFor + 1 : 0;
    this.set("silent_microphone", this.flatFor >= FLAT);
    return {
      mos: Math.round(score * 100) / 100,
      rttMs: sample.rttMs === null ? null : Math.round(sample.rttMs),
      jitterMs: Math.round(sample.jitterMs * 10) / 10,
      lossPercent: Math.round(loss * 10) / 10,
      warnings: [...this.raised],
    };
  }

  private loss(): number {
    const first = this.samples[0];
    const last = this.samples[this.samples.length - 1];
    if (!first || !last || first === last) return 0;
    const lost = Math.max(0, last.packetsLost - first.packetsLost);
    const received = Math.max(0, last.packetsReceived - first.packetsReceived);
    return lost + received === 0 ? 0 : (100 * lost) / (lost + received);
  }

  private judge(warning: QualityWarning, isBad: boolean): void {
    const recent = [...(this.bad.get(warning) ?? []), isBad].slice(-WINDOW);
    this.bad.set(warning, recent);
    const count = recent.filter(Boolean).length;
    if (count >= RAISE) this.set(warning, true);
    else if (count <= CLEAR) this.set(warning, false);
  }

  private set(warning: QualityWarning, on: boolean): void {
    if (on) this.raised.add(warning);
    else this.raised.delete(warning);
  }
}

/** Returns signal bars, 0 to 4, as people read them on a telephone. */
export function bars(quality: CallQuality | null): number {
  if (!quality) return 4;
  if (quality.warnings.includes("no_audio")) return 0;
  return quality.mos >= 4 ? 4 : quality.mos >= 3.6 ? 3 : quality.mos >= 3 ? 2 : 1;
}
