import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { expect, type Page, test } from "@playwright/test";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const talk = { number: "0912345678", state: "answered", direction: "incoming" } as const;

/** Shows the phone and notes whatever the page's policy forbids. */
async function show(page: Page, options: object = {}): Promise<void> {
  await page.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(window, { violations: seen });
    addEventListener("securitypolicyviolation", (event) => seen.push(event.violatedDirective));
  });
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto("/");
  await page.evaluate((options) => window.show({ locale: "en", theme: "light", ...options }), options);
}

const violations = (page: Page) => page.evaluate(() => (window as never as { violations: string[] }).violations);
const commands = (page: Page) => page.evaluate(() => window.phone.commands.map((command) => command.do));

/** Returns what axe calls serious, with where it is. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return await page.evaluate(async () => {
    const run = (window as never as { axe: { run(where: string, how: object): Promise<{ violations: Violation[] }> } }).axe;
    type Violation = { id: string; nodes: { target: unknown; failureSummary?: string }[] };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await run.run("zorio-webphone", { runOnly: tags, rules: { region: { enabled: false } } });
    return violations.map((each) => `${each.id}: ${JSON.stringify(each.nodes.map((node) => [node.target, node.failureSummary]))}`);
  });
}

const SCENES: Record<string, (page: Page) => Promise<unknown>> = {
  idle: async () => {},
  unstable: (page) => page.evaluate(() => window.phone.set({ status: "reconnecting", attempt: 6 })),
  blocked: (page) => page.evaluate(() => window.phone.set({ status: "registered", attempt: 0, audioBlocked: true })),
  incoming: (page) => page.evaluate(() => window.phone.calls({ via: "sales" })),
  talking: (page) =>
    page.evaluate((talk) => {
      const quality = { mos: 2, rttMs: 9, jitterMs: 1, lossPercent: 9, warnings: ["high_loss" as const] };
      window.phone.calls({ ...talk, answeredAt: Date.now(), muted: true, quality });
    }, talk),
  held: (page) => page.evaluate(() => window.phone.change("c1", { state: "held", held: true })),
  waiting: (page) =>
    page.evaluate((talk) => window.phone.calls({ ...talk, answeredAt: Date.now() }, { number: "0987654321" }), talk),
  consult: async (page) => {
    await page.evaluate((talk) => window.phone.calls({ ...talk, answeredAt: Date.now() }), talk);
    await page.getByRole("button", { name: "Transfer" }).click();
    await page.locator("#target").fill("1002");
    await page.getByRole("button", { name: "Talk first" }).click();
    await page.evaluate(() => window.phone.change("c2", { state: "answered", answeredAt: Date.now() }));
  },
  keys: async (page) => {
    await page.evaluate((talk) => window.phone.calls({ ...talk, answeredAt: Date.now() }), talk);
    await page.getByRole("button", { name: "Keypad" }).click();
  },
  transfer: async (page) => {
    await page.getByRole("button", { name: "Back" }).click();
    await page.getByRole("button", { name: "Transfer" }).click();
    await page.locator("#target").fill("1002");
  },
  ended: (page) => page.evaluate(() => window.phone.change("c1", { state: "ended", endedAt: Date.now(), reason: "normal_clearing" })),
  recents: async (page) => {
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("tab", { name: "Recents" }).click();
  },
  settings: async (page) => {
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Check connection" }).click();
  },
  error: async (page) => {
    await page.getByRole("button", { name: "Back" }).click();
    await page.evaluate(() => window.phone.fail("mic_denied"));
  },
  pill: (page) => page.getByRole("button", { name: "Minimise" }).click(),
};

for (const theme of ["light", "dark"]) {
  // The rules are the same in every browser, and slow to check in Firefox.
  test(`every scene is accessible and within a strict policy, ${theme}`, { tag: "@chromium" }, async ({ page }) => {
    test.slow();
    await show(page, { theme });
    for (const [name, scene] of Object.entries(SCENES)) {
      await scene(page);
      expect(await faults(page), name).toEqual([]);
      // Nothing that has to be pressed may be cut off.
      const cut = await page.evaluate(() => {
        const root = document.querySelector("zorio-webphone")?.shadowRoot;
        const body = root?.querySelector(".body:not(.scroll)");
        return body ? body.scrollHeight - body.clientHeight : 0;
      });
      expect(cut, `${name} does not fit`).toBeLessThanOrEqual(0);
    }
    expect(await violations(page)).toEqual([]);
  });
}

test("a number is typed, pressed and called, and the list remembers it", async ({ page }) => {
  await show(page);
  await page.getByRole("button", { name: "0", exact: true }).click();
  await page.locator("#number").focus();
  await page.keyboard.press("End");
  await page.keyboard.type("912 345 678");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => window.phone.commands)).toEqual([
    { do: "call", number: "0912 345 678", options: {} },
  ]);
  await expect(page.getByText("Ringing…").first()).toBeVisible();
  await page.getByRole("button", { name: "Hang up" }).click();
  await expect(page.getByText("Call ended").first()).toBeVisible();
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("tab", { name: "Recents" }).click();
  await page.getByRole("button", { name: /^Call: 0912/ }).click();
  expect(await commands(page)).toEqual(["call", "hangup", "call"]);
});

test("a ringing phone does not take the focus from somebody who types", async ({ page }) => {
  await show(page);
  await page.locator("#note").focus();
  await page.evaluate(() => window.phone.calls({ contact: { id: 5, full_name: "Contact 5" } }));
  await page.keyboard.type("mh 12");
  await expect(page.locator("#note")).toHaveValue("mh 12");
  await expect(page.locator("#note")).toBeFocused();
  await expect(page.getByRole("alertdialog", { name: "Incoming call" })).toBeVisible();
  await expect(page.getByRole("alert")).toHaveText("Incoming call: Contact 5");
  expect(await commands(page)).toEqual([]);
});

test("whoever is in the phone answers, works and hangs up by keyboard", async ({ page }) => {
  await show(page);
  await page.locator("#number").focus();
  await page.evaluate(() => window.phone.calls({}));
  await expect(page.getByRole("button", { name: "Answer" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Mute" })).toBeFocused();
  for (const key of ["m", "m", "h", "h", "5"]) await page.keyboard.press(key);
  await page.keyboard.press("t");
  await expect(page.locator("#target")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Transfer" })).toBeFocused();
  await page.keyboard.press("Shift+H");
  expect(await commands(page)).toEqual(["answer", "mute", "unmute", "hold", "unhold", "dtmf", "hangup"]);
  await expect(page.getByRole("button", { name: "Close" })).toBeFocused();
});

test("Escape declines, and keys with Ctrl are the browser's", async ({ page }) => {
  await show(page);
  await page.locator("#number").focus();
  await page.evaluate(() => window.phone.calls({}));
  await page.keyboard.press("Control+m");
  await page.keyboard.press("Escape");
  expect(await commands(page)).toEqual(["hangup"]);
});

test("shortcuts work on the whole page only if the page wants it", async ({ page }) => {
  for (const [shortcuts, expected] of [["page", ["mute"]], ["phone", []], ["off", []]] as const) {
    await show(page, { shortcuts });
    await page.evaluate((talk) => window.phone.calls({ ...talk, answeredAt: Date.now() }), talk);
    await page.locator("h1").click();
    await page.keyboard.press("m");
    await page.locator("#note").focus();
    await page.keyboard.press("h");
    expect(await commands(page), shortcuts).toEqual(expected);
  }
});

test("keys typed into what can be edited are the page's, also if shortcuts work on the whole page", async ({ page }) => {
  await show(page, { shortcuts: "page" });
  await page.evaluate((talk) => {
    window.phone.calls({ ...talk, answeredAt: Date.now() });
    const note = document.createElement("div");
    note.contentEditable = "true";
    note.id = "rich";
    document.querySelector("main")?.prepend(note);
  }, talk);
  await page.locator("#rich").click();
  await page.keyboard.type("mh12");
  await expect(page.locator("#rich")).toHaveText("mh12");
  expect(await commands(page)).toEqual([]);
});

test("who is muted and speaks is told so", async ({ page }) => {
  await show(page);
  await page.evaluate((talk) => {
    window.phone.level = 0.4;
    window.phone.calls({ ...talk, answeredAt: Date.now(), muted: true });
  }, talk);
  await expect(page.getByText("You are muted, but you are speaking")).toBeVisible();
  await page.evaluate(() => window.phone.change("c1", { muted: false }));
  await expect(page.getByText("You are muted, but you are speaking")).toHaveCount(0);
});

test("people are asked for notifications by a button, and told what became of it", async ({ page }) => {
  await show(page);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Notify me of calls" }).click();
  await expect(page.getByText("Incoming calls are announced while you are in another window.")).toBeVisible();
});

test("a transfer after a talk connects the two others", async ({ page }) => {
  await show(page);
  await page.evaluate((talk) => window.phone.calls({ ...talk, answeredAt: Date.now() }), talk);
  await page.getByRole("button", { name: "Transfer" }).click();
  await page.locator("#target").fill("1002");
  await page.getByRole("button", { name: "Talk first" }).click();
  await page.evaluate(() => window.phone.change("c2", { state: "answered", answeredAt: Date.now() }));
  await page.getByRole("button", { name: "Connect both" }).click();
  expect(await page.evaluate(() => window.phone.commands.pop())).toEqual({ do: "transfer", id: "c1", to: "c2" });
  await expect(page.getByRole("status")).toHaveText("Call transferred");
});

test("what the phone refuses is said in the language of the page", async ({ page }) => {
  await show(page, { locale: "vi" });
  await page.evaluate(() => {
    window.phone.refusal = "mic_denied";
  });
  await page.locator("#number").fill("1002");
  await page.getByRole("button", { name: "Gọi", exact: true }).click();
  await expect(page.getByRole("status")).toHaveText("Micrô bị chặn. Hãy cho phép micrô cho trang này.");
  await expect(page.locator("#number")).toHaveValue("1002");
});

test("theme and language are remembered, and missed calls counted", async ({ page }) => {
  await show(page);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Dark" }).click();
  await page.getByRole("button", { name: "Tiếng Việt" }).click();
  await page.evaluate(() => window.show({ locale: "en", theme: "light" }));
  await expect(page.locator("zorio-webphone")).toHaveAttribute("data-theme", "dark");
  await expect(page.getByRole("tab", { name: "Gần đây" })).toBeVisible();
  await page.evaluate(() => window.phone.calls({ state: "ended", endedAt: Date.now(), reason: "originator_cancel" }));
  await page.evaluate(() => window.phone.set({ calls: [] }));
  await expect(page.getByLabel("1 cuộc gọi nhỡ")).toBeVisible();
});

test("a phone that was made small stays small on the next page, unless the page wants otherwise", async ({ page }) => {
  const pill = page.getByRole("button", { name: "Restore: Ready" });
  await show(page);
  await page.getByRole("button", { name: "Minimise" }).click();
  await expect(pill).toBeVisible();
  await show(page);
  await expect(pill).toBeVisible();
  await show(page, { layout: "fullscreen" });
  await expect(page.locator("#number")).toBeVisible();
  await show(page, { minimised: false });
  await expect(page.locator("#number")).toBeVisible();
  await show(page, { minimised: true });
  await pill.click();
  await show(page);
  await expect(page.locator("#number")).toBeVisible();
});

test("the page's colours are taken, and taking the face away leaves nothing", async ({ page }) => {
  await show(page);
  await page.evaluate(() => document.documentElement.style.setProperty("--zorio-good", "rgb(1, 2, 3)"));
  await page.locator("#number").fill("1");
  const colour = page.getByRole("button", { name: "Call", exact: true });
  await expect(colour).toHaveCSS("background-color", "rgb(1, 2, 3)");
  await page.evaluate(() => window.unmount());
  await expect(page.locator("#phone")).toBeEmpty();
});

test("a small window and large text cut nothing off", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 420 });
  await show(page, { layout: "fullscreen" });
  await page.evaluate((talk) => window.phone.calls({ ...talk, answeredAt: Date.now() }), talk);
  await page.getByRole("button", { name: "Hang up" }).scrollIntoViewIfNeeded();
  await expect(page.getByRole("button", { name: "Hang up" })).toBeInViewport();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide).toBeLessThanOrEqual(320);
});
