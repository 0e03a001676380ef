import { expect, type Page, test } from "@playwright/test";

import { call, signIn } from "../console.ts";
import { demo } from "../demo.ts";

/** The demo's extension that no simulated phone has. */
const OWN = "1000";

/** Makes the extension that of whoever is signed in; the empty text takes it away. */
async function own(page: Page, extension: string): Promise<void> {
  await page.goto("/users");
  await page.getByRole("link", { name: demo().username, exact: true }).first().click();
  await page.locator("#f-extension").fill(extension);
  await page.locator("form", { has: page.locator("#f-extension") }).locator("button.primary").click();
  await expect(page.locator("#toasts .toast")).toBeVisible();
}

test("whoever has an extension takes calls on every page, with a phone as small as it was left", async ({ page }) => {
  // Many pages, each with a phone that starts.
  test.slow();
  await signIn(page);
  await own(page, OWN);
  await page.goto("/");
  const menu = page.locator("[popovertarget=phone-menu]");
  const turn = page.locator("[data-phone-turn]");
  await menu.click();
  await turn.click();
  const phone = page.locator("zorio-webphone");
  await expect(phone.locator(".status")).toHaveText("Ready");
  await menu.click();
  await expect(turn).toHaveAttribute("aria-pressed", "true");
  await page.keyboard.press("Escape");

  await phone.getByRole("button", { name: "Minimise" }).click();
  await page.goto("/extensions");
  const pill = phone.getByRole("button", { name: "Restore: Ready" });
  await expect(pill).toBeVisible();
  await call(OWN, "0912345678");
  await phone.getByRole("button", { name: "Decline" }).click();
  await expect(phone.getByRole("alertdialog")).toHaveCount(0);

  await menu.click();
  await turn.click();
  await expect(phone).toHaveCount(0);
  await page.goto("/");
  await expect(menu).toBeVisible();
  await expect(turn).toHaveAttribute("aria-pressed", "false");
  await own(page, "");
  await expect(menu).toHaveCount(0);
});
