import { memory } from "../environment.js";
import type { ZorioWebphoneError } from "../errors.js";
import type { ConnectOptions, Layout, Locale, Theme } from "../types.js";
import frame from "./css/10-frame.css";
import keypad from "./css/20-keypad.css";
import call from "./css/30-call.css";
import settings from "./css/40-settings.css";
import states from "./css/50-states.css";
import { patch } from "./dom.js";
import { Face } from "./face.js";
import type { FaceModel } from "./model.js";
import { shell } from "./screens/shell.js";

const NAME = "zorio-webphone";

const css = frame + keypad + call + settings + states;

export interface FaceOptions extends Pick<ConnectOptions, "layout" | "minimised" | "theme" | "locale" | "shortcuts" | "styleNonce"> {
  /** Whose recent calls these are. */
  scope: string;
}

/** Puts the phone's face into an element; the answer takes it away again. */
export function mountFace(into: HTMLElement, model: FaceModel, options: FaceOptions): () => void {
  defineElement();
  const element = document.createElement(NAME) as WebphoneElement;
  element.attach(model, options);
  into.appendChild(element);
  return () => element.remove();
}

interface WebphoneElement extends HTMLElement {
  attach(model: FaceModel, options: FaceOptions): void;
}

/** Defined only when it is needed, so that the module can be loaded where there is no page. */
function defineElement(): void {
  if (customElements.get(NAME)) return;
  customElements.define(
    NAME,
    class extends HTMLElement implements WebphoneElement {
      private parts: { model: FaceModel; options: FaceOptions } | null = null;
      private teardown: (() => void) | null = null;

      attach(model: FaceModel, options: FaceOptions): void {
        this.parts = { model, options };
      }

      connectedCallback(): void {
        if (this.parts) this.teardown = run(this, this.parts.model, this.parts.options);
      }

      disconnectedCallback(): void {
        this.teardown?.();
        this.teardown = null;
      }
    },
  );
}

interface Preferences {
  theme?: Theme;
  locale?: Locale;
  minimised?: boolean;
}

const SAVED = "preferences";

function run(host: HTMLElement, model: FaceModel, options: FaceOptions): () => void {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  style(root, options.styleNonce);
  const saved = (memory.read(SAVED) ?? {}) as Preferences;
  const layout: Layout = options.layout ?? "docked";
  host.dataset.layout = layout;

  const body = root.querySelector<HTMLElement>(".root") ?? root.appendChild(document.createElement("div"));
  body.className = "root";

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const save = (part: Preferences) => memory.write(SAVED, { ...(memory.read(SAVED) as Preferences | null), ...part });
  if (options.minimised !== undefined) save({ minimised: options.minimised });
  const face = new Face(model, {
    theme: saved.theme ?? options.theme ?? "auto",
    locale: saved.locale ?? options.locale ?? "vi",
    canMinimise: layout !== "fullscreen",
    isMinimised: layout !== "fullscreen" && (options.minimised ?? saved.minimised ?? false),
    scope: options.scope,
    changed: () => draw(),
    save,
    hasFocus: () => root.activeElement !== null,
    focus: (selector) => {
      const target = root.querySelector<HTMLElement>(selector);
      target?.focus();
    },
  });
  const draw = () => {
    const { theme, isMinimised } = face.state;
    const isDark = theme === "dark" || (theme === "auto" && dark.matches);
    host.dataset.theme = isDark ? "dark" : "light";
    host.toggleAttribute("data-minimised", isMinimised && face.scene.kind !== "incoming");
    host.lang = face.texts.locale;
    patch(body, shell(face));
    face.drawn();
  };
  const keys = (event: Event) => {
    const press = event as KeyboardEvent;
    const target = press.composedPath()[0];
    if (press.defaultPrevented || !(target instanceof Element)) return;
    const isText = (target.matches("input, textarea, select") || (target as HTMLElement).isContentEditable);
    const into = isText ? "text" : target.matches("button, a, [role=tab], summary") ? "control" : "other";
    // A page's own fields are the page's.
    if (isText && !root.contains(target)) return;
    if (face.key(press, into, root.contains(target))) press.preventDefault();
  };
  const scope: EventTarget | null = options.shortcuts === "off" ? null : options.shortcuts === "page" ? document : host;
  scope?.addEventListener("keydown", keys);
  const failed = (error: ZorioWebphoneError) => face.failed(error);
  model.on("error", failed);
  const unwatch = model.watch(() => face.phoneChanged());
  // Safari 14 knows only the old names.
  const schemeChanged = () => draw();
  dark.addEventListener?.("change", schemeChanged);
  const meter = setInterval(() => {
    const level = face.measure();
    for (const bar of root.querySelectorAll<HTMLElement>("[data-meter]")) {
      bar.style.transform = `scaleX(${level.toFixed(2)})`;
    }
  }, 100);
  const clock = setInterval(() => face.tick(), 1000);
  draw();
  return () => {
    clearInterval(meter);
    clearInterval(clock);
    dark.removeEventListener?.("change", schemeChanged);
    unwatch();
    model.off("error", failed);
    scope?.removeEventListener("keydown", keys);
    face.stop();
  };
}

/** Styles that a strict content security policy lets pass. */
function style(root: ShadowRoot, nonce: string | undefined): void {
  if (root.querySelector("style") || root.adoptedStyleSheets?.length) return;
  if ("adoptedStyleSheets" in Document.prototype && "replaceSync" in CSSStyleSheet.prototype) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    return;
  }
  const element = document.createElement("style");
  if (nonce) element.nonce = nonce;
  element.textContent = css;
  root.appendChild(element);
}
