// What several tests do in the console.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { expect, type Cookie, type Page } from "@playwright/test";

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

/** The session of a browser, kept for its next test: five sign-ins a minute are all that the server takes. */
const kept = (page: Page): string => join(dirname(file()), `${page.context().browser()?.browserType().name()}.json`);

/** Signs in as the admin, with the session of an earlier test if it still holds. */
export async function signIn(page: Page): Promise<void> {
  try {
    await page.context().addCookies(JSON.parse(readFileSync(kept(page), "utf8")) as Cookie[]);
  } catch {
    // The first test of this browser.
  }
  await page.goto("/");
  if (new URL(page.url()).pathname === "/sign-in") await signInAnew(page);
  await expect(page.locator("nav").first()).toBeVisible();
}

/** Signs in with the password, and chooses another if the first one has to be changed. */
async function signInAnew(page: Page): Promise<void> {
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
    await expect(page.locator("nav").first()).toBeVisible();
    mkdirSync(dirname(file()), { recursive: true });
    writeFileSync(file(), CHOSEN);
  }
  mkdirSync(dirname(file()), { recursive: true });
  writeFileSync(kept(page), JSON.stringify(await page.context().cookies()));
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

/** Places a call through the API, when the limit on calls lets it: from a demo agent to the demo's carrier. */
export async function call(from: string, to: string): Promise<string> {
  for (;;) {
    const response = await fetch(`${demo().api}/api/pbx/calls/click-to-call`, {
      method: "POST",
      headers: { authorization: `Bearer ${demo().token}`, "content-type": "application/json" },
      body: JSON.stringify({ from_extension: from, to_phone: to }),
    });
    if (response.status !== 429) {
      expect(response.status).toBe(202);
      const body = (await response.json()) as { data: { call_uuid: string } };
      return body.data.call_uuid;
    }
    const seconds = Number(response.headers.get("retry-after"));
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}
