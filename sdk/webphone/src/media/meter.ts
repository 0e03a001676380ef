/** Reads how loud a stream is. */
export class Meter {
  private source: MediaStreamAudioSourceNode | null = null;
  private analyser: AnalyserNode | null = null;
  private readonly floats = new Float32Array(1024);

  attach(context: AudioContext | null, stream: MediaStream): void {
    this.detach();
    if (!context || stream.getAudioTracks().length === 0) return;
    this.source = context.createMediaStreamSource(stream);
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = this.floats.length;
    this.source.connect(this.analyser);
  }

  detach(): void {
    this.source?.disconnect();
    this.source = null;
    this.analyser = null;
  }

  /** Returns the loudness of the last few milliseconds, 0 to 1. */
  level(): number {
    if (!this.analyser) return 0;
    if (this.analyser.getFloatTimeDomainData) {
      this.analyser.getFloatTimeDomainData(this.floats);
    } else {
      // Safari 14.0 has bytes only.
      const bytes = new Uint8Array(this.floats.length);
      this.analyser.getByteTimeDomainData(bytes);
      bytes.forEach((byte, at) => {
        this.floats[at] = (byte - 128) / 128;
      });
    }
    const sum = this.floats.reduce((sum, sample) => sum + sample * sample, 0);
    return Math.min(1, Math.sqrt(sum / this.floats.length) * 2);
  }
}
