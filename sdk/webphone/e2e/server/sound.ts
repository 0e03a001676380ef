// Tones in G.711 A-law, and how to find them again.

export const RATE = 8_000;

/** What the browsers' fake microphones say, in hertz. */
export const BROWSER_TONE = 620;

/** Returns the A-law byte of a sample from -1 to 1 (ITU-T G.711). */
export function encode(sample: number): number {
  let value = Math.max(-32_635, Math.min(32_635, Math.round(sample * 32_767)));
  const sign = value >= 0 ? 0x80 : 0;
  if (value < 0) value = -value - 1;
  let exponent = 7;
  for (let mask = 0x4000; exponent > 0 && (value & mask) === 0; mask >>= 1) exponent -= 1;
  const mantissa = (value >> (exponent === 0 ? 4 : exponent + 3)) & 0x0f;
  return ((exponent << 4) | mantissa | sign) ^ 0x55;
}

/** Returns the sample from -1 to 1 of an A-law byte. */
export function decode(byte: number): number {
  const code = byte ^ 0x55;
  const exponent = (code >> 4) & 7;
  const mantissa = (code & 0x0f) << 4;
  const value = exponent === 0 ? mantissa + 8 : (mantissa + 0x108) << (exponent - 1);
  return ((code & 0x80) === 0 ? -value : value) / 32_768;
}

/** Returns which part of the samples' energy lies at that frequency, 0 to 1 (Goertzel). */
export function share(samples: ArrayLike<number>, hertz: number, rate = RATE): number {
  const step = 2 * Math.cos((2 * Math.PI * hertz) / rate);
  let [before, last, energy] = [0, 0, 0];
  for (let at = 0; at < samples.length; at += 1) {
    const sample = samples[at] ?? 0;
    energy += sample * sample;
    [before, last] = [last, sample + step * last - before];
  }
  const power = last * last + before * before - step * last * before;
  return energy < 1e-6 * samples.length ? 0 : Math.min(1, (2 * power) / (samples.length * energy));
}

/** Returns whether a tone stands out somewhere in the last second. */
export function hears(samples: readonly number[], hertz: number): boolean {
  const recent = samples.slice(-RATE);
  for (let at = 0; at + 800 <= recent.length; at += 400) if (share(recent.slice(at, at + 800), hertz) > 0.5) return true;
  return false;
}

/** Returns a mono WAV file of a tone that repeats without a click. */
export function wav(hertz: number, seconds: number, rate = 48_000): Buffer {
  const samples = Buffer.alloc(rate * seconds * 2);
  for (let at = 0; at < rate * seconds; at += 1) {
    samples.writeInt16LE(Math.round(12_000 * Math.sin((2 * Math.PI * hertz * at) / rate)), at * 2);
  }
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write("WAVEfmt ", 8);
  for (const [at, value] of [[16, 16], [24, rate], [28, rate * 2]] as const) head.writeUInt32LE(value, at);
  for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]] as const) head.writeUInt16LE(value, at);
  head.write("data", 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

/** Returns the channels of a WAV file with 16-bit samples or G.711 A-law, and its rate. */
export function readWav(file: Buffer): { rate: number; channels: number[][] } {
  const [format, count, rate] = [file.readUInt16LE(20), file.readUInt16LE(22), file.readUInt32LE(24)];
  let at = 12;
  while (file.toString("latin1", at, at + 4) !== "data") at += 8 + file.readUInt32LE(at + 4);
  const data = file.subarray(at + 8);
  const channels: number[][] = Array.from({ length: count }, () => []);
  const size = format === 1 ? 2 : 1;
  for (let n = 0; (n + 1) * size <= data.length; n += 1) {
    channels[n % count]?.push(format === 1 ? data.readInt16LE(n * 2) / 32_768 : decode(data.readUInt8(n)));
  }
  return { rate, channels };
}
