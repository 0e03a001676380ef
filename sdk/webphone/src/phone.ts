import { type BackgroundClock, backgroundClock, startWorker } from "./background-clock.js";
import { ZorioCall } from "./call.js";
import { uuid } from "./clock.js";
import { TokenKeeper } from "./core/token.js";
import type { Desk, DeskCommand, DeskEvent, DeskSink, DeskSnapshot } from "./desk/desk.js";
import { LocalDesk } from "./desk/local-desk.js";
import { SharedDesk } from "./desk/shared-desk.js";
import { type DiagnoseOptions, diagnose } from "./diagnose.js";
import { Emitter } from "./emitter.js";
import { memory, openChannel, requireBase, requireBrowser, requireElement } from "./environment.js";
import { ZorioWebphoneError } from "./errors.js";
import { Http, type SipConfig } from "./http.js";
import { BrowserAudio, listDevices } from "./media/audio.js";
import { type NotificationState, Notifier } from "./notifier.js";
import type { SipEngine } from "./sip/engine.js";
import { JsSipEngine } from "./sip/jssip-engine.js";
import { webSocket } from "./sip/socket.js";
import type {
  AudioDevices,
  CallOptions,
  CallStats,
  ConnectOptions,
  DiagnoseResult,
  Locale,
  PhoneEvents,
  PhoneStatus,
} from "./types.js";
import { VERSION } from "./version.js";

/** A credential is renewed when this part of its life is over. */
const PART = 0.8;

const CONNECT_TIMEOUT = 15_000;

/**
 * The phone of a web page.
 *
 * ```ts
 * const phone = await ZorioWebphone.connect({ apiBase, token, mount: "#phone" });
 * phone.on("incoming_call", ({ call, contact }) => openRecord(contact?.id ?? call.number));
 * const call = await phone.call("0912345678");
 * ```
 */
export class ZorioWebphone extends Emitter<PhoneEvents> {
  static readonly version = VERSION;

  private readonly clock: BackgroundClock;
  private readonly options: ConnectOptions;
  private readonly keeper: TokenKeeper;
  private readonly http: Http;
  private readonly byId = new Map<string, ZorioCall>();
  private readonly watchers = new Set<() => void>();
  private readonly notifier: Notifier;
  private config: SipConfig | null = null;
  private desk: Desk | null = null;
  private local: LocalDesk | null = null;
  private unmount: (() => void) | null = null;
  private renewal: (() => void) | null = null;
  private wantsRegistration: boolean;
  private isClosed = false;
  /** What people chose in the face's settings. */
  private chosenLocale: Locale | null = null;

  /** Prepares, boots, connects and registers a phone. Settles when it is registered, or throws why it is not. */
  static async connect(options: ConnectOptions): Promise<ZorioWebphone> {
    let phone: ZorioWebphone | null = null;
    try {
      requireBrowser();
      phone = new ZorioWebphone(options);
      await phone.open();
      return phone;
    } catch (error) {
      const known = ZorioWebphoneError.from(error);
      await phone?.disconnect();
      options?.onError?.(known);
      throw known;
    }
  }

  /** Tries everything that a call needs: HTTPS, microphone, server, WebSocket, STUN and TURN. */
  static diagnose(options: DiagnoseOptions): Promise<DiagnoseResult> {
    return diagnose({ ...options, apiBase: requireBase(options.apiBase) });
  }

  private constructor(options: ConnectOptions) {
    super();
    const apiBase = requireBase(options.apiBase);
    if (typeof options.token !== "string" || !options.token.trim()) {
      throw new ZorioWebphoneError("token_invalid", "There is no token");
    }
    if (options.mount && options.renderer !== "headless") requireElement(options.mount);
    this.options = { ...options, apiBase };
    this.wantsRegistration = options.autoRegister !== false;
    this.notifier = new Notifier(() => this.locale);
    this.clock = backgroundClock(() => startWorker(options.backgroundTimers ?? "auto"));
    this.keeper = new TokenKeeper(this.clock, options.token, options.tokenResolver, {
      changed: () => {
        if (this.config && Date.parse(this.config.expires_at) <= this.clock.now()) this.renew();
      },
      expired: () => this.fail(new ZorioWebphoneError("token_expired", "The token is over; bring another")),
    });
    this.http = new Http(apiBase, this.keeper, options.locale ?? "vi");
  }

