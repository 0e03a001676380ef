import { expect, test } from "@playwright/test";
import axe from "axe-core";

import { signIn } from "../console.ts";
import { everyPage, furnish } from "../pages.ts";

/** What the script of axe-core adds to a page. */
interface Axe {
  axe: { run(): Promise<axe.AxeResults> };
}

for (const scheme of ["light", "dark"] as const) {
  test(`no page has a serious accessibility violation, ${scheme}`, async ({ page }) => {
    test.setTimeout(360_000);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.goto("/sign-in");
    const found: string[] = [];
    const check = async (path: string): Promise<void> => {
      await page.evaluate(axe.source);
      const violations = await page.evaluate(async () => (await (window as unknown as Axe).axe.run()).violations);
      for (const violation of violations) {
        if (violation.impact !== "serious" && violation.impact !== "critical") continue;
        const where = violation.nodes.slice(0, 3).map((node) => node.target.join(" "));
        found.push(`${path}: ${violation.id} (${violation.help}): ${where.join(", ")}`);
      }
    };
    await check("/sign-in");
    await page.goto("/forgot-password");
    await check("/forgot-password");
    await signIn(page);
    await furnish(page);
    await everyPage(page, check);
    expect(found).toEqual([]);
  });
}
