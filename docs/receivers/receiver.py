"""A webhook receiver for Python 3.8 and later, with nothing but its standard library.

    ZORIO_WEBHOOK_SECRET=… python3 receiver.py            plain HTTP on 127.0.0.1:8080, behind a TLS proxy
    CERT_FILE=… KEY_FILE=… PORT=8443 python3 receiver.py  HTTPS by itself
"""

import hashlib
import hmac
import json
import os
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("ZORIO_WEBHOOK_SECRET", "").encode()
MAX_AGE = 300  # seconds
MAX_BODY = 1024 * 1024  # bytes

# In production keep these in a shared store with a day's expiry: SET zorio:delivery:<id> 1 NX EX 86400
seen = set()


def receive(headers, body, now=None):
    """Returns the status and the text to answer with; the event is handled when it is new."""
    now = time.time() if now is None else now
    try:
        age = abs(now - int(headers.get("X-Zorio-Timestamp", "")))
    except ValueError:
        return 400, "Stale timestamp"
    if age > MAX_AGE:
        return 400, "Stale timestamp"

    # Over the bytes as they arrived: parsing and printing JSON again would change them.
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    given = headers.get("X-Zorio-Signature", "")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        return 401, "Invalid signature"

    delivery = headers.get("X-Zorio-Delivery")
    if delivery in seen:
        return 200, "Duplicate"
    seen.add(delivery)

    handle(json.loads(body))
    return 200, "OK"


def handle(event):
    """What your application does with an event. Answer within 5 seconds: put slow work into a queue."""
    print(event["timestamp"], event["event"], event["data"].get("call_uuid", ""), flush=True)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        if length > MAX_BODY:
            status, text = 413, "Too large"
        else:
            status, text = receive(self.headers, self.rfile.read(length))
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format, *arguments):
        pass


if __name__ == "__main__":
    if not SECRET:
        sys.exit("ZORIO_WEBHOOK_SECRET is not set")
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Handler)
    if "CERT_FILE" in os.environ:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["CERT_FILE"], os.environ["KEY_FILE"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()
