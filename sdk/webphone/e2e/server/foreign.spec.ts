import { expect, hearsTone, test, watch } from "./phones.js";
import { BROWSER_TONE } from "./sound.js";

// Programs that are not ours: what the server speaks is SIP over WebSocket, not a dialect of the SDK.
for (const name of ["jssip", "sipjs"]) {
  test(`${name} registers with the extension's own password and hears the echo`, async ({ context, stage }) => {
    const page = await context.newPage();
    await watch(page);
    await page.goto(`${stage.site.origin}/${name}`);
    const options = {
      ws: `ws://127.0.0.1:${stage.zorio.port}/sip`,
      realm: "zorio",
      extension: "1003",
      password: stage.passwords["1003"] ?? "",
      number: "*60",
    };
    await page.evaluate((options) => (window as never as { start(options: object): Promise<unknown> }).start(options), options);
    await hearsTone(page, BROWSER_TONE);
    await page.evaluate(() => (window as never as { hangup(): void }).hangup());
    expect(await page.evaluate(() => window.violations)).toEqual([]);
  });
}
