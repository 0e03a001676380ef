import { expect, type Page, test } from "@playwright/test";

// Pictures of every state, for people to look at: `SHOTS=folder npx playwright test shots`.
const FOLDER = process.env.SHOTS;

type Setup = (page: Page) => Promise<unknown>;

const contact = { id: 5, full_name: "Công ty Minh Hà" };
const talk = { contact, state: "answered", answeredAt: Date.now() - 83_000, direction: "incoming" } as const;
const good = { mos: 4.3, rttMs: 40, jitterMs: 2, lossPercent: 0, warnings: [] };

const STATES: Record<string, Setup> = {
  idle: async () => {},
  typed: (page) => page.locator("#number").fill("0912345678"),
  connecting: (page) => page.evaluate(() => window.phone.set({ status: "connecting" })),
  unstable: (page) => page.evaluate(() => window.phone.set({ status: "reconnecting", attempt: 6 })),
  unregistered: (page) => page.evaluate(() => window.phone.set({ status: "connected" })),
  incoming: (page) => page.evaluate((contact) => window.phone.calls({ contact, via: "sales" }), contact),
  "incoming-number": (page) => page.evaluate(() => window.phone.calls({})),
  "incoming-blocked": async (page) => {
    await page.evaluate(() => window.phone.calls({}));
    await page.evaluate(() => window.phone.set({ audioBlocked: true }));
  },
  calling: (page) => page.evaluate(() => window.phone.calls({ direction: "outgoing", state: "ringing" })),
  talking: (page) => page.evaluate(([talk, quality]) => window.phone.calls({ ...talk, quality }), [talk, good] as const),
  "talking-poor": (page) =>
    page.evaluate(
      ([talk, quality]) => window.phone.calls({ ...talk, muted: true, quality: { ...quality, mos: 2.4, warnings: ["high_loss"] } }),
      [talk, good] as const,
    ),
  held: (page) => page.evaluate((talk) => window.phone.calls({ ...talk, state: "held", held: true }), talk),
  keys: async (page) => {
    await page.evaluate((talk) => window.phone.calls(talk), talk);
    await page.locator(".control", { hasText: /Keypad|Bàn phím/ }).click();
    for (const key of "12#") await page.locator(".digit", { hasText: key }).first().click();
  },
  transfer: async (page) => {
    await page.evaluate((talk) => window.phone.calls(talk), talk);
    await page.locator(".control", { hasText: /Transfer|Chuyển/ }).click();
    await page.locator("#target").fill("1002");
  },
  consult: async (page) => {
    await page.evaluate((talk) => window.phone.calls(talk), talk);
    await page.locator(".control", { hasText: /Transfer|Chuyển/ }).click();
    await page.locator("#target").fill("1002");
    await page.locator("button", { hasText: /Talk first|Hỏi trước/ }).click();
    await page.evaluate(() => window.phone.change("c2", { state: "answered", answeredAt: Date.now() - 5_000 }));
  },
  waiting: (page) =>
    page.evaluate((talk) => window.phone.calls(talk, { number: "0987654321", direction: "incoming", state: "ringing" }), talk),
  ended: (page) =>
    page.evaluate((talk) => window.phone.calls({ ...talk, state: "ended", endedAt: Date.now(), reason: "normal_clearing" }), talk),
  busy: (page) =>
    page.evaluate(() => window.phone.calls({ direction: "outgoing", state: "ended", endedAt: Date.now(), reason: "busy" })),
  recents: async (page) => {
    await page.evaluate(() => {
      const over = { state: "ended", endedAt: Date.now() } as const;
      window.phone.calls(
        { ...over, number: "02871000000", direction: "outgoing", answeredAt: Date.now() - 65_000, billsec: 65 },
        { ...over, number: "0912345678", contact: { id: 5, full_name: "Công ty Minh Hà" }, reason: "originator_cancel" },
        { ...over, number: "1002", direction: "incoming", answeredAt: Date.now() - 20_000, billsec: 20 },
      );
      window.phone.set({ calls: [] });
    });
    await page.locator("#tab-recents").click();
  },
  "recents-empty": (page) => page.locator("#tab-recents").click(),
  settings: (page) => page.locator("header button").first().click(),
  check: async (page) => {
    await page.locator("header button").first().click();
    await page.locator("button", { hasText: /Check connection|Kiểm tra kết nối/ }).click();
    await page.locator(".checks").scrollIntoViewIfNeeded();
  },
  error: (page) => page.evaluate(() => window.phone.fail("mic_denied")),
  pill: (page) => page.locator("header button").last().click(),
  "pill-busy": async (page) => {
    await page.evaluate((talk) => window.phone.calls(talk), talk);
    await page.locator("header button").last().click();
  },
};

if (FOLDER) {
  for (const theme of ["light", "dark"] as const) {
    for (const [name, setUp] of Object.entries(STATES)) {
      test(`${name} ${theme}`, { tag: "@chromium" }, async ({ page }) => {
        await page.emulateMedia({ reducedMotion: "reduce", colorScheme: theme });
        await page.goto("/");
        const locale = theme === "light" ? "vi" : "en";
        await page.evaluate(([theme, locale]) => window.show({ theme, locale, layout: "docked" }), [theme, locale] as const);
        await setUp(page);
        await expect(page.locator(".root")).not.toBeEmpty();
        await page.locator("zorio-webphone").screenshot({ animations: "disabled", path: `${FOLDER}/${name}-${theme}.png` });
      });
    }
  }
}
