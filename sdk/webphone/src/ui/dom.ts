import { ICONS, type IconName } from "./icons.js";

type Child = VNode | string | number | null | false | undefined;
type Value = string | number | boolean | null | undefined | ((event: never) => void);

/** A wish what an element should be; `patch` makes it so with the fewest changes, so that focus and typing stay. */
export interface VNode {
  tag: string;
  key: string;
  props: Record<string, Value>;
  children: (VNode | string)[];
}

const SVG = "http://www.w3.org/2000/svg";
/** Set as properties: their attributes say only what they were at first. */
const PROPERTIES = new Set(["value", "disabled", "selected", "hidden", "checked"]);

type Known = Element & { vnode?: VNode; handlers?: Record<string, (event: never) => void> };

export function h(tag: string, props: Record<string, Value> = {}, ...children: (Child | Child[])[]): VNode {
  const flat = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  const nodes = flat.map((child) => (typeof child === "object" ? child : String(child))) as (VNode | string)[];
  return { tag, key: String(props.key ?? ""), props, children: nodes };
}

export function icon(name: IconName, size = 20): VNode {
  const props = { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true", class: "icon" };
  return h("svg", props, h("path", { d: ICONS[name] }));
}

/** Makes the children of an element what is wished. */
export function patch(parent: Element | ShadowRoot, wishes: (VNode | string)[]): void {
  let at: ChildNode | null = parent.firstChild;
  for (const wish of wishes) {
    const found = find(at, wish);
    if (found) {
      // What stands before it is wished no more.
      while (at && at !== found) {
        const next: ChildNode | null = at.nextSibling;
        at.remove();
        at = next;
      }
      update(found, wish);
      at = found.nextSibling;
    } else {
      parent.insertBefore(create(wish), at);
    }
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}

function find(from: ChildNode | null, wish: VNode | string): ChildNode | null {
  for (let node = from; node; node = node.nextSibling) {
    if (matches(node, wish)) return node;
    // Only what has a key may be looked for further away.
    if (typeof wish === "string" || !wish.key) return null;
  }
  return null;
}

function matches(node: ChildNode, wish: VNode | string): boolean {
  if (typeof wish === "string") return node.nodeType === 3;
  const vnode = (node as Known).vnode;
  return vnode?.tag === wish.tag && vnode.key === wish.key;
}

function create(wish: VNode | string): ChildNode {
  if (typeof wish === "string") return document.createTextNode(wish);
  const isSvg = wish.tag === "svg" || wish.tag === "path";
  const element: Known = isSvg ? document.createElementNS(SVG, wish.tag) : document.createElement(wish.tag);
  element.vnode = { ...wish, props: {} };
  update(element, wish);
  return element;
}

function update(node: ChildNode, wish: VNode | string): void {
  if (typeof wish === "string") {
    if (node.nodeValue !== wish) node.nodeValue = wish;
    return;
  }
  const element = node as Known;
  const before = element.vnode?.props ?? {};
  element.vnode = wish;
  // Options have to be there before one of them is chosen.
  patch(element, wish.children);
  for (const name of new Set([...Object.keys(before), ...Object.keys(wish.props)])) {
    const value = wish.props[name];
    if (name === "key") continue;
    if (name.startsWith("on")) listen(element, name.slice(2), value as ((event: never) => void) | undefined);
    else if (PROPERTIES.has(name)) setProperty(element, name, value ?? (name === "value" ? "" : false));
    else if (value !== before[name]) setAttribute(element, name, value);
  }
}

function setProperty(element: Known, name: string, value: Value): void {
  const target = element as unknown as Record<string, Value>;
  if (target[name] !== value) target[name] = value;
}

function setAttribute(element: Known, name: string, value: Value): void {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

function listen(element: Known, type: string, handler: ((event: never) => void) | undefined): void {
  element.handlers ??= {};
  const known = type in element.handlers;
  if (handler) element.handlers[type] = handler;
  else delete element.handlers[type];
  if (!known && handler) element.addEventListener(type, (event) => element.handlers?.[type]?.(event as never));
}
