"""The demo's web app: answers every request with its version.

Nothing but Python's standard library, which lies in the droplet as well. VERSION is written by
the droplet's maker. On SIGTERM it finishes the requests it has begun, as Cloud Foundry asks.
"""

import http.server
import json
import os
import signal
import sys
import threading

from version import VERSION

# Version 3 wants this one; who promotes it to a foundation where nobody set it sees it crash.
# Environment is never copied by a promotion.
NEEDED = "CHECKOUT_LEDGER_URL"


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        application = json.loads(os.environ.get("VCAP_APPLICATION", "{}"))
        body = json.dumps({
            "app": application.get("application_name", ""),
            "version": VERSION,
            "instance": os.environ.get("CF_INSTANCE_GUID", ""),
            "python": sys.executable,
        }).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        sys.stdout.write("%s\n" % (format % arguments))


def main():
    if VERSION >= 3 and NEEDED not in os.environ:
        sys.exit(f"checkout {VERSION}: {NEEDED} is not set")
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Answer)
    server.daemon_threads = False  # server_close() waits for the requests in flight
    server.timeout = 10
    signal.signal(signal.SIGTERM,
                  lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"checkout {VERSION} listens", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()


main()
