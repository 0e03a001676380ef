// A webhook receiver for Node 18 and later, with nothing but its standard library.
//
//   ZORIO_WEBHOOK_SECRET=… node receiver.mjs            plain HTTP on 127.0.0.1:8080, behind a TLS proxy
//   CERT_FILE=… KEY_FILE=… PORT=8443 node receiver.mjs  HTTPS by itself

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

const secret = process.env.ZORIO_WEBHOOK_SECRET ?? "";
const maxAge = 300; // seconds
const maxBody = 1024 * 1024; // bytes

// In production keep these in a shared store with a day's expiry: SET zorio:delivery:<id> 1 NX EX 86400
const seen = new Set();

/** Returns the status and the text to answer with; the event is handled when it is new. */
export function receive(headers, body, now = Date.now() / 1000) {
  const timestamp = Number(headers["x-zorio-timestamp"]);
  if (!(Math.abs(now - timestamp) <= maxAge)) return [400, "Stale timestamp"];

  // Over the bytes as they arrived: parsing and printing JSON again would change them.
  const expected = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  const given = Buffer.from(String(headers["x-zorio-signature"] ?? ""));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return [401, "Invalid signature"];

  const delivery = headers["x-zorio-delivery"];
  if (seen.has(delivery)) return [200, "Duplicate"];
  seen.add(delivery);

  handle(JSON.parse(body));
  return [200, "OK"];
}

/** What your application does with an event. Answer within 5 seconds: put slow work into a queue. */
function handle(event) {
  console.log(event.timestamp, event.event, event.data.call_uuid ?? "");
}

function listener(request, response) {
  const chunks = [];
  let length = 0;
  request.on("data", (chunk) => {
    length += chunk.length;
    if (length > maxBody) request.destroy();
    chunks.push(chunk);
  });
  request.on("end", () => {
    const [status, text] = receive(request.headers, Buffer.concat(chunks));
    response.writeHead(status, { "content-type": "text/plain" }).end(text);
  });
}

if (secret.length === 0) {
  console.error("ZORIO_WEBHOOK_SECRET is not set");
  process.exit(1);
}
const { CERT_FILE: cert, KEY_FILE: key, PORT: port = "8080" } = process.env;
const server = cert
  ? https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, listener)
  : http.createServer(listener);
server.listen(Number(port), "127.0.0.1", () => console.log(`listening on port ${server.address().port}`));
