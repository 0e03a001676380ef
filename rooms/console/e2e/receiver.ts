// A customer's endpoint: takes deliveries over HTTPS with a certificate of its own authority.

import { execFileSync } from "node:child_process";
import { createHmac, timingSafeEqual } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly signature: string;
  readonly body: Buffer;
}

export class Receiver {
  readonly deliveries: Delivery[] = [];

  private constructor(
    private readonly server: Server,
    /** PEM of the certificate that signs itself. */
    readonly authority: string,
  ) {}

  static async start(): Promise<Receiver> {
    const folder = mkdtempSync(join(tmpdir(), "zorio-receiver-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "pipe" });
    const options = { key: readFileSync(key), cert: readFileSync(cert) };
    rmSync(folder, { recursive: true });
    const server = createServer(options);
    const receiver = new Receiver(server, options.cert.toString());
    server.on("request", (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        receiver.deliveries.push({
          id: String(request.headers["x-zorio-delivery"]),
          event: String(request.headers["x-zorio-event"]),
          signature: String(request.headers["x-zorio-signature"]),
          body: Buffer.concat(chunks),
        });
        response.end("taken");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}/hooks`;
  }

  /** The deliveries of one call, in the order in which they came. */
  of(call: string): Delivery[] {
    return this.deliveries.filter((delivery) => delivery.body.includes(call));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Checks a signature as the documentation tells receivers to. */
export function isSignedWith(secret: string, delivery: Delivery): boolean {
  const due = Buffer.from(`sha256=${createHmac("sha256", secret).update(delivery.body).digest("hex")}`);
  const got = Buffer.from(delivery.signature);
  return due.length === got.length && timingSafeEqual(due, got);
}
