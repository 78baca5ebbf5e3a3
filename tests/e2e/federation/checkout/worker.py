"""The demo's worker process: says that it works, and ends when it is told to."""

import os
import signal

from version import VERSION

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print(f"checkout worker {VERSION} works", flush=True)
while True:
    signal.pause()
