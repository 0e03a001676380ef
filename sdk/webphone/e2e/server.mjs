// Serves the pages of the tests under the strictest policy that a page may have, with a little exchange behind them.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { styles } from "../build.mjs";
import { Exchange } from "./exchange.mjs";

/** What the README asks a strict page to allow, and what a page may forbid beside it. */
const policy = (...rest) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src data:",
    `connect-src 'self' ws://127.0.0.1:${process.argv[2]}`,
    "frame-src http://127.0.0.1:*",
    "require-trusted-types-for 'script'",
    ...rest,
  ].join("; ");
const POLICY = policy("worker-src 'self' blob:", "trusted-types zorio-webphone");
const STRICTEST = policy("trusted-types 'none'");

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Phone</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css"></head>
<body><main><h1>Customer record</h1><label>Note <input id="note"></label><div id="phone"></div></main>
<script src="/fake-phone.js"></script></body></html>`;

const STYLE = `body { margin: 0; padding: 12px; background: #dfe3ea; font-family: sans-serif }
@media (prefers-color-scheme: dark) { body { background: #0a0c10; color: #eceef2 } }
h1 { font-size: 16px; margin: 0 0 8px } label { display: block; margin-bottom: 8px } #phone { height: 560px }`;

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL("fake-phone.ts", import.meta.url))],
  bundle: true,
  write: false,
  format: "iife",
  target: "chrome88",
  supported: { destructuring: true },
  plugins: [styles],
});

const built = (name) => readFileSync(new URL(`../dist/${name}`, import.meta.url), "utf8");

/** A page that loads the UMD file alone, as a customer's does. */
const REAL = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Real</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"></head>
<body><main><h1>Customer record</h1><button id="unlock">Start</button><div id="phone"></div></main><script src="/umd.js"></script></body></html>`;

/** The page that others show in a frame, as the server will serve it. */
const FRAME = `<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Zorio</title>
<meta name="zorio-allowed-origins" content="http://localhost:${process.argv[2]}"></head>
<body><div id="webphone"></div><script src="/frame.js"></script></body></html>`;

const PARENT = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Parent</title></head><body><h1>Parent</h1></body></html>`;

const files = {
  "/": ["text/html; charset=utf-8", PAGE],
  "/page.css": ["text/css", STYLE],
  "/fake-phone.js": ["text/javascript", outputFiles[0].text],
  "/real": ["text/html; charset=utf-8", REAL],
  "/strictest": ["text/html; charset=utf-8", REAL, STRICTEST],
  "/timers.js": ["text/javascript", built("timers.js")],
  "/umd.js": ["text/javascript", built("zorio-webphone.umd.js")],
  "/frame.js": ["text/javascript", built("frame.js")],
  "/webphone-embed": ["text/html; charset=utf-8", FRAME],
  "/parent": ["text/html; charset=utf-8", PARENT],
};

const exchange = new Exchange();

/** What tests ask of the exchange. */
const controls = {
  drop: () => exchange.drop(),
  deaf: () => {
    exchange.isDeaf = true;
  },
  hear: () => {
    exchange.isDeaf = false;
  },
  press: (digit) => exchange.press(digit),
  state: () => ({ registrations: exchange.registrations, calls: [...exchange.calls.values()].map((call) => call.uuid), referred: exchange.referred }),
};

function api(request, response, url) {
  const json = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (url.pathname.startsWith("/control/")) {
    return json(200, controls[url.pathname.slice(9)](url.searchParams.get("with")) ?? {});
  }
  // In these tests a token is the extension whose it is.
  const token = /^Bearer (\d{4})/.exec(request.headers.authorization ?? "")?.[1];
  if (!token) return json(401, { message: "Unauthenticated." });
  if (url.pathname === "/api/webphone/sip-config") {
    return json(200, { data: exchange.config(token, `ws://127.0.0.1:${process.argv[2]}/sip`) });
  }
  if (url.pathname === "/api/contacts/lookup") {
    const number = url.searchParams.get("number");
    return json(200, { data: number === "1001" ? { id: 7, full_name: "Contact 7" } : null });
  }
  return json(404, { message: "Resource not found" });
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://x");
  const [type, body, policy = POLICY] = files[url.pathname] ?? [];
  if (!type) return api(request, response, url);
  response.writeHead(200, { "content-type": type, "content-security-policy": policy }).end(body);
});
server.on("upgrade", (request, socket) => exchange.upgrade(request, socket));
server.listen(Number(process.argv[2]), "127.0.0.1");