  /** The language that the phone speaks. */
  get locale(): Locale {
    return this.chosenLocale ?? this.options.locale ?? "vi";
  }

  /** The extension that this phone is. */
  get extension(): string {
    return this.config?.extension ?? "";
  }
  get displayName(): string | null {
    return this.config?.display_name ?? null;
  }
  get status(): PhoneStatus {
    return this.desk?.snapshot().status ?? "disconnected";
  }
  /** The calls there are, the oldest first. */
  get calls(): ZorioCall[] {
    return [...this.byId.values()].filter((call) => call.state !== "ended");
  }
  /** The call that is talked on, else the one that rings, else any. */
  get activeCall(): ZorioCall | null {
    const of = (...states: string[]) => this.calls.find((call) => states.includes(call.state));
    return of("answered") ?? of("early_media", "initiating") ?? of("ringing") ?? of("held") ?? null;
  }

  /** Calls a number. Settles as soon as the call is on its way: `call_ringing` and `call_answered` follow. */
  async call(number: string, options: CallOptions = {}): Promise<ZorioCall> {
    const id = await this.run({ do: "call", number, options });
    const call = this.byId.get(String(id));
    if (!call) throw new ZorioWebphoneError("call_failed", "The call ended before it began");
    return call;
  }

  async register(): Promise<void> {
    this.wantsRegistration = true;
    await this.run({ do: "register" });
  }

  /** Takes no calls any more, but stays connected. */
  async unregister(): Promise<void> {
    this.wantsRegistration = false;
    await this.run({ do: "unregister" });
  }

  /** Ends all calls, unregisters, closes the connection and removes the phone's face. */
  async disconnect(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.keeper.stop();
    this.renewal?.();
    this.listen(false);
    await this.desk?.stop();
    this.unmount?.();
    this.unmount = null;
    this.watchers.clear();
    this.notifier.update([]);
    this.clock.stop();
  }

  /** Lets the browser play sounds; call it from a click. */
  async unlockAudio(): Promise<void> {
    await this.desk?.unlockAudio();
  }

  /** Takes a token that the page brings, or asks `tokenResolver` for one. */
  async refreshToken(token?: string): Promise<void> {
    if (token === undefined) {
      await this.keeper.refresh();
      return;
    }
    this.keeper.replace(token);
    if (this.desk?.snapshot().isMirror) await this.run({ do: "token", token });
  }

  /** Uses another microphone, also for calls that are there. `""` is the system's default. */
  async setAudioInput(deviceId: string): Promise<void> {
    await this.run({ do: "input", deviceId });
  }

  /** Uses another loudspeaker where the browser lets pages choose. */
  async setAudioOutput(deviceId: string): Promise<void> {
    await this.run({ do: "output", deviceId });
  }

  /** Rings elsewhere than where calls are heard. */
  async setRingDevice(deviceId: string): Promise<void> {
    await this.run({ do: "ringer", deviceId });
  }

  diagnose(): Promise<DiagnoseResult> {
    return diagnose({ apiBase: this.options.apiBase, token: this.keeper.current, locale: this.locale });
  }

  /** Whether incoming calls are announced by the system while the page is not looked at. */
  get notifications(): NotificationState {
    return this.wantsNotifications ? this.notifier.state : "unsupported";
  }
  /** Asks the person to allow notifications, from a click; settles with what they said. */
  enableNotifications(): Promise<boolean> {
    return this.notifier.ask();
  }

  /** Returns the figures of every call. */
  async getStats(): Promise<CallStats[]> {
    return await Promise.all(this.calls.map((call) => call.getStats()));
  }

  /** Returns the microphones and loudspeakers; their names are empty until a microphone was allowed once. */
  async devices(): Promise<AudioDevices> {
    if (!this.desk) throw new ZorioWebphoneError("invalid_state", "The phone is disconnected");
    return await this.desk.devices();
  }

  /** @internal */
  snapshot(): DeskSnapshot {
    return this.desk?.snapshot() ?? { status: "connecting", attempt: 0, calls: [], audioBlocked: false, isMirror: false };
  }
  /** @internal */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
  /** @internal */
  speak(locale: Locale): void {
    this.chosenLocale = locale;
  }
  /** @internal */
  levels(id: string): { microphone: number; remote: number } | null {
    return this.desk?.levels(id) ?? null;
  }
  /** @internal */
  run(command: DeskCommand): Promise<unknown> {
    if (this.desk && !this.isClosed) return this.desk.run(command);
    return Promise.reject(new ZorioWebphoneError("invalid_state", "The phone is disconnected"));
  }

