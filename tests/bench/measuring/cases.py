"""The cases. Each is a generator of results; each starts everything it needs, and ends it."""

import contextlib
import itertools
import subprocess
import tempfile
import time
from pathlib import Path

from federation.droplet import make_incompressible
from federation.federation import COORDINATOR, ORGANIZATION, SPACE, Federation
from federation.programs import Unready, program
from measuring import curl_steps
from measuring.engine import engine, sizes
from measuring.reconnection import reconnect_500
from measuring.result import Result
from network.lab import Lab

MIB = 1024 * 1024
GIB = 1024 * MIB
APP = "noise"
SOURCE = f"dev:{ORGANIZATION}/{SPACE}/{APP}"
TARGET = f"prod:{ORGANIZATION}/{SPACE}"

MEMORY_GOAL_MIB = 32
TWO_LINKS_BYTES = 256 * MIB
TWO_LINKS_RATE = "100mbit"
TWO_LINKS_GOAL = 0.53
LOOPBACK_CURL_GOAL = 1.6
LOOPBACK_STEPS_GOAL = 0.75


class Setup:
    """dev and prod with an agent each; dev has a droplet of `size` bytes of noise, prod the app."""

    def __init__(self, federation, folder, size):
        self.federation, self.folder = federation, Path(folder)
        for name in ("dev", "prod"):
            federation.add_foundation(name).make_space(ORGANIZATION, SPACE)
        self.dev, self.prod = federation.boxes["dev"], federation.boxes["prod"]
        droplet = make_incompressible(self.folder, "droplet", size)
        self.source_app = self.dev.push(APP, droplet, started=False)
        self.source_droplet = self.dev.current_droplet(APP)["guid"]
        droplet.file.unlink()  # the blobstore has it; the disk may be small
        self.target_app = self.prod.create_app(APP)

    def promote(self):
        """Seconds until prod's Cloud Controller reports the droplet STAGED."""
        before = curl_steps.staged(self.prod, self.target_app)
        began = time.monotonic()
        command = self.federation.start_sluice("promote", SOURCE, TARGET, "--yes", "--no-activate")
        curl_steps.wait_until_staged(self.prod, self.target_app, besides=before,
                                     meanwhile=lambda: self._watch_command(command))
        seconds = time.monotonic() - began
        if command.wait_for_exit(60) != 8:
            raise RuntimeError(f"{command.last_lines()}\n{self.federation.last_lines()}")
        return seconds

    def _watch_command(self, command):
        with contextlib.suppress(Unready, OSError):  # it may end at any moment
            self.command_peak = command.peak_resident_bytes()

    def curl_both_steps(self):
        """Seconds of the same by curl, in two steps."""
        file = self.folder / "by-curl.tgz"
        began = time.monotonic()
        operator = self.federation.place(COORDINATOR)
        curl_steps.download(operator, self.dev, self.source_droplet, file)
        curl_steps.upload(operator, self.prod, self.target_app, file)
        seconds = time.monotonic() - began
        file.unlink()
        self.delete_droplets()
        return seconds

    def agent_steps(self):
        """Seconds of the agents' own code, one step after the other, through files."""
        here, there = self.folder / "downloaded.tgz", self.folder / "transferred.tgz"
        digest = self.dev.current_droplet(APP)["checksum"]["value"]
        began = time.monotonic()
        self._stage("download", *self._access("dev"), self.source_droplet, digest, here)
        self._stage("transfer", here, there, digest)
        self._stage("upload", *self._access("prod"), self.target_app, there)
        seconds = time.monotonic() - began
        here.unlink()
        there.unlink()
        self.delete_droplets()
        return seconds

    def _access(self, name):
        box = self.federation.boxes[name]
        return box.api_url, box.ca_file, box.client_id, self.federation.secret_file(name)

    @staticmethod
    def _stage(*words):
        subprocess.run([program("bench-stage"), *map(str, words)], check=True)

    def delete_droplets(self):
        """So that the next one does not find it there."""
        for guid in curl_steps.staged(self.prod, self.target_app):
            self.prod.cc.delete(f"/v3/droplets/{guid}")


@contextlib.contextmanager
def _setup(size, places=None):
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder, \
            Federation(places=places) as federation:
        setup = Setup(federation, folder, size)
        federation.start()
        yield setup


def memory_1gib():
    with _setup(GIB) as setup:
        processes = setup.federation.processes
        idle = {name: process.resident_bytes() for name, process in processes.items()}
        for process in processes.values():
            process.reset_peak()
        setup.promote()
        for name, process in processes.items():
            grown = process.peak_resident_bytes() - idle[name]
            yield Result("memory-1gib", grown / MIB, f"MiB of {name}",
                         f"idle {idle[name] / MIB:.1f} MiB", MEMORY_GOAL_MIB)
        # It is never idle: all that it has counts.
        yield Result("memory-1gib", setup.command_peak / MIB, "MiB of sluice promote",
                     "nothing", MEMORY_GOAL_MIB)


def two_links():
    with Lab() as lab:
        for name in ("dev", "prod"):
            lab.add(name, rate=TWO_LINKS_RATE)
        for dialler, dialled in itertools.permutations(lab, 2):
            lab.allow(dialler, dialled)
        with _setup(TWO_LINKS_BYTES, lab) as setup:
            by_curl = setup.curl_both_steps()
            by_sluice = setup.promote()
    yield Result("two-links", by_curl, "s", "curl download, then curl upload")
    yield Result("two-links", by_sluice, "s", "sluice promote --no-activate")
    yield Result("two-links", by_sluice / by_curl, "ratio", "the two curl steps", TWO_LINKS_GOAL)


def loopback():
    with _setup(GIB) as setup:
        processes = setup.federation.processes
        by_curl = setup.curl_both_steps()
        by_steps = setup.agent_steps()
        before = {name: _work(process) for name, process in processes.items()}
        by_sluice = setup.promote()
        after = {name: _work(process) for name, process in processes.items()}
    yield Result("loopback", by_curl, "s", "curl download, then curl upload")
    yield Result("loopback", by_steps, "s", "the agents' code step by step")
    yield Result("loopback", by_sluice, "s", "sluice promote --no-activate")
    yield Result("loopback", by_sluice / by_steps, "ratio", "the agents' code step by step",
                 LOOPBACK_STEPS_GOAL)
    yield Result("loopback", by_sluice / by_curl, "ratio", "the two curl steps, which seal nothing",
                 LOOPBACK_CURL_GOAL)
    for name in processes:
        whole, threads = after[name]
        whole_before, threads_before = before[name]
        whole -= whole_before
        yield Result("loopback", whole, "core-seconds per GiB", name)
        spent = {thread: seconds - threads_before.get(thread, 0)
                 for thread, seconds in threads.items()}
        spent["of its own, ended since"] = whole - sum(spent.values())
        for thread, seconds in sorted(spent.items(), key=lambda item: -item[1]):
            if seconds >= 0.01:
                yield Result("loopback", seconds, "core-seconds per GiB",
                             f"{name}, thread {thread}")


def _work(process):
    """CPU seconds of the process, and of each thread that lives."""
    return process.cpu_seconds(), process.threads_cpu_seconds()


CASES = {
    "memory-1gib": memory_1gib,
    "two-links": two_links,
    "loopback": loopback,
    "engine": engine,
    "sizes": sizes,
    "reconnect-500": reconnect_500,
}
