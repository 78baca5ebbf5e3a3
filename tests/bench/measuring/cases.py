"""The cases. Each is a generator of results; each starts everything it needs, and ends it."""

import itertools

from measuring import over_links
from measuring.comes_back import comes_back
from measuring.engine import engine, sizes
from measuring.fan_out import fan_out
from measuring.limits import cancel, small_amid_big
from measuring.memory import memory_1gib, memory_8
from measuring.mesh import mesh_64, mesh_1000
from measuring.reconnection import reconnect_500
from measuring.result import Result
from measuring.setup import MIB, foundations_with_droplet
from measuring.under_attack import under_attack
from network.lab import Lab

GIB = 1024 * MIB
TWO_LINKS_BYTES = 256 * MIB
TWO_LINKS_RATE = "100mbit"
TWO_LINKS_GOAL = 0.53
LOOPBACK_CURL_GOAL = 1.6
LOOPBACK_STEPS_GOAL = 0.75


def two_links():
    with Lab() as lab:
        for name in ("dev", "prod"):
            lab.add(name, rate=TWO_LINKS_RATE)
        for dialler, dialled in itertools.permutations(lab, 2):
            lab.allow(dialler, dialled)
        with foundations_with_droplet(TWO_LINKS_BYTES, lab) as setup:
            by_curl = setup.curl_both_steps()
            by_sluice = setup.promote()
    yield Result("two-links", by_curl, "s", "curl download, then curl upload")
    yield Result("two-links", by_sluice, "s", "sluice promote --no-activate")
    yield Result("two-links", by_sluice / by_curl, "ratio", "the two curl steps", TWO_LINKS_GOAL)


def loopback():
    with foundations_with_droplet(GIB) as setup:
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
    "memory-8": memory_8,
    "two-links": two_links,
    "loopback": loopback,
    "engine": engine,
    "sizes": sizes,
    over_links.NARROW.case: over_links.narrow,
    over_links.LONGER.case: over_links.longer,
    over_links.LONG_AND_WIDE.case: over_links.long_and_wide,
    "fan-out": fan_out,
    "mesh-64": mesh_64,
    "mesh-1000": mesh_1000,
    "comes-back": comes_back,
    "cancel": cancel,
    "small-amid-big": small_amid_big,
    "reconnect-500": reconnect_500,
    "under-attack": under_attack,
}
