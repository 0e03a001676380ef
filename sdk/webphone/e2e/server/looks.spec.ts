import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Page } from "@playwright/test";

import { CALLER, call, expect, NUMBER, open, test, until } from "./phones.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** `SHOTS=folder` keeps a picture of every state, for people to look at. */
const FOLDER = process.env.SHOTS;

type Violation = { id: string; nodes: { target: unknown }[] };

async function look(page: Page, name: string): Promise<void> {
  await page.evaluate(axe);
  const faults = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const it = (window as never as { axe: { run(where: string, how: object): Promise<{ violations: Violation[] }> } }).axe;
    const { violations } = await it.run("zorio-webphone", { runOnly: tags, rules: { region: { enabled: false } } });
    return violations.map(({ id, nodes }) => `${id} ${JSON.stringify(nodes.map(({ target }) => target))}`);
  });
  expect(faults, name).toEqual([]);
  if (FOLDER) await page.screenshot({ path: `${FOLDER}/${name}.png`, animations: "disabled" });
}

for (const theme of ["light", "dark"] as const) {
  // The rules are the same in every browser.
  test(`every state of a real call is accessible, ${theme}`, { tag: "@chromium" }, async ({ context, stage }) => {
    const page = await open(context, stage, "1001", { theme });
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await look(page, `idle-${theme}`);
    const far = await stage.carrier.dial(NUMBER, CALLER.phone);
    await until(page, "incoming_call");
    await look(page, `incoming-${theme}`);
    await page.getByRole("button", { name: "Answer" }).click();
    await until(page, "call_answered");
    await look(page, `talking-${theme}`);
    await page.evaluate(() => window.call.hold());
    await look(page, `held-${theme}`);
    await page.evaluate(() => window.call.unhold());
    await call(page, "1002");
    await look(page, `second-${theme}`);
    await page.evaluate(() => Promise.all(window.phone.calls.map((call) => call.hangup())));
    await far.until("the end", () => far.isOver);
    await look(page, `ended-${theme}`);
  });
}

for (const name of ["umd", "npm", "iframe"]) {
  test(`the example page ${name} works as the server serves it`, async ({ context, stage, browserName }) => {
    const page = await context.newPage();
    await page.emulateMedia({ colorScheme: "light" });
    const token = await stage.zorio.embedToken("1001");
    await page.setViewportSize({ width: 1100, height: 800 });
    await page.goto(`${stage.zorio.base}/sdk/webphone/examples/${name}.html#token=${token}`);
    const phone = name === "iframe" ? page.frameLocator("iframe") : page;
    if (name === "npm") await expect(page.locator("#status")).toHaveText("extension 1001: registered");
    else await expect(phone.locator("zorio-webphone .status")).toHaveText(/Ready|Sẵn sàng/, { timeout: 15_000 });
    const far = await stage.carrier.dial(NUMBER, CALLER.phone);
    await expect(page.locator("#log")).toContainText("incoming_call", { timeout: 15_000 });
    if (browserName === "chromium") {
      for (const scheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: scheme });
        if (FOLDER) await page.screenshot({ path: `${FOLDER}/example-${name}-${scheme}.png` });
      }
    }
    far.hangup();
  });
}
