import type { Cancel, Clock } from "../clock.js";
import { ZorioWebphoneError } from "../errors.js";

/** Refreshed when this part of its life is over. */
const PART = 0.8;
/** Not more often than this, whatever a token says about its life. */
const LEAST = 5_000;

export interface TokenSink {
  /** There is a new token. */
  changed(token: string): void;
  /** It is over, and nobody has another. */
  expired(): void;
}

/** Returns when a JWT was issued and expires, in milliseconds; `null` for other tokens. */
export function lifeOf(token: string): { from: number | null; until: number } | null {
  const claims = claimsOf(token);
  if (typeof claims?.exp !== "number") return null;
  return { from: typeof claims.iat === "number" ? claims.iat * 1000 : null, until: claims.exp * 1000 };
}

/** Returns the claims of a JWT, unproven: the server has looked at the signature. */
export function claimsOf(token: string): Record<string, unknown> | null {
  const parts = token.split(".");
  if (parts.length !== 3 || !parts[1]) return null;
  try {
    const base64 = parts[1].replace(/-/g, "+").replace(/_/g, "/");
    const claims: unknown = JSON.parse(atob(base64));
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Holds the token, fetches a new one in time, and once at a time however many ask. */
export class TokenKeeper {
  private timer: Cancel | null = null;
  private asking: Promise<string> | null = null;

  constructor(
    private readonly clock: Clock,
    private token: string,
    private readonly resolver: (() => Promise<string>) | undefined,
    private readonly sink: TokenSink,
  ) {
    this.schedule();
  }

  get current(): string {
    return this.token;
  }

  get canRefresh(): boolean {
    return this.resolver !== undefined;
  }

  /** Takes a token that somebody brought. */
  replace(token: string): void {
    if (typeof token !== "string" || token.trim() === "") {
      throw new ZorioWebphoneError("token_invalid", "There is no token");
    }
    this.token = token;
    this.schedule();
    this.sink.changed(token);
  }

  /** Asks for a token that is not `refused`; who comes while one is on its way gets the same. */
  refresh(refused?: string): Promise<string> {
    if (refused !== undefined && refused !== this.token) return Promise.resolve(this.token);
    const resolver = this.resolver;
    if (!resolver) return Promise.reject(new ZorioWebphoneError("token_expired", "The token is over; bring another"));
    this.asking ??= Promise.resolve()
      .then(resolver)
      .then((token) => {
        this.replace(token);
        return token;
      })
      .finally(() => {
        this.asking = null;
      });
    return this.asking;
  }

  stop(): void {
    this.timer?.();
    this.timer = null;
  }

  private schedule(failures = 0): void {
    this.timer?.();
    this.timer = null;
    const life = lifeOf(this.token);
    if (!life) return;
    const now = this.clock.now();
    const from = Math.min(life.from ?? now, now);
    const left = life.until - now;
    if (!this.resolver) {
      this.timer = this.clock.after(Math.max(left, 0), () => this.sink.expired());
      return;
    }
    const due = from + (life.until - from) * PART - now;
    const wait = failures > 0 ? LEAST * Math.min(2 ** failures, 12) : Math.max(due, LEAST);
    this.timer = this.clock.after(wait, () => {
      this.refresh().catch(() => {
        if (this.clock.now() >= life.until) this.sink.expired();
        else this.schedule(failures + 1);
      });
    });
  }
}
