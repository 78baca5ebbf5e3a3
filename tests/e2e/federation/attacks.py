"""Attacks on a listening socket, by peers that it does not admit and by one that it does.

    with Garbage(endpoint):
        ...                       # under attack meanwhile

Each goes on until the block is left, with new connections for those that were thrown out.
"""

import contextlib
import json
import os
import resource
import selectors
import socket
import threading
import time

from .envelopes import payload_of
from .federation import COORDINATOR, ENVIRONMENT
from .programs import PATIENCE, Program, Unready, program

# ZMTP 3.0 greeting (RFC 23) of a client with the mechanism CURVE.
GREETING = (b"\xff" + b"\x00" * 8 + b"\x7f" + b"\x03\x00" + b"CURVE".ljust(20, b"\x00")
            + b"\x00" + b"\x00" * 31)
LARGE_COMMAND = b"\x06"
HUGE = 2 << 30
TURN_SECONDS = 0.05
BEGIN_SECONDS = 30 * PATIENCE
HOSTILE = "mallory"  # an agent like others, as far as the trust document goes


class RawConnections:
    """Keeps `connections` of them open, each of which says `opening()` and then nothing more. At
    most `per_second` are made anew. Counts how many were made, and how many were closed."""

    def __init__(self, endpoint, connections, per_second=200):
        host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
        self._address = (host, int(port))
        self._wanted, self._per_turn = connections, max(1, int(per_second * TURN_SECONDS))
        self._stop, self._under_way = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.made = self.closed = 0

    def opening(self):
        return b""

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def wait_until_under_way(self):
        """Until all connections have been made once."""
        if not self._under_way.wait(BEGIN_SECONDS):
            raise Unready(f"{self.made} connections to {self._address} in {BEGIN_SECONDS} s")

    def _run(self):
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as closing:
            closing.callback(lambda: [key.fileobj.close()
                                      for key in list(selector.get_map().values())])
            while not self._stop.is_set():
                turn_ends = time.monotonic() + TURN_SECONDS
                missing = self._wanted - len(selector.get_map())
                for _ in range(min(missing, self._per_turn)):
                    self._connect(selector)
                for key, _ in selector.select(max(0, turn_ends - time.monotonic())):
                    self._read(selector, key.fileobj)
                self._stop.wait(max(0, turn_ends - time.monotonic()))

    def _connect(self, selector):
        with contextlib.suppress(OSError):  # full, or thrown out already
            connection = socket.create_connection(self._address, 5)
            selector.register(connection, selectors.EVENT_READ)
            self.made += 1
            if self.made == self._wanted:
                self._under_way.set()
            connection.sendall(self.opening())

    def _read(self, selector, connection):
        try:
            if connection.recv(4096):
                return
        except OSError:
            pass
        selector.unregister(connection)
        connection.close()
        self.closed += 1


class Garbage(RawConnections):
    def __init__(self, endpoint):
        super().__init__(endpoint, 16)

    def opening(self):
        return os.urandom(4096)


class HalfOpen(RawConnections):
    def __init__(self, endpoint):
        # Each is a descriptor here, too.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        super().__init__(endpoint, 1000, per_second=1000)


class HugeFrame(RawConnections):
    """A greeting as it should be, and then the beginning of a frame of 2 GiB."""

    def __init__(self, endpoint):
        super().__init__(endpoint, 16)

    def opening(self):
        return GREETING + LARGE_COMMAND + HUGE.to_bytes(8, "big") + bytes(4096)


def admit_hostile_agent(federation):
    """A key that the trust document names like any agent's; its file. Before any start."""
    key_file = federation.keys / f"{HOSTILE}.key"
    federation.command("sluice-agent", "keygen", "--foundation", HOSTILE, "--file", key_file)
    federation.command("sluice", "trust", "add-foundation", HOSTILE,
                       federation.keys / f"{HOSTILE}.card", "--document",
                       federation.trust_document, "--root-key", federation.keys / "root.key")
    return key_file


def listening(federation):
    """Each listening port: its endpoint, and the process there."""
    ready = federation.coordinator.events("coordinator-ready")[-1]
    ports = {ready["endpoint"]: federation.coordinator, ready["relay"]: federation.coordinator}
    for agent in federation.agents.values():
        ports[agent.process.events("agent-ready")[-1]["endpoint"]] = agent.process
    ports.pop("", None)  # no relay, or an agent that only dials out
    return ports


class HostilePeer(Program):
    """The program hostile-peer in that mode, against one of the ports."""

    def __init__(self, federation, mode, endpoint, *words):
        port = endpoint.rpartition(":")[2]
        super().__init__(
            f"hostile-peer {mode}",
            [program("hostile-peer"), mode, endpoint, self._curve_key(federation, endpoint),
             *map(str, words)],
            federation.folder / f"{mode}-{port}.log", environment=ENVIRONMENT)

    @staticmethod
    def _curve_key(federation, endpoint):
        """Of whoever listens there."""
        process = listening(federation)[endpoint]
        names = [name for name, agent in federation.agents.items() if agent.process is process]
        card = json.loads((federation.keys / f"{(names or [COORDINATOR])[0]}.card").read_text())
        return card["curve"] if "curve" in card else payload_of(card)["curve"]

    def wait_until_under_way(self):
        self.wait_for("turned-away")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
