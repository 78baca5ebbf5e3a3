"""The link of one place: a veth pair to the router, with a token bucket (tc-tbf) at each end, and a
delay line between the two ends when it is to be long.

    place eth0 ------------------------------ to-NAME router
    place eth0 ---- near-NAME [delay-line] far-NAME ---- to-NAME router

The delay line stands in a namespace of its own, which has no addresses. The router's end is made
anew when the line is put in, with the same address and hardware address: connections go on.
"""

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from .commands import run
from .place import Held

SOURCE = Path(__file__).resolve().parents[3]
# What a bucket holds: 20 ms of its rate, and never less than the largest packet (64 KiB: hosts
# leave the cutting to what they believe is hardware).
BURST_SECONDS = 0.02
BURST_BYTES_MIN = 64 * 1024
# What waits before a bucket at most, in time at its rate; the rest is dropped.
QUEUE_MS = 50
ANSWER_SECONDS = 10
_UNITS = {"kbit": 10**3, "mbit": 10**6, "gbit": 10**9}


def bits_per_second(rate):
    """Of "100mbit", as tc writes rates."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(kbit|mbit|gbit)", rate)
    if not match or float(match[1]) == 0:
        raise ValueError(f"{rate!r} is no rate; write 100mbit, 500kbit or 1gbit")
    return float(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True)
class Carried:
    """Bytes that passed a place's end of its link: `up` from the place, `down` to it."""

    up: int
    down: int


def delay_line_program():
    folder = Path(os.environ.get("SLUICE_BINARIES", SOURCE / "build" / "dev" / "bin"))
    file = folder / "delay-line"
    if not file.exists():
        raise FileNotFoundError(f"{file} is not built: cmake --build --preset dev "
                                f"--target delay-line")
    return file


class Link:
    def __init__(self, place, router, wire, number):
        """`router` and `wire` are namespaces: where links meet, and where delay lines stand."""
        self._place, self._router, self._wire = place, router, wire
        self._number = number
        self._line = None
        self.rates = {"up": None, "down": None}
        self.delay_ms = 0

    @property
    def network(self):
        """The first three numbers of its addresses, in 198.18.0.0/15 (RFC 2544)."""
        return f"198.{18 + self._number // 256}.{self._number % 256}"

    @property
    def _far_end(self):
        # Interface names have 15 characters at most; places' names may have more.
        return f"to-{self._number}"

    def _hardware_address(self, end):
        return f"02:00:c6:{self._number // 256:02x}:{self._number % 256:02x}:{end:02x}"

    def make(self):
        here, there = self._place.enter, self._router.enter
        run(*there, "ip", "link", "add", self._far_end, "type", "veth", "peer", "name", "eth0",
            "netns", self._place.holder.pid)
        self._set_up_far_end()
        run(*here, "ip", "link", "set", "lo", "up")
        run(*here, "ip", "link", "set", "eth0", "address", self._hardware_address(2), "up")
        run(*here, "ip", "addr", "add", f"{self.network}.2/24", "dev", "eth0")
        run(*here, "ip", "route", "add", "default", "via", f"{self.network}.1")

    def _set_up_far_end(self):
        enter = self._router.enter
        run(*enter, "ip", "link", "set", self._far_end, "address", self._hardware_address(1), "up")
        run(*enter, "ip", "addr", "add", f"{self.network}.1/24", "dev", self._far_end)

    # --- its rate ---

    def limit(self, **rates):
        """`up` and `down`: a rate as "100mbit", or None for as fast as the machine is."""
        for direction, rate in rates.items():
            self.rates[direction] = rate
            self._shape(direction)

    def _shape(self, direction):
        enter, interface = {"up": (self._place.enter, "eth0"),
                            "down": (self._router.enter, self._far_end)}[direction]
        rate = self.rates[direction]
        if rate is None:
            run(*enter, "tc", "qdisc", "replace", "dev", interface, "root", "noqueue")
            return
        burst = max(BURST_BYTES_MIN, int(bits_per_second(rate) / 8 * BURST_SECONDS))
        run(*enter, "tc", "qdisc", "replace", "dev", interface, "root", "tbf", "rate", rate,
            "burst", burst, "latency", f"{QUEUE_MS}ms")

    # --- its length ---

    def delay(self, milliseconds, outlives=False):
        """Each way. What is under way already keeps its time."""
        self.delay_ms = milliseconds
        if self._line:
            self._tell_line()
        elif milliseconds > 0:
            self._put_line_in(outlives)

    @property
    def _delay(self):
        return f"{self.delay_ms * 1000:.0f}us"

    @property
    def _control(self):
        return f"delay-line-{self._number}"

    def _tell_line(self):
        with self._wire.entered(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
            control.settimeout(ANSWER_SECONDS)
            control.bind("")  # any name, for the answer
            control.sendto(self._delay.encode(), b"\0" + self._control.encode())
            answer = control.recv(1024).decode()
        if answer != "set":
            raise RuntimeError(f"delay-line of {self._place.name}: {answer}")

    def _put_line_in(self, outlives):
        near, far = f"near-{self._number}", f"far-{self._number}"
        router, wire, wire_pid = self._router.enter, self._wire.enter, self._wire.holder.pid
        run(*router, "ip", "link", "set", self._far_end, "down")
        run(*router, "ip", "link", "set", self._far_end, "netns", wire_pid, "name", near)
        run(*router, "ip", "link", "add", self._far_end, "type", "veth", "peer", "name", far,
            "netns", wire_pid)
        # The end that is gone had the address that the new end is to have.
        run(*wire, "ip", "link", "set", near, "address", self._hardware_address(3))
        for interface in (near, far):
            run(*wire, "sysctl", "-qwe", f"net.ipv6.conf.{interface}.disable_ipv6=1")
            run(*wire, "ip", "link", "set", interface, "arp", "off", "up")
        self._line = Held.start([*wire, delay_line_program(), "--between", near, far,
                                 "--delay", self._delay, "--control", self._control,
                                 *([] if outlives else ["--end-with-standard-input"])], outlives)
        self._set_up_far_end()
        self._shape("down")

    # --- its life ---

    def carried(self):
        down, up = self._place.counters("eth0")
        return Carried(up, down)

    def end(self):
        if self._line:
            self._line.end()

    def record(self):
        return {"number": self._number, "rates": self.rates, "delay_ms": self.delay_ms,
                "line": self._line.record() if self._line else None}

    def take_up(self, recorded):
        """What another process made and wrote down."""
        self.rates, self.delay_ms = recorded["rates"], recorded["delay_ms"]
        if recorded["line"]:
            self._line = Held(recorded["line"]["pid"], recorded["line"]["began"])
