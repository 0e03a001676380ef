import { afterChange, pickDevice } from "../core/devices.js";
import type { AudioPort, AudioSink, ToneKind } from "../desk/desk.js";
import { microphoneError, ZorioWebphoneError } from "../errors.js";
import type { AudioDevices, ConnectOptions } from "../types.js";
import { Meter } from "./meter.js";
import { renderKey, renderTone } from "./tones.js";

type SinkElement = HTMLAudioElement & { setSinkId?(id: string): Promise<void> };
type SinkContext = AudioContext & { setSinkId?(id: string): Promise<void> };

/** Names of what is another device already: the system's choices. */
const PSEUDO = ["", "default", "communications"];

/** How long a browser may take to say whether it plays: Firefox opens its sound at leisure. */
const RESUME = 1_000;

/** Microphone, loudspeaker and ringer of a browser. */
export class BrowserAudio implements AudioPort {
  private source: MediaStream | null = null;
  private acquiring: Promise<MediaStream> | null = null;
  private readonly copies = new Set<MediaStream>();
  private readonly players = new Map<string, { element: SinkElement; meter: Meter }>();
  private readonly microphoneMeter = new Meter();
  private context: SinkContext | null = null;
  private playing: { kind: ToneKind; stop: () => void } | null = null;
  private wanted: ToneKind = "none";
  private input: string | null;
  private output: string | null;
  private ringer: string | null;

  constructor(
    private readonly options: ConnectOptions,
    private readonly sink: AudioSink,
  ) {
    this.input = options.audioInputDeviceId ?? null;
    this.output = options.audioOutputDeviceId ?? null;
    this.ringer = options.ringDeviceId ?? null;
    navigator.mediaDevices?.addEventListener?.("devicechange", this.devicesChanged);
  }

  async microphone(): Promise<MediaStream> {
    const source = await this.open();
    const copy = source.clone();
    this.copies.add(copy);
    return copy;
  }

  release(stream: MediaStream): void {
    if (!this.copies.delete(stream)) return;
    stopTracks(stream);
    if (this.copies.size > 0) return;
    // The lamp of the microphone goes out with the last call.
    this.microphoneMeter.detach();
    if (this.source) stopTracks(this.source);
    this.source = null;
  }

  play(id: string, stream: MediaStream): void {
    let player = this.players.get(id);
    if (!player) {
      player = { element: document.createElement("audio"), meter: new Meter() };
      player.element.autoplay = true;
      this.players.set(id, player);
      void this.route(player.element, this.output);
    }
    player.element.srcObject = stream;
    player.meter.attach(this.ensureContext(), stream);
    player.element.play().catch((error) => this.playFailed(error));
  }

  silence(id: string): void {
    const player = this.players.get(id);
    if (!player) return;
    player.meter.detach();
    player.element.pause();
    player.element.srcObject = null;
    this.players.delete(id);
  }

  tone(kind: ToneKind): void {
    if (this.wanted === kind) return;
    this.wanted = kind;
    this.playing?.stop();
    this.playing = null;
    if (kind !== "none") this.startTone(kind);
  }

  key(digit: string): void {
    const context = this.ensureContext();
    const samples = context && renderKey(digit, context.sampleRate);
    if (context?.state === "running" && samples) this.sound(context, samples, false);
  }

  async unlock(): Promise<void> {
    const context = this.ensureContext();
    await context?.resume();
    const elements = [...this.players.values()].map(({ element }) => element.play());
    await Promise.all(elements);
    const kind = this.wanted;
    if (kind !== "none" && !this.playing) this.startTone(kind);
    this.sink.unblocked();
  }

  devices(): Promise<AudioDevices> {
    return listDevices();
  }

  async setInput(deviceId: string): Promise<void> {
    const before = this.input;
    this.input = deviceId || null;
    if (!this.source) return;
    try {
      await this.reopen(deviceId);
    } catch (error) {
      this.input = before;
      throw error;
    }
  }

  async setOutput(deviceId: string): Promise<void> {
    for (const { element } of this.players.values()) await this.route(element, deviceId, true);
    this.output = deviceId || null;
    if (!this.ringer) await this.routeContext();
  }

  async setRinger(deviceId: string): Promise<void> {
    this.ringer = deviceId || null;
    await this.routeContext();
  }

  microphoneLevel(): number {
    return this.microphoneMeter.level();
  }

  remoteLevel(id: string): number {
    return this.players.get(id)?.meter.level() ?? 0;
  }

