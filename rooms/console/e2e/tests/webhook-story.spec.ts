import { expect, test } from "@playwright/test";

import { call, confirm, givePassword, signIn } from "../console.ts";
import { isSignedWith, Receiver } from "../receiver.ts";

test("a webhook is created, a call is told and shown live, replayed, and signed anew after rotation", async ({ page, browserName }) => {
  // The demo's own calls may have used up the minute's.
  test.setTimeout(180_000);
  const receiver = await Receiver.start();
  try {
    await signIn(page);
    // Its own at each try: what an earlier one left is not taken for this one's.
    const name = `CRM of ${browserName} ${Date.now()}`;

    // Created: the secret is shown once.
    await page.goto("/settings/webhooks/new");
    await page.locator("#f-name").fill(name);
    await page.locator("#f-url").fill(receiver.url);
    for (const event of ["pbx.call.hangup", "pbx.cdr.created"]) {
      await page.locator(`input[name=events][value="${event}"]`).check();
    }
    await page.locator("details.card summary").click();
    await page.locator("#f-authority").fill(receiver.authority);
    await page.locator("main form button.primary").click();
    if (await page.locator("#ask-password[open]").isVisible()) await givePassword(page);
    const shown = page.locator(".secret code");
    await expect(shown).toHaveCount(2);
    const secret = (await shown.nth(0).textContent()) ?? "";
    const standard = (await shown.nth(1).textContent()) ?? "";
    expect(secret).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(standard).toBe(`whsec_${Buffer.from(secret).toString("base64")}`);
    await page.locator("a.button.primary").click();
    await expect(page.locator("h1")).toHaveText(name);
    expect(await page.content()).not.toContain(secret);

    // A call is told, and its deliveries appear without a reload.
    await page.goto("/deliveries");
    const uuid = await call("1001", "84287770000");
    await expect.poll(() => receiver.of(uuid).length, { timeout: 30_000 }).toBe(2);
    expect(receiver.of(uuid).every((delivery) => isSignedWith(secret, delivery))).toBe(true);
    const hangup = receiver.of(uuid).find((delivery) => delivery.event === "pbx.call.hangup");
    const row = page.locator(`tr[data-delivery="${hangup?.id}"]`);
    await expect(row).toBeVisible();
    await expect(row).toContainText(name);

    // Replayed: the same delivery id, the same bytes.
    await row.locator("a").first().click();
    await expect(page.locator("main")).toContainText(uuid);
    await page.locator("form[action$='/replay'] button").first().click();
    const shownAgain = page.waitForEvent("load");
    await confirm(page);
    // The page comes back by itself: whoever leaves before that is called back.
    await shownAgain;
    await expect.poll(() => receiver.of(uuid).filter((delivery) => delivery.id === hangup?.id).length).toBe(2);
    const [first, second] = receiver.of(uuid).filter((delivery) => delivery.id === hangup?.id);
    expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true);

    // Rotated: the next signature is by the new secret alone.
    await page.goto("/settings/webhooks");
    await page.getByRole("link", { name }).first().click();
    await page.locator("form[action$='/rotate'] button").click();
    await confirm(page);
    const rotated = (await page.locator(".secret code").first().textContent()) ?? "";
    expect(rotated).not.toBe(secret);
    const next = await call("1002", "84287770001");
    await expect.poll(() => receiver.of(next).length, { timeout: 30_000 }).toBe(2);
    for (const delivery of receiver.of(next)) {
      expect(isSignedWith(rotated, delivery)).toBe(true);
      expect(isSignedWith(secret, delivery)).toBe(false);
    }

    // Deleted, after its name was typed.
    await page.goto("/settings/webhooks");
    await page.getByRole("link", { name }).first().click();
    await page.locator("form[action$='/delete'] button").click();
    await confirm(page);
    await expect(page.getByRole("link", { name })).toHaveCount(0);
  } finally {
    await receiver.stop();
  }
});
