// Web sites of customers: pages under a strict policy, at an origin that is not the server's.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect, createServer as createListener, type Server as Listener, type Socket } from "node:net";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));

const page = (title: string, scripts: string[], body = "") =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css"></head><body><main><h1>Customer record</h1>
<label>Note <input id="note"></label>${body}<div id="phone"></div></main>
${scripts.map((source) => `<script src="${source}"></script>`).join("")}</body></html>`;

const STYLE = `body { margin: 0; padding: 12px; background: #dfe3ea; font-family: sans-serif }
@media (prefers-color-scheme: dark) { body { background: #0a0c10; color: #eceef2 } }
h1 { font-size: 16px; margin: 0 0 8px } label { display: block; margin-bottom: 8px } #phone { height: 560px }
iframe { width: 380px; height: 560px; border: 0 }`;

/** What the documentation asks a page with the strictest policy to allow, and nothing else. */
const policy = (server: string) =>
  [
    "default-src 'none'",
    `script-src 'self' ${server}`,
    "style-src 'self'",
    "img-src data:",
    `connect-src ${server} ${server.replace("http", "ws")} ws://127.0.0.1:*`,
    `frame-src ${server}`,
    "worker-src blob:",
    "require-trusted-types-for 'script'",
    "trusted-types zorio-webphone",
  ].join("; ");

/** A web site on `localhost`, which is another origin than the server on 127.0.0.1. */
export class Site {
  private constructor(
    private readonly http: Server,
    readonly origin: string,
  ) {}

  static async start(server: string): Promise<Site> {
    const bundled = async (file: string) => {
      const { outputFiles } = await build({
        entryPoints: [`${HERE}${file}`],
        bundle: true,
        write: false,
        format: "iife",
        target: "es2020",
        logLevel: "warning",
      });
      return outputFiles[0]?.text ?? "";
    };
    const sdk = `${server}/sdk/webphone/zorio-webphone.umd.js`;
    const files: Record<string, [type: string, body: string]> = {
      "/": ["text/html; charset=utf-8", page("CRM", [sdk])],
      // Starts by itself: what a test evaluates counts as a click.
      "/auto": ["text/html; charset=utf-8", page("CRM", [sdk, "/auto.js"], '<button id="unlock">Start</button>')],
      "/frame": ["text/html; charset=utf-8", page("CRM", [])],
      "/jssip": ["text/html; charset=utf-8", page("JsSIP", ["/jssip.js"])],
      "/sipjs": ["text/html; charset=utf-8", page("SIP.js", ["/sipjs.js"])],
      "/page.css": ["text/css", STYLE],
      "/auto.js": ["text/javascript", readFileSync(`${HERE}pages/auto.js`, "utf8")],
      "/jssip.js": ["text/javascript", await bundled("pages/jssip.js")],
      "/sipjs.js": ["text/javascript", await bundled("pages/sipjs.js")],
    };
    const http = createServer((request, response) => {
      const [type, body] = files[new URL(request.url ?? "/", "http://x").pathname] ?? [];
      if (!type) return response.writeHead(404).end();
      response.writeHead(200, { "content-type": type, "content-security-policy": policy(server) }).end(body);
    });
    await new Promise<void>((resolve) => void http.listen(0, "localhost", resolve));
    return new Site(http, `http://localhost:${(http.address() as { port: number }).port}`);
  }

  stop(): void {
    this.http.closeAllConnections();
    this.http.close();
  }
}

/** A way to the server that can break: only signalling takes it, sound goes by itself. */
export class Wire {
  private readonly pairs = new Set<[Socket, Socket]>();
  private isCut = false;

  private constructor(private readonly listener: Listener) {}

  static async start(to: number): Promise<Wire> {
    const listener = createListener();
    const wire = new Wire(listener);
    listener.on("connection", (near) => {
      if (wire.isCut) return void near.destroy();
      const far = connect(to, "127.0.0.1");
      const pair: [Socket, Socket] = [near, far];
      wire.pairs.add(pair);
      for (const [one, other] of [pair, [far, near]] as const) {
        one.on("data", (data) => other.write(data));
        one.on("error", () => {});
        one.on("close", () => {
          other.destroy();
          wire.pairs.delete(pair);
        });
      }
    });
    await new Promise<void>((resolve) => void listener.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  get port(): number {
    return (this.listener.address() as { port: number }).port;
  }

  /** Breaks what there is, and lets nothing through. */
  cut(): void {
    this.isCut = true;
    for (const [near, far] of this.pairs) {
      near.destroy();
      far.destroy();
    }
  }

  mend(): void {
    this.isCut = false;
  }

  /** Swallows everything on the connections that there are, without closing one: neither side is told. */
  swallow(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.removeAllListeners("data").pause();
  }

  stop(): void {
    this.cut();
    this.listener.close();
  }
}
