import { ZorioWebphoneError } from "./errors.js";
import type { TabChannel, TabMessage } from "./desk/shared-desk.js";

/** Throws if this browser or this page cannot be a phone. */
export function requireBrowser(): void {
  if (typeof window === "undefined" || typeof WebSocket === "undefined" || typeof RTCPeerConnection === "undefined") {
    throw new ZorioWebphoneError("unsupported_browser", "This browser has no WebRTC");
  }
  if (!window.isSecureContext) {
    throw new ZorioWebphoneError("insecure_context", "The page must be served over HTTPS or from localhost");
  }
}

/** Returns `https://host` of what was given as `apiBase`. */
export function requireBase(apiBase: unknown): string {
  try {
    const url = new URL(String(apiBase), location.href);
    if (typeof apiBase === "string" && /^https?:$/.test(url.protocol)) return url.href.replace(/\/+$/, "");
  } catch {
    // Said below.
  }
  throw new ZorioWebphoneError("bootstrap_failed", "apiBase must be the address of the server");
}

/** Returns the element to mount into. */
export function requireElement(mount: string | HTMLElement): HTMLElement {
  const element = typeof mount === "string" ? document.querySelector<HTMLElement>(mount) : mount;
  if (element instanceof HTMLElement) return element;
  throw new ZorioWebphoneError("bootstrap_failed", `There is no element to mount into: ${String(mount)}`);
}

/** Storage that never throws: a frame may have none. */
export const memory = {
  read(key: string): unknown {
    try {
      return JSON.parse(localStorage.getItem(`zorio-webphone:${key}`) ?? "null");
    } catch {
      return null;
    }
  },
  write(key: string, value: unknown): void {
    try {
      localStorage.setItem(`zorio-webphone:${key}`, JSON.stringify(value));
    } catch {
      // It is forgotten with the page.
    }
  },
};

/** Opens a channel between the tabs of one origin, or `null` where there is none. */
export function openChannel(name: string, receive: (message: TabMessage) => void): TabChannel | null {
  if (typeof BroadcastChannel === "undefined") return null;
  try {
    const channel = new BroadcastChannel(name);
    channel.onmessage = (event: MessageEvent<TabMessage>) => receive(event.data);
    let isOpen = true;
    return {
      post: (message) => {
        if (isOpen) channel.postMessage(message);
      },
      close: () => {
        isOpen = false;
        channel.close();
      },
    };
  } catch {
    return null;
  }
}
