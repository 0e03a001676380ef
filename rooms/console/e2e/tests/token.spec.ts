import { expect, test } from "@playwright/test";

import { confirm, givePassword, signIn } from "../console.ts";
import { demo } from "../demo.ts";

test("a token opens the API until it is revoked", async ({ page, browserName }) => {
  await signIn(page);
  const name = `reports of ${browserName}`;
  await page.goto("/settings/tokens/new?kind=machine");
  await page.locator("#f-name").fill(name);
  await page.locator("input[type=checkbox][value=pbx_api_access]").check();
  await page.locator("main form button.primary").click();
  if (await page.locator("#ask-password[open]").isVisible()) await givePassword(page);
  const secret = (await page.locator(".secret code").first().textContent()) ?? "";
  expect(secret).toMatch(/^\d+\|\w{48}$/);
  const status = async (): Promise<number> =>
    (await fetch(`${demo().api}/api/pbx/trunks`, { headers: { authorization: `Bearer ${secret}` } })).status;
  expect(await status()).toBe(200);

  await page.locator("a.button.primary").click();
  expect(await page.content()).not.toContain(secret);
  await page.locator("tr", { hasText: name }).locator("form[action$='/revoke'] button").click();
  await confirm(page);
  await expect(page.locator("#toasts .toast")).toBeVisible();
  expect(await status()).toBe(401);
});
