import type { TokenKeeper } from "./core/token.js";
import { ZorioWebphoneError } from "./errors.js";
import type { Contact } from "./types.js";

/** What `GET /api/webphone/sip-config` answers in `data`. */
export interface SipConfig {
  extension: string;
  display_name: string | null;
  ws_url: string;
  realm: string;
  sip_username: string;
  sip_password: string;
  expires_at: string;
  ice_servers: RTCIceServer[];
  codecs?: string[];
  permissions?: string[];
}

const TIMEOUT = 10_000;

/** The few requests that the phone makes. */
export class Http {
  constructor(
    private readonly base: string,
    private readonly keeper: Pick<TokenKeeper, "current" | "refresh">,
    private readonly locale: string,
  ) {}

  async sipConfig(): Promise<SipConfig> {
    const data = (await this.ask("/api/webphone/sip-config")) as Partial<SipConfig> | null;
    if (!data?.extension || !data.ws_url || !data.realm || !data.sip_username || !data.sip_password) {
      throw new ZorioWebphoneError("bootstrap_failed", "The server's answer lacks what a phone needs");
    }
    return {
      ice_servers: [],
      display_name: null,
      expires_at: "",
      ...data,
      ws_url: new URL(data.ws_url, this.base.replace(/^http/, "ws")).href,
    } as SipConfig;
  }

  async contact(number: string): Promise<Contact | null> {
    return (await this.ask(`/api/contacts/lookup?number=${encodeURIComponent(number)}`)) as Contact | null;
  }

  /** Returns `data` of the answer; a refused token is renewed and tried again once. */
  private async ask(path: string): Promise<unknown> {
    const token = this.keeper.current;
    const first = await this.get(path, token);
    if (first.status !== 401) return await this.data(first);
    const fresh = await this.keeper.refresh(token).catch((error) => {
      const known = error instanceof ZorioWebphoneError;
      throw known ? error : new ZorioWebphoneError("token_invalid", `No fresh token: ${String(error)}`);
    });
    return await this.data(await this.get(path, fresh));
  }

  private async get(path: string, token: string): Promise<Response> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), TIMEOUT);
    try {
      return await fetch(this.base + path, {
        headers: { Authorization: `Bearer ${token}`, Accept: "application/json", "Accept-Language": this.locale },
        credentials: "omit",
        cache: "no-store",
        signal: abort.signal,
      });
    } catch (error) {
      throw new ZorioWebphoneError("bootstrap_failed", "The server cannot be reached", { cause: String(error) });
    } finally {
      clearTimeout(timer);
    }
  }

  private async data(response: Response): Promise<unknown> {
    const body = (await response.json().catch(() => null)) as { data?: unknown; message?: string } | null;
    if (response.ok) return body?.data ?? null;
    const details = { status: response.status };
    const message = body?.message ?? `The server answered ${response.status}`;
    if (response.status === 401) throw new ZorioWebphoneError("token_invalid", message, details);
    if (response.status === 429) throw new ZorioWebphoneError("rate_limited", message, details);
    throw new ZorioWebphoneError("bootstrap_failed", message, details);
  }
}
