import { expect, test } from "@playwright/test";

import { everyPage, signIn } from "../console.ts";

test("no page breaks its own content policy, needs to be scrolled sideways on a phone, or weighs too much", async ({ page }) => {
  test.setTimeout(240_000);
  const broken: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") broken.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => broken.push(`${page.url()}: ${error.message}`));
  await signIn(page);
  const all = await everyPage(page);
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of all) {
    const response = await page.goto(path);
    expect(response?.status(), path).toBe(200);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) broken.push(`${path}: ${wide} pixels too wide`);
    const weight = await page.evaluate(() => {
      const parts = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
      return parts.reduce((sum, part) => sum + (part as PerformanceResourceTiming).encodedBodySize, 0);
    });
    if (weight > 250_000) broken.push(`${path}: ${weight} bytes`);
  }
  expect(broken).toEqual([]);
});
