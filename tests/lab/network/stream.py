"""Bare TCP between two places: what a program on the links is compared with."""

import contextlib
import hashlib
import random
import socket
import threading
import time

BLOCK = random.Random(1).randbytes(1024 * 1024)
WAIT_SECONDS = 120  # nothing in the lab takes as long


class Stream:
    """One connection, from a dialler to a listener, over which bytes go to the listener."""

    def __init__(self, dialler, listener):
        with listener.entered():
            waiting = socket.create_server((listener.address, 0))
        with waiting, dialler.entered():
            waiting.settimeout(WAIT_SECONDS)
            self._near = socket.create_connection(waiting.getsockname(), timeout=WAIT_SECONDS)
            self._far, _ = waiting.accept()
        self._far.settimeout(WAIT_SECONDS)
        for end in (self._near, self._far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = threading.Condition()
        self._bytes = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end in (self._near, self._far):
            with contextlib.suppress(OSError):  # the other end may have broken it off
                end.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits here
            end.close()

    @property
    def bytes_received(self):
        with self._received:
            return self._bytes

    def wait_for_bytes(self, count):
        """Until that many bytes have come."""
        with self._received:
            if not self._received.wait_for(lambda: self._bytes >= count, WAIT_SECONDS):
                raise TimeoutError(f"{self._bytes} of {count} bytes came in {WAIT_SECONDS} s")

    def _send(self, size):
        left = size
        while left > 0:
            block = memoryview(BLOCK)[:left]
            self._near.sendall(block)
            left -= len(block)

    def receive(self, size):
        digest, left = hashlib.sha256(), size
        while left > 0:
            received = self._far.recv(min(left, len(BLOCK)))
            if not received:
                raise EOFError(f"{left} bytes are missing")
            digest.update(received)
            left -= len(received)
            with self._received:
                self._bytes += len(received)
                self._received.notify_all()
        return digest.hexdigest()

    @contextlib.contextmanager
    def sending(self, size):
        """Sends `size` bytes meanwhile; `receive` of what this yields ends with their digest."""
        sender = threading.Thread(target=self._send, args=(size,), daemon=True)
        sender.start()
        yield self
        sender.join(WAIT_SECONDS)

    def seconds(self, size):
        """How long that many bytes take."""
        began = time.monotonic()
        with self.sending(size):
            self.receive(size)
        return time.monotonic() - began

    def round_trip(self, count=10):
        """Seconds of the fastest of `count` round trips of one byte."""
        def once():
            began = time.monotonic()
            self._near.send(b"?")
            self._far.recv(1)
            self._far.send(b"!")
            self._near.recv(1)
            return time.monotonic() - began

        return min(once() for _ in range(count))


def digest_of(size):
    """Of the first `size` bytes that a stream sends."""
    digest, left = hashlib.sha256(), size
    while left > 0:
        digest.update(memoryview(BLOCK)[:left])
        left -= min(left, len(BLOCK))
    return digest.hexdigest()
