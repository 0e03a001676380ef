import type { Clock } from "../clock.js";
import { Link, type LinkIo } from "../core/link.js";
import { Mask } from "../core/mask.js";
import { ZorioWebphoneError } from "../errors.js";
import type { IncomingOffer, SipEngine, SipPipe } from "../sip/engine.js";
import type { PhoneStatus, UnregisteredReason } from "../types.js";

export interface LineSink {
  status(status: PhoneStatus): void;
  connected(): void;
  disconnected(reason: string): void;
  registered(): void;
  unregistered(reason: UnregisteredReason): void;
  retry(attempt: number, delayMs: number): void;
  failed(error: ZorioWebphoneError): void;
  incoming(offer: IncomingOffer): void;
  /** Calls can be changed again after an outage. */
  restored(): void;
}

export interface LineParts {
  clock: Clock;
  /** Makes the socket; its events go to the link. */
  socket(link: () => Link): LinkIo;
  engine(pipe: SipPipe): SipEngine;
  /** Brings a fresh credential to the engine. */
  renewCredential(engine: SipEngine): Promise<void>;
}

/** After so many attempts the page is told that it does not get better; attempts go on. */
const HOPELESS = 10;
/** How long a REGISTER may take before the connection is given up. */
const ANSWER = 10_000;
const UNREGISTER = 3_000;

/** The line to the server: connection, outage mask and registration. */
export class Line {
  private readonly link: Link;
  private readonly mask: Mask;
  private readonly engine: SipEngine;
  private readonly clock: Clock;
  private state: PhoneStatus = "disconnected";
  private wanted = false;
  /** Registered over the connection that is up now. */
  private isRegistered = false;
  private wasUp = false;
  private renewed = false;
  private waiters: { resolve: () => void; reject: (error: Error) => void }[] = [];
  private leaving: (() => void) | null = null;
  private giveUp: (() => void) | null = null;

  constructor(
    private readonly parts: LineParts,
    private readonly sink: LineSink,
  ) {
    this.clock = parts.clock;
    this.link = new Link(
      parts.clock,
      parts.socket(() => this.link),
      {
        up: () => this.up(),
        down: (reason) => this.down(reason),
        retry: (attempt, delayMs) => this.retry(attempt, delayMs),
        data: (text) => this.mask.fromServer(text),
      },
    );
    const pipe: SipPipe = { send: (text) => this.mask.fromAgent(text), deliver: () => {} };
    this.engine = parts.engine(pipe);
    this.mask = new Mask(parts.clock, {
      send: (text) => this.link.send(text),
      deliver: (text) => pipe.deliver(text),
      registerAnswered: (status) => this.registerAnswered(status),
    });
  }

  get status(): PhoneStatus {
    return this.state;
  }

  get attempts(): number {
    return this.link.attempts;
  }

  /** Whether what calls say now reaches the server. */
  get isClear(): boolean {
    return this.link.isOpen && this.mask.isThrough;
  }

  get sip(): SipEngine {
    return this.engine;
  }

  start(register: boolean): void {
    this.wanted = register;
    this.engine.start({
      incoming: (offer) => this.sink.incoming(offer),
      registrationExpiring: () => {
        if (this.isRegistered && this.wanted) this.engine.register();
      },
      registrationFailed: (status, retryAfterMs) => this.refused(status, retryAfterMs),
    });
    this.mask.down(register);
    this.become("connecting");
    this.link.start();
  }