  private get wantsNotifications(): boolean {
    const { notifications, mount, renderer } = this.options;
    return notifications ?? (mount !== undefined && renderer !== "headless");
  }

  private async open(): Promise<void> {
    const { mount, renderer, connectTimeoutMs = CONNECT_TIMEOUT } = this.options;
    this.config = await this.http.sipConfig();
    this.scheduleRenewal();
    if (mount && renderer !== "headless") {
      // Whoever draws a face of their own does not load this one.
      const { mountFace } = await import("./ui/element.js");
      this.unmount = mountFace(requireElement(mount), this, {
        ...this.options,
        scope: `${this.options.apiBase}:${this.config.extension}`,
      });
    }
    this.listen(true);
    const ready = this.whenReady(connectTimeoutMs);
    this.desk = this.makeDesk();
    this.changed();
    await ready;
  }

  private whenReady(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: ZorioWebphoneError) => {
        cancel();
        unwatch();
        this.off("error", failed);
        if (error) reject(error);
        else resolve();
      };
      const look = () => {
        const { status } = this;
        if (status === "registered" || (status === "connected" && !this.wantsRegistration)) settle();
      };
      const failed = (error: ZorioWebphoneError) => {
        if (error.code === "register_failed" || error.code.startsWith("token_")) settle(error);
      };
      const cancel = this.clock.after(timeoutMs, () => {
        const isConnected = this.status === "registering" || this.status === "connected";
        const code = isConnected ? "register_failed" : "transport_failed";
        settle(new ZorioWebphoneError(code, "The server did not answer in time", { url: this.config?.ws_url }));
      });
      const unwatch = this.watch(look);
      this.on("error", failed);
    });
  }

  private makeDesk(): Desk {
    const sink: DeskSink = { changed: (snapshot) => this.changed(snapshot), event: (event) => this.told(event) };
    const { apiBase, multiTab } = this.options;
    const name = `zorio-webphone:${apiBase}:${this.extension}`;
    const canShare = multiTab !== "off" && typeof BroadcastChannel !== "undefined";
    if (!canShare) return this.lead(sink, uuid());
    const parts = {
      clock: this.clock,
      channel: (receive: Parameters<typeof openChannel>[1]) =>
        openChannel(name, receive) ?? { post() {}, close() {} },
      devices: listDevices,
      lead: (sink: DeskSink) => this.lead(sink, this.instanceId()),
    };
    return new SharedDesk(parts, sink);
  }

  private lead(sink: DeskSink, instanceId: string): LocalDesk {
    const config = this.config;
    if (!config) throw new ZorioWebphoneError("internal_error", "The phone has not booted");
    const log = (what: string) => {
      if (this.options.debug) console.debug(`[zorio-webphone] ${what}`);
    };
    const desk = new LocalDesk(
      {
        clock: this.clock,
        socket: (link) => webSocket(config.ws_url, link, log),
        engine: (pipe) =>
          new JsSipEngine(
            {
              extension: config.extension,
              displayName: config.display_name,
              realm: config.realm,
              username: this.config?.sip_username ?? config.sip_username,
              password: this.config?.sip_password ?? config.sip_password,
              wsUrl: config.ws_url,
              instanceId,
            },
            pipe,
            this.clock,
            `ZorioWebphone/${VERSION}`,
          ),
        renewCredential: (engine) => this.renewCredential(engine),
        audio: (sink) => new BrowserAudio(this.options, sink),
        earlyMedia: this.options.earlyMedia ?? true,
        iceServers: () => this.config?.ice_servers ?? [],
        lookUp: (number) => this.http.contact(number),
        replaceToken: (token) => this.keeper.replace(token),
      },
      sink,
    );
    this.local = desk;
    // What keeps it from registering is told as an event.
    desk.start(this.wantsRegistration).catch(() => {});
    return desk;
  }

  /** A reload is the same phone to the server. */
  private instanceId(): string {
    const known = memory.read("instance");
    if (typeof known === "string") return known;
    const fresh = uuid();
    memory.write("instance", fresh);
    return fresh;
  }

  private async renewCredential(engine: SipEngine | null): Promise<void> {
    this.config = await this.http.sipConfig();
    engine?.setCredential(this.config.sip_username, this.config.sip_password);
    this.scheduleRenewal();
  }

  private scheduleRenewal(): void {
    this.renewal?.();
    const left = Date.parse(this.config?.expires_at ?? "") - this.clock.now();
    if (!(left > 0)) return;
    // Timers hold no more than 31 bits.
    this.renewal = this.clock.after(Math.min(left * PART, 2 ** 31 - 1), () => this.renew());
  }

  private renew(): void {
    const local = this.desk?.snapshot().isMirror ? null : this.local;
    this.renewCredential(local?.sip ?? null).then(
      () => local?.reregister(),
      (error) => this.fail(ZorioWebphoneError.from(error, "bootstrap_failed")),
    );
  }

  private changed(snapshot = this.snapshot()): void {
    const present = new Set<string>();
    for (const data of snapshot.calls) {
      present.add(data.id);
      this.handle(data);
    }
    for (const id of [...this.byId.keys()]) if (!present.has(id)) this.byId.delete(id);
    this.notifier.update(snapshot.calls);
    for (const watcher of [...this.watchers]) watcher();
  }

  private handle(data: DeskSnapshot["calls"][number]): ZorioCall {
    let call = this.byId.get(data.id);
    if (call) call.update(data);
    else this.byId.set(data.id, (call = new ZorioCall(data, (command) => this.run(command))));
    return call;
  }

  private told(event: DeskEvent): void {
    switch (event.name) {
      case "registered":
      case "connected":
        return this.emit(event.name, {});
      case "unregistered":
        return this.emit("unregistered", { reason: event.reason });
      case "disconnected":
        return this.emit("disconnected", event.reason === undefined ? {} : { reason: event.reason });
      case "incoming_call":
        // Of many tabs the one that rings also shows it.
        if (this.wantsNotifications && !this.snapshot().isMirror) this.notifier.incoming(event.call);
        return this.emit("incoming_call", { call: this.handle(event.call), contact: event.contact });
      case "call_ringing":
      case "call_answered":
        return this.emit(event.name, { call: this.handle(event.call) });
      case "call_hangup": {
        const { reason, billsec } = event;
        return this.emit("call_hangup", { call: this.handle(event.call), reason, billsec });
      }
      case "dtmf":
        return this.emit("dtmf", { call: this.handle(event.call), digit: event.digit });
      case "auto_reconnect":
        return this.emit("auto_reconnect", { attempt: event.attempt, delay_ms: event.delay_ms });
      case "audio_autoplay_blocked":
        return this.emit("audio_autoplay_blocked", { call: event.call && this.handle(event.call) });
      case "error":
        return this.fail(ZorioWebphoneError.from(event.error));
    }
  }

  private fail(error: ZorioWebphoneError): void {
    this.options.onError?.(error);
    this.emit("error", error);
  }

  private listen(on: boolean): void {
    const change = on ? "addEventListener" : "removeEventListener";
    window[change]("online", this.wake);
    window[change]("offline", this.networkLost);
    window[change]("pagehide", this.pageHides);
    window[change]("pageshow", this.pageShows as EventListener);
    window[change]("beforeunload", this.beforeUnload as EventListener);
    document[change]("visibilitychange", this.wake);
    const connection = (navigator as { connection?: EventTarget }).connection;
    connection?.[change]?.("change", this.wake);
  }

  private readonly wake = (): void => {
    if (!document.hidden) this.desk?.wake();
  };
  private readonly networkLost = (): void => this.desk?.networkLost();

  /** The page goes, perhaps to come back: nobody must ring it meanwhile. */
  private readonly pageHides = (): void => {
    const desk = this.desk as { leave?: () => void } | null;
    desk?.leave?.();
    this.desk = null;
  };
  private readonly pageShows = (event: PageTransitionEvent): void => {
    if (!event.persisted || this.desk || this.isClosed) return;
    this.desk = this.makeDesk();
    this.changed();
  };
  private readonly beforeUnload = (event: BeforeUnloadEvent): void => {
    if (!this.options.confirmLeave || this.calls.length === 0 || this.snapshot().isMirror) return;
    event.preventDefault();
    // What browsers before 2023 look at.
    event.returnValue = "";
  };
}
