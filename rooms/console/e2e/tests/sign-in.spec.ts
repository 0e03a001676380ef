import { expect, test } from "@playwright/test";

import { signIn } from "../console.ts";

test("a wrong password is refused, and the form keeps the username", async ({ page }) => {
  await page.goto("/sign-in");
  await page.locator("#f-username").fill("nobody");
  await page.locator("#f-password").fill("not the password");
  await page.keyboard.press("Enter");
  await expect(page.locator("[data-form-errors]")).toBeVisible();
  await expect(page.locator("#f-username")).toHaveValue("nobody");
  await expect(page.locator("#f-password")).toHaveValue("");
});

test("a session ends with sign-out, and the way back leads to the sign-in", async ({ page, context }) => {
  await signIn(page);
  const cookies = await context.cookies();
  const session = cookies.find((cookie) => cookie.name === "__Host-sid");
  expect(session).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
  await page.evaluate(() => document.querySelector<HTMLFormElement>("form[action='/sign-out']")?.submit());
  await page.waitForURL(/sign-in/);
  await context.addCookies(session ? [session] : []);
  await page.goto("/system");
  await expect(page).toHaveURL(/sign-in/);
});

test("the pages are reached by keyboard alone", async ({ page }) => {
  await signIn(page);
  await page.keyboard.press("Tab");
  await expect(page.locator(":focus")).toHaveAttribute("href", "#main");
  await page.keyboard.press("g");
  await page.keyboard.press("e");
  await expect(page).toHaveURL(/\/extensions$/);
  await page.keyboard.press("?");
  await expect(page.locator("#keys[open]")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator("#keys[open]")).toHaveCount(0);
});
