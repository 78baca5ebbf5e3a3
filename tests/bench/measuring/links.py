"""Two foundations, each behind a link of its own: network namespaces joined by this process's.

A link is a veth pair with a token bucket (tc-tbf) at each end, so that all connections over it
share one bucket per direction. `enter` moves a program behind a link. Nothing is left behind: the
namespaces end with the processes that hold them.
"""

import contextlib
import os
import subprocess
import sys

BURST = "256k"
LATENCY = "50ms"
IN_OWN_NETWORK = "SLUICE_BENCH_IN_OWN_NETWORK"


def _run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


def in_own_network():
    """Whether this process has a network namespace of its own, which it may change."""
    return bool(os.environ.get(IN_OWN_NETWORK))


def again_in_own_network(arguments):
    """Runs this program again in a new network namespace, as root there; its output lines."""
    words = ["unshare", "--net"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]
    run = subprocess.Popen([*words, "setpriv", "--pdeathsig", "TERM", "--", sys.executable,
                            sys.argv[0], *arguments], stdout=subprocess.PIPE, text=True,
                           env={**os.environ, IN_OWN_NETWORK: "1"})
    try:
        yield from run.stdout
    finally:
        if run.wait() not in (0, 1):
            raise RuntimeError(
                f"{' '.join(arguments)} in a network of its own: exit {run.returncode}")


class Link:
    """The place behind one link. `address` is there, `near` is this side's end."""

    def __init__(self, number, rate):
        self.address, self.near = f"198.18.{number}.2", f"198.18.{number}.1"
        self._holder = subprocess.Popen(["unshare", "--net", "setpriv", "--pdeathsig", "KILL", "--",
                                         "sh", "-c", "echo made; exec cat"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._holder.stdout.readline()  # the namespace is there
        here, there = f"link{number}", "eth0"
        _run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns",
             str(self._holder.pid))
        _run("ip", "addr", "add", f"{self.near}/24", "dev", here)
        _run("ip", "link", "set", here, "up")
        for words in (("ip", "link", "set", "lo", "up"),
                      ("ip", "addr", "add", f"{self.address}/24", "dev", there),
                      ("ip", "link", "set", there, "up"),
                      ("ip", "route", "add", "default", "via", self.near),
                      ("tc", "qdisc", "add", "dev", there, "root", "tbf", "rate", rate, "burst",
                       BURST, "latency", LATENCY)):
            _run(*self.enter, *words)
        _run("tc", "qdisc", "add", "dev", here, "root", "tbf", "rate", rate, "burst", BURST,
             "latency", LATENCY)

    @property
    def enter(self):
        """What stands before a command that is to run there."""
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--")

    def close(self):
        self._holder.stdin.close()
        self._holder.wait()


@contextlib.contextmanager
def two_links(rate):
    _run("ip", "link", "set", "lo", "up")
    _run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    with contextlib.ExitStack() as closing:
        links = []
        for number in (1, 2):
            links.append(Link(number, rate))
            closing.callback(links[-1].close)
        yield links
