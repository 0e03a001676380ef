import type { ToneKind } from "../desk/desk.js";

/** One note: when it starts and how long it lasts, in seconds, what it is made of, and how loud. */
interface Note {
  at: number;
  lasts: number;
  hertz: number[];
  gain: number;
  /** Dies away like a bell; otherwise it is steady like a telephone's tone. */
  bell?: boolean;
}

/** A pattern that is played over and over. */
interface Pattern {
  seconds: number;
  notes: Note[];
}

const bell = (at: number, hertz: number): Note => ({ at, lasts: 0.9, hertz: [hertz, hertz * 2], gain: 0.5, bell: true });

const PATTERNS: Record<Exclude<ToneKind, "none">, Pattern> = {
  // Two rising phrases and a breath.
  ring: {
    seconds: 3,
    notes: [659.26, 783.99, 1046.5, 783.99, 659.26, 783.99, 1046.5].map((hertz, at) => bell(at * 0.16, hertz)),
  },
  waiting: {
    seconds: 4,
    notes: [
      { at: 0, lasts: 0.15, hertz: [440], gain: 0.18 },
      { at: 0.3, lasts: 0.15, hertz: [440], gain: 0.18 },
    ],
  },
  // What callers in Vietnam know: 425 Hz, one second in five.
  ringback: { seconds: 5, notes: [{ at: 0, lasts: 1, hertz: [425], gain: 0.15 }] },
};

const KEYS = "123A456B789C*0#D";
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];

/** Returns the samples of a tone that repeats. */
export function renderTone(kind: Exclude<ToneKind, "none">, rate: number): Float32Array<ArrayBuffer> {
  const { seconds, notes } = PATTERNS[kind];
  return render(seconds, notes, rate);
}

/** Returns the samples of a key's two frequencies, or `null` for what is no key. */
export function renderKey(key: string, rate: number): Float32Array<ArrayBuffer> | null {
  const at = KEYS.indexOf(key);
  if (key.length !== 1 || at < 0) return null;
  const hertz = [ROWS[at >> 2] ?? 0, COLUMNS[at & 3] ?? 0];
  return render(0.12, [{ at: 0, lasts: 0.12, hertz, gain: 0.12 }], rate);
}

function render(seconds: number, notes: Note[], rate: number): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(Math.round(seconds * rate));
  const ramp = 0.008;
  for (const { at, lasts, hertz, gain, bell } of notes) {
    const start = Math.round(at * rate);
    const count = Math.min(Math.round(lasts * rate), samples.length - start);
    for (let n = 0; n < count; n += 1) {
      const t = n / rate;
      // No clicks: every note comes and goes within a few milliseconds.
      const edge = Math.min(1, t / ramp, (lasts - t) / ramp);
      const fade = bell ? Math.exp(-5 * t) : 1;
      let value = 0;
      hertz.forEach((f, harmonic) => {
        value += Math.sin(2 * Math.PI * f * t) / (bell ? 1 + 2 * harmonic : hertz.length);
      });
      samples[start + n] = (samples[start + n] ?? 0) + value * gain * edge * fade;
    }
  }
  // Overlapping bells may add up to more than there is.
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return peak > 0.9 ? samples.map((value) => (value * 0.9) / peak) : samples;
}
