import type { CallSnapshot, Locale } from "./types.js";
import { wordsOf } from "./words.js";

/** Whether the system may be asked to show notifications; `unsupported` also in frames of other origins. */
export type NotificationState = "granted" | "denied" | "default" | "unsupported";

/** Who calls, in two lines. */
export interface Notice {
  title: string;
  body: string;
}

export function noticeOf(call: Pick<CallSnapshot, "contact" | "name" | "number" | "via">, locale: Locale): Notice {
  const name = call.contact?.full_name || call.name;
  const lines = [name ? `${name} · ${call.number}` : call.number, call.via].filter(Boolean);
  return { title: wordsOf(locale).incoming, body: lines.join("\n") };
}

/** Tells people of an incoming call who look at another tab or window: by the system, and in the page's title. */
export class Notifier {
  private readonly shown = new Map<string, Notification | null>();
  private title: { own: string; ours: string } | null = null;

  constructor(private readonly locale: () => Locale) {}

  get state(): NotificationState {
    // A browser denies it to frames of other origins without asking anybody.
    if (typeof Notification === "undefined" || !isTop()) return "unsupported";
    return Notification.permission;
  }

  /** Asks the person; browsers want a click for it. */
  async ask(): Promise<boolean> {
    if (this.state !== "default") return this.state === "granted";
    return (await Notification.requestPermission()) === "granted";
  }

  incoming(call: CallSnapshot): void {
    if (call.state !== "ringing" || this.shown.has(call.id) || (!document.hidden && document.hasFocus())) return;
    const notice = noticeOf(call, this.locale());
    this.shown.set(call.id, this.show(call.id, notice));
    this.mark(notice.body.split("\n")[0] ?? "");
  }

  /** Takes away what was shown of calls that ring no more. */
  update(calls: readonly CallSnapshot[]): void {
    for (const [id, notification] of this.shown) {
      if (calls.some((call) => call.id === id && call.state === "ringing")) continue;
      notification?.close();
      this.shown.delete(id);
    }
    if (this.shown.size === 0) this.unmark();
  }

  private show(tag: string, { title, body }: Notice): Notification | null {
    if (this.state !== "granted") return null;
    try {
      const notification = new Notification(title, { body, tag, requireInteraction: true });
      notification.onclick = () => {
        window.focus();
        notification.close();
      };
      return notification;
    } catch {
      // Chrome on Android knows them in service workers only.
      return null;
    }
  }

  private mark(text: string): void {
    if (this.title || !isTop()) return;
    this.title = { own: document.title, ours: `☎ ${text}` };
    document.title = this.title.ours;
  }

  private unmark(): void {
    // A page that meanwhile chose another title keeps it.
    if (this.title && document.title === this.title.ours) document.title = this.title.own;
    this.title = null;
  }
}

function isTop(): boolean {
  return window.parent === window;
}
