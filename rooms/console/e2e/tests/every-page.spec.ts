import { expect, test } from "@playwright/test";

import { signIn } from "../console.ts";
import { everyPage, furnish } from "../pages.ts";

test("no page breaks its own content policy, needs to be scrolled sideways on a phone, or weighs too much", async ({ page }) => {
  test.setTimeout(360_000);
  const broken: string[] = [];
  await signIn(page);
  await furnish(page);
  // From here on: what is there already was refused above.
  page.on("console", (message) => {
    if (message.type() === "error") broken.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => broken.push(`${page.url()}: ${error.message}`));
  await page.setViewportSize({ width: 390, height: 844 });
  await everyPage(page, async (path, response) => {
    expect(response?.status(), path).toBe(200);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) broken.push(`${path}: ${wide} pixels too wide`);
    const weight = await page.evaluate(() => {
      const parts = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
      return parts.reduce((sum, part) => sum + (part as PerformanceResourceTiming).encodedBodySize, 0);
    });
    if (weight > 250_000) broken.push(`${path}: ${weight} bytes`);
  });
  expect(broken).toEqual([]);
});

/** Pictures of every page for people to look at, if a folder is named. They are kept out of the repository. */
const FOLDER = process.env.SHOTS;
const SIZES = { desktop: { width: 1366, height: 900 }, phone: { width: 390, height: 844 } };

if (FOLDER) {
  test("every page is shown to whoever looks", async ({ page }) => {
    test.setTimeout(600_000);
    const look = async (path: string): Promise<void> => {
      const file = path.slice(1).replace(/[^a-z0-9]+/gi, "_") || "dashboard";
      for (const [name, size] of Object.entries(SIZES)) {
        await page.setViewportSize(size);
        for (const colorScheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
          await page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}/${file}.png`, fullPage: true });
        }
      }
    };
    for (const path of ["/sign-in", "/forgot-password"]) {
      await page.goto(path);
      await look(path);
    }
    await page.setViewportSize(SIZES.desktop);
    await signIn(page);
    await furnish(page);
    await everyPage(page, look);
  });
}