  stop(): void {
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.devicesChanged);
    this.tone("none");
    for (const copy of [...this.copies]) this.release(copy);
    for (const id of [...this.players.keys()]) this.silence(id);
    void this.context?.close().catch(() => {});
    this.context = null;
  }

  private open(): Promise<MediaStream> {
    if (this.source) return Promise.resolve(this.source);
    this.acquiring ??= this.acquire(this.input ?? "")
      .then((stream) => {
        this.use(stream);
        return stream;
      })
      .finally(() => {
        this.acquiring = null;
      });
    return this.acquiring;
  }

  private async acquire(deviceId: string): Promise<MediaStream> {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new ZorioWebphoneError("insecure_context", "The microphone needs a page served over HTTPS");
    }
    const processing = this.options.audioProcessing ?? {};
    const audio: MediaTrackConstraints = {
      echoCancellation: processing.echoCancellation ?? true,
      noiseSuppression: processing.noiseSuppression ?? true,
      autoGainControl: processing.autoGainControl ?? true,
      ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
    };
    try {
      return await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      const name = (error as DOMException).name;
      // The chosen one is unplugged: any other is better than no call.
      if (deviceId && (name === "OverconstrainedError" || name === "NotFoundError")) return await this.acquire("");
      throw microphoneError(error);
    }
  }

  private use(stream: MediaStream): void {
    this.source = stream;
    this.microphoneMeter.attach(this.ensureContext(), stream);
    stream.getAudioTracks()[0]?.addEventListener("ended", this.devicesChanged);
  }

  private async reopen(deviceId: string): Promise<void> {
    const fresh = await this.acquire(deviceId);
    const old = this.source;
    if (!old) return stopTracks(fresh);
    this.use(fresh);
    stopTracks(old);
    this.sink.microphoneChanged();
  }

  private readonly devicesChanged = async (): Promise<void> => {
    try {
      const { inputs, outputs } = await this.devices();
      const track = this.source?.getAudioTracks()[0];
      if (track) {
        const used = { id: track.getSettings().deviceId ?? "", ended: track.readyState === "ended" };
        const present = inputs.map((device) => device.id);
        const next = afterChange(this.input, present, used);
        if (next !== null) await this.reopen(next);
      }
      const output = pickDevice(
        this.output,
        outputs.map((device) => device.id),
      );
      for (const { element } of this.players.values()) await this.route(element, output);
      await this.routeContext();
    } catch (error) {
      this.sink.failed(ZorioWebphoneError.from(error, "device_unavailable").toJSON());
    }
  };

  private async route(element: SinkElement, deviceId: string | null, strict = false): Promise<void> {
    try {
      if (element.setSinkId) await element.setSinkId(deviceId ?? "");
      else if (deviceId) throw new Error("this browser does not let a page choose the loudspeaker");
    } catch (error) {
      if (strict) throw new ZorioWebphoneError("device_unavailable", `No such loudspeaker: ${String(error)}`);
    }
  }

  private async routeContext(): Promise<void> {
    const device = this.ringer ?? this.output ?? "";
    await this.context?.setSinkId?.(device).catch(() => {});
  }

  private ensureContext(): AudioContext | null {
    if (this.context) return this.context;
    const Context =
      globalThis.AudioContext ?? (globalThis as { webkitAudioContext?: typeof AudioContext }).webkitAudioContext;
    if (!Context) return null;
    this.context = new Context();
    void this.routeContext();
    return this.context;
  }

  private startTone(kind: Exclude<ToneKind, "none">): void {
    if (kind === "ring" && this.options.ringtoneUrl) return this.startFile(this.options.ringtoneUrl);
    const context = this.ensureContext();
    if (!context) return;
    const begin = () => {
      if (this.wanted !== kind || this.playing) return;
      this.playing = { kind, stop: this.sound(context, renderTone(kind, context.sampleRate), true) };
      this.sink.unblocked();
    };
    if (context.state === "running") return begin();
    context.resume().then(begin, () => {});
    setTimeout(() => {
      if (this.wanted === kind && context.state !== "running") this.sink.blocked();
    }, RESUME);
  }

  private startFile(url: string): void {
    const element: SinkElement = document.createElement("audio");
    element.src = url;
    element.loop = true;
    void this.route(element, this.ringer ?? this.output);
    this.playing = { kind: "ring", stop: () => element.pause() };
    element.play().catch((error) => {
      if (this.wanted === "ring") this.playing = null;
      this.playFailed(error);
    });
  }

  private sound(context: AudioContext, samples: Float32Array<ArrayBuffer>, loop: boolean): () => void {
    const buffer = context.createBuffer(1, samples.length, context.sampleRate);
    buffer.getChannelData(0).set(samples);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.loop = loop;
    source.connect(context.destination);
    source.start();
    return () => source.stop();
  }

  private playFailed(error: unknown): void {
    const name = (error as DOMException | null)?.name;
    if (name === "NotAllowedError") this.sink.blocked();
    // A newer stream or the end of the call interrupted it.
    else if (name !== "AbortError") this.sink.failed(ZorioWebphoneError.from(error, "media_failed").toJSON());
  }
}

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** Returns what there is to speak into and to hear from. */
export async function listDevices(): Promise<AudioDevices> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const list = (kind: MediaDeviceKind) =>
    all
      .filter((device) => device.kind === kind && !PSEUDO.includes(device.deviceId))
      .map((device) => ({ id: device.deviceId, label: device.label }));
  const canChooseOutput = "setSinkId" in HTMLMediaElement.prototype;
  return { inputs: list("audioinput"), outputs: list("audiooutput"), canChooseOutput };
}
