import { expect, test } from "@playwright/test";

import { demo } from "../demo.ts";

test("a wrong password is refused and the right one opens the dashboard", async ({ page }) => {
  const { secure, username, password } = demo();
  await page.goto(secure);
  await page.locator("input[name=username]").fill(username);
  await page.locator("input[name=password]").fill("not the password");
  await page.keyboard.press("Enter");
  await expect(page.locator("input[name=password]")).toBeVisible();
  await page.locator("input[name=username]").fill(username);
  await page.locator("input[name=password]").fill(password);
  await page.keyboard.press("Enter");
  await expect(page.locator("nav").first()).toBeVisible();
});