  /** Settles when the phone is registered, or throws why it cannot be. */
  register(): Promise<void> {
    if (this.isRegistered) return Promise.resolve();
    if (this.state === "disconnected") {
      return Promise.reject(new ZorioWebphoneError("invalid_state", "The phone is disconnected"));
    }
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
      if (this.wanted) return;
      this.wanted = true;
      this.renewed = false;
      if (this.link.isOpen) this.sendRegister();
      else this.mask.down(true);
    });
  }

  async unregister(): Promise<void> {
    const was = this.isRegistered;
    this.wanted = false;
    this.isRegistered = false;
    this.giveUp?.();
    if (!this.link.isOpen) {
      this.mask.down(false);
      return;
    }
    if (was) {
      await new Promise<void>((resolve) => {
        const cancel = this.clock.after(UNREGISTER, resolve);
        this.leaving = () => {
          cancel();
          resolve();
        };
        this.engine.unregister();
      });
      this.leaving = null;
    }
    this.become("connected");
    this.sink.unregistered("manual");
  }

  /** Registers again with what the engine was given. */
  reregister(): void {
    if (this.link.isOpen && this.wanted) this.engine.register();
  }

  setInCall(inCall: boolean): void {
    this.link.setInCall(inCall);
  }

  nudge(): void {
    this.link.nudge();
  }

  probe(): void {
    this.link.probe();
  }

  /** Says good-bye as well as the moment allows, without waiting. */
  stop(): void {
    const wasOpen = this.link.isOpen;
    this.wanted = false;
    this.isRegistered = false;
    this.giveUp?.();
    this.engine.stop();
    this.mask.clear();
    this.link.stop();
    this.settleWaiters(new ZorioWebphoneError("invalid_state", "The phone was disconnected"));
    this.become("disconnected");
    if (wasOpen) this.sink.disconnected("manual");
  }

  private up(): void {
    this.renewed = false;
    this.sink.connected();
    this.become("connected");
    const wasUp = this.wasUp;
    this.wasUp = true;
    if (this.wanted) {
      this.become("registering");
      this.limit();
      if (this.mask.up()) this.engine.register();
    } else {
      this.mask.up();
      this.link.settled();
      if (wasUp) this.sink.restored();
    }
  }

  private down(reason: string): void {
    const was = this.isRegistered;
    this.isRegistered = false;
    this.giveUp?.();
    this.leaving?.();
    this.mask.down(this.wanted);
    this.become("reconnecting");
    if (was) this.sink.unregistered("transport_disconnect");
    this.sink.disconnected(reason);
  }

  private retry(attempt: number, delayMs: number): void {
    if (this.state !== "connecting" || attempt > 1) this.become("reconnecting");
    this.sink.retry(attempt, delayMs);
    if (attempt === HOPELESS) {
      const details = { attempt };
      this.sink.failed(new ZorioWebphoneError("reconnect_failed", "The server cannot be reached; still trying", details));
    }
  }

  private sendRegister(): void {
    this.become("registering");
    this.limit();
    this.engine.register();
  }

  private limit(): void {
    this.giveUp?.();
    const cancel = this.clock.after(ANSWER, () => {
      this.giveUp = null;
      this.link.fail("register_timeout");
    });
    this.giveUp = () => {
      cancel();
      this.giveUp = null;
    };
  }

  private registerAnswered(status: number): void {
    if (this.leaving) {
      this.leaving();
      return;
    }
    if (status >= 300 || !this.wanted || this.isRegistered) return;
    this.giveUp?.();
    const wasOutage = this.state === "registering" && this.link.attempts > 0;
    this.isRegistered = true;
    this.link.settled();
    this.become("registered");
    this.sink.registered();
    this.settleWaiters();
    if (wasOutage) this.sink.restored();
  }

  private refused(status: number | null, retryAfterMs: number): void {
    if (!this.link.isOpen || !this.wanted) return;
    const isCredential = status === 401 || status === 403 || status === 407;
    if (isCredential && !this.renewed) {
      this.renewed = true;
      this.parts.renewCredential(this.engine).then(
        () => this.reregister(),
        (error) => this.giveIn(ZorioWebphoneError.from(error, "register_failed")),
      );
      return;
    }
    if (isCredential || (status !== null && status >= 400 && status < 500 && status !== 408 && status !== 480)) {
      this.giveIn(new ZorioWebphoneError("register_failed", "The server does not register this phone", { status }));
      return;
    }
    // Overload and silence pass: the same waits as for a broken connection.
    this.link.fail("register_failed", retryAfterMs);
  }

  private giveIn(error: ZorioWebphoneError): void {
    this.giveUp?.();
    this.wanted = false;
    this.isRegistered = false;
    this.mask.release();
    if (this.link.isOpen) this.become("connected");
    this.sink.unregistered("remote");
    this.sink.failed(error);
    this.settleWaiters(error);
  }

  private settleWaiters(error?: Error): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) {
      if (error) waiter.reject(error);
      else waiter.resolve();
    }
  }

  private become(status: PhoneStatus): void {
    if (this.state === status) return;
    this.state = status;
    this.sink.status(status);
  }
}
