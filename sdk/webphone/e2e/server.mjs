// Serves the page of the tests under the strictest policy that a page may have.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { styles } from "../build.mjs";

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Phone</title>
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

const files = {
  "/": ["text/html; charset=utf-8", PAGE],
  "/page.css": ["text/css", STYLE],
  "/fake-phone.js": ["text/javascript", outputFiles[0].text],
};

createServer((request, response) => {
  const [type, body] = files[new URL(request.url, "http://x").pathname] ?? [];
  if (!type) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(body);
}).listen(Number(process.argv[2]), "127.0.0.1");
