import { expect, test } from "@playwright/test";

import { signIn } from "../console.ts";

test("the chart takes the colours that are chosen, and the page goes on", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await signIn(page);
  await page.goto("/");
  const chart = page.locator("[data-chart] canvas");
  await expect(chart).toHaveCount(1);
  const drawn = async (): Promise<string> => chart.evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
  const light = await drawn();
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(drawn).not.toBe(light);
  const dark = await drawn();
  await page.locator("[popovertarget=me]").click();
  await page.locator("#me button[value=light]").click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await expect.poll(drawn).not.toBe(dark);
});
