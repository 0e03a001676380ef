// What several tests do in the console.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { expect, type Page } from "@playwright/test";

import { demo } from "./demo.ts";

/** What the admin signs in with once the first password was changed. */
const CHOSEN = "a long walk along the quiet river";

/** Which password holds is remembered beside the run: the tests of both browsers share one server. */
const file = (): string => join(tmpdir(), `zorio-e2e-${demo().password}`, "chosen");

function current(): string {
  try {
    return readFileSync(file(), "utf8");
  } catch {
    return demo().password;
  }
}

/** Signs in as the admin, and chooses a password if the first one has to be changed. */
export async function signIn(page: Page): Promise<void> {
  await page.goto("/sign-in");
  await page.locator("#f-username").fill(demo().username);
  await page.locator("#f-password").fill(current());
  await page.locator("form[action='/sign-in'] button.primary").click();
  await page.waitForURL((url) => url.pathname !== "/sign-in");
  if (new URL(page.url()).pathname === "/password") {
    await page.locator("#f-password").fill(current());
    await page.locator("#f-new_password").fill(CHOSEN);
    await page.locator("#f-repeated").fill(CHOSEN);
    await page.locator("form[action='/password'] button.primary").click();
    mkdirSync(dirname(file()), { recursive: true });
    writeFileSync(file(), CHOSEN);
  }
  await expect(page.locator("nav").first()).toBeVisible();
}

/** The pages of the navigation, the forms and first rows behind them, the profile. */
export async function everyPage(page: Page): Promise<string[]> {
  const found = new Set<string>(["/profile", "/profile/two-step"]);
  const links = async (selector: string): Promise<void> => {
    for (const link of await page.locator(selector).all()) {
      const href = await link.getAttribute("href");
      if (href?.startsWith("/") && !/\.csv|\.json|\/assets\//.test(href)) found.add(href);
    }
  };
  await links("nav a[href^='/']");
  for (const path of [...found]) {
    await page.goto(path);
    await links("main .page-head a[href^='/'], main .tabs a[href^='/']");
    const first = page.locator("main table.list tbody a[href^='/']").first();
    if (await first.count()) found.add((await first.getAttribute("href")) ?? "/");
  }
  return [...found];
}

/** Answers the dialogs that a dangerous button opens: the password if it is asked for, then the question. */
export async function confirm(page: Page): Promise<void> {
  const password = page.locator("#ask-password[open]");
  const question = page.locator("#confirm[open]");
  for (;;) {
    await expect(password.or(question).first()).toBeVisible();
    if (await question.isVisible()) {
      const typed = question.locator("#confirm-typed");
      if (await typed.isVisible()) await typed.fill((await question.locator("[data-part=type]").textContent()) ?? "");
      await question.locator("button[value=yes]").click();
      return;
    }
    await givePassword(page);
    if (!(await question.isVisible().catch(() => false))) return;
  }
}

/** Gives the password if the page asks for it. */
export async function givePassword(page: Page): Promise<void> {
  const dialog = page.locator("#ask-password[open]");
  await dialog.locator("#ask-password-field").fill(current());
  await dialog.locator("button[value=yes]").click();
  await expect(dialog).toBeHidden();
}

/** Places a call through the API: from a demo agent to a number of the demo's carrier. */
export async function call(from: string, to: string): Promise<string> {
  const response = await fetch(`${demo().api}/api/pbx/calls/click-to-call`, {
    method: "POST",
    headers: { authorization: `Bearer ${demo().token}`, "content-type": "application/json" },
    body: JSON.stringify({ from_extension: from, to_phone: to }),
  });
  expect(response.status).toBe(202);
  const body = (await response.json()) as { data: { call_uuid: string } };
  return body.data.call_uuid;
}
