// Every page of the console, found as a person finds it: by the links, from the navigation on.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, type Page, type Response } from "@playwright/test";

/** What a route's GET answers that is no page of somebody who has signed in. */
const NO_PAGES: Readonly<Record<string, string>> = {
  "/sign-in": "before sign-in; looked at by itself",
  "/forgot-password": "before sign-in; looked at by itself",
  "/second-factor": "between the password and the code",
  "/invite/{token}": "by a letter",
  "/reset/{token}": "by a letter",
  "/provision/{token}/{file}": "for phones",
  "/provision/{token}": "for phones",
  "/live/dashboard": "a stream",
  "/live/deliveries": "a stream",
  "/calls/{uuid}/waveform": "figures for a script",
  "/webphone": "the phone in a window of its own, for users with an extension",
  "/alerts/incidents/{id}": "nothing goes wrong in the demo",
};

/** Pages that no link leads to at every time. */
const BY_HAND = ["/", "/profile/two-step", "/confirm-password"];

/** The routes of pages, read from where they stand. */
export function routes(): string[] {
  const folder = join(import.meta.dirname, "../src/pages");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".rs"));
  const found = files.flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    return [...text.matchAll(/\.route\(\s*"([^"]+)",\s*get\(/g)].map((match) => match[1] ?? "");
  });
  const isPage = (route: string): boolean => !/\.(csv|wav|json)$/.test(route) && !(route in NO_PAGES);
  return found.filter(isPage).sort();
}

/** The route that a path belongs to: one without holes goes before others. */
function routeOf(path: string, all: readonly string[]): string | undefined {
  const fits = (route: string): boolean => new RegExp(`^${route.replace(/\{[^}]+\}/g, "[^/]+")}$`).test(path);
  return all.find((route) => route === path) ?? all.find(fits);
}

/** Opens every page once and looks at it, in the order in which links lead there. Fails if no link leads to a page. */
export async function everyPage(page: Page, look: (path: string, response: Response | null) => Promise<void>): Promise<void> {
  const all = routes();
  expect(all.length).toBeGreaterThan(60);
  const found = new Set<string>();
  const seen = new Set<string>();
  const ways = [...BY_HAND];
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const url = new URL(way, "https://console.invalid");
    const route = routeOf(url.pathname, all);
    if (!route) continue;
    // A form that begins otherwise is another page to look at.
    const key = route + (url.searchParams.get("kind") ?? "");
    if (found.has(key)) continue;
    found.add(key);
    seen.add(route);
    const response = await page.goto(way);
    const links = page.locator("a[href^='/']:not([download])");
    ways.push(...(await links.evaluateAll((all) => all.map((link) => link.getAttribute("href") ?? "/"))));
    await look(way, response);
  }
  expect(all.filter((route) => !seen.has(route)), "pages that no link leads to").toEqual([]);
}

/** Puts one of each thing there that the demo has none of, so that no page stays empty. What is there already is refused. */
export async function furnish(page: Page): Promise<void> {
  await page.goto("/deliveries/replays/new");
  const webhook = (await page.locator("select[name=webhook] option:not([value=''])").first().getAttribute("value")) ?? "";
  const statuses = (await page.locator("input[name=statuses]").first().getAttribute("value")) ?? "";
  const before = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 16);
  const things: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["/teams", { name: "Sales" }],
    ["/contacts", { full_name: "Nguyễn Thị Lan", phones: "0901234567", customer_id: "1042" }],
    ["/caller-ids", { number: "02871234567", label: "Head office", trunk_id: "", status: "active" }],
    ["/extensions/1001/forwarding", { voicemail_enabled: "on" }],
    ["/deliveries/replays/new", { webhook, statuses, from: before(2), to: before(1) }],
    ["/caller-ids/groups", {
      name: "North", description: "Numbers for calls to the north", strategy: "least_used", status: "active", cooldown_seconds: "30", health_hours: "24",
      health_calls: "20", health_answered: "5", health_blocked: "30", members: "1", weight_1: "1", cap_1: "200",
    }],
    ["/ring-groups", { name: "front desk", number: "600", strategy: "all", ring_seconds: "25", members: "1001 1002", fallback: "voicemail|1001" }],
    ["/time-conditions", { name: "Office hours", by_hand: "automatic", mon: "08:00-17:30", tue: "08:00-17:30", wed: "08:00-17:30", thu: "08:00-17:30", fri: "08:00-17:00" }],
    ["/menus", { name: "welcome", number: "700", wait_seconds: "5", repeats: "2", key_1: "extension|1001", key_star: "again|", otherwise: "hangup|" }],
    ["/settings/origins", { origin: "https://crm.example.com" }],
    ["/toll/rates", { trunk_id: "", rows: "84,Vietnam,650\n1,United States and Canada,1200\n44,United Kingdom,1800" }],
  ];
  await page.goto("/profile");
  for (const [path, fields] of things) {
    const status = await page.evaluate(async ([to, values]) => {
      const csrf = document.querySelector<HTMLInputElement>("input[name=csrf]")?.value ?? "";
      return (await fetch(to, { method: "POST", body: new URLSearchParams({ ...values, csrf }) })).status;
    }, [path, fields] as const);
    expect([200, 422], path).toContain(status);
  }
  const status = await page.evaluate(async (sound) => {
    const form = new FormData();
    form.set("csrf", document.querySelector<HTMLInputElement>("input[name=csrf]")?.value ?? "");
    form.set("name", "greeting");
    form.set("file", new Blob([Uint8Array.from(sound)]), "greeting.wav");
    return (await fetch("/prompts", { method: "POST", body: form })).status;
  }, [...tone()]);
  expect([200, 422]).toContain(status);
}

/** A second of 400 Hz: WAV, 8 kHz, 16 bits. */
function tone(): Uint8Array {
  const samples = 8000;
  const file = Buffer.alloc(44 + samples * 2);
  file.write("RIFF", 0);
  file.writeUInt32LE(file.length - 8, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(8000, 24);
  file.writeUInt32LE(16_000, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(samples * 2, 40);
  for (let at = 0; at < samples; at += 1) file.writeInt16LE(Math.round(8000 * Math.sin((at * Math.PI) / 10)), 44 + at * 2);
  return file;
}
