"""What attacks on the listening ports cost an honest promotion."""

import contextlib
import statistics
import tempfile

from federation.attacks import (Garbage, HalfOpen, HostilePeer, HugeFrame, admit_hostile_agent,
                                listening)
from federation.federation import Federation
from measuring.result import Result
from measuring.setup import MIB, Setup

DROPLET_BYTES = 256 * MIB
ROUNDS = 3  # taken in turn, so that whatever else the machine does meets all alike
GOAL = 1.5
ALONE = "alone"


def under_attack():
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder, Federation() as federation:
        setup = Setup(federation, folder, DROPLET_BYTES)
        hostile_key = admit_hostile_agent(federation)
        federation.start_coordinator(relay=True)
        for name in federation.agents:
            federation.start_agent(name)
        attacks = {
            "random bytes": Garbage,
            "1,000 silent connections": HalfOpen,
            "frames of 2 GiB before the handshake": HugeFrame,
            "unknown keys": lambda endpoint: HostilePeer(federation, "unknown-key", endpoint),
            "messages without end": lambda endpoint: HostilePeer(federation, "endless-message",
                                                                 endpoint, hostile_key)}
        taken = {name: [] for name in (ALONE, *attacks)}
        for number in range(ROUNDS):
            taken[ALONE].append(_promote(setup, f"alone-{number}"))
            for kind, (name, attack) in enumerate(attacks.items()):
                taken[name].append(_promote(setup, f"attack-{kind}-{number}", attack))
    alone = statistics.median(taken.pop(ALONE))
    yield Result("under-attack", alone, "s", "256 MiB, sluice promote --no-activate")
    for name, seconds in taken.items():
        yield Result("under-attack", statistics.median(seconds) / alone, "ratio",
                     f"without: {name}, at all four ports", GOAL)


def _promote(setup, promotion_id, attack=None):
    with contextlib.ExitStack() as attacks:
        for endpoint in listening(setup.federation) if attack else ():
            attacks.enter_context(attack(endpoint)).wait_until_under_way()
        seconds = setup.promote("--id", promotion_id)
    setup.federation.sluice("cancel", promotion_id)
    setup.delete_droplets()
    return seconds
