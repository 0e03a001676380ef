import { CALLER, expect, NUMBER, test } from "./phones.js";

// The pictures of a trace are taken by scripts that the browser counts as a click: nothing would be blocked.
test.use({ trace: "off" });

// Firefox is started so that every page may play.
test("a page without a click cannot ring: it says so, and a click lets it", { tag: "@chromium" }, async ({ context, stage }) => {
  const page = await context.newPage();
  // What a test evaluates counts as a click too, so the page itself tells what happens.
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  const token = await stage.zorio.embedToken("1001");
  await page.goto(`${stage.site.origin}/auto#base=${encodeURIComponent(stage.zorio.base)}&token=${token}`);
  await expect.poll(() => said.includes("event registered"), { timeout: 15_000 }).toBe(true);
  expect(said).not.toContain("event audio_autoplay_blocked");
  const far = await stage.carrier.dial(NUMBER, CALLER.phone);
  await expect.poll(() => said.includes("event audio_autoplay_blocked"), { timeout: 10_000 }).toBe(true);
  expect(said).toContain("blocked true");
  await page.locator("#unlock").click();
  await expect.poll(() => said.includes("unlocked")).toBe(true);
  await expect.poll(() => said.filter((line) => line.startsWith("blocked")).pop()).toBe("blocked false");
  far.hangup();
});
