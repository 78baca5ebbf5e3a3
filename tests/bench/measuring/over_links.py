"""Transfers over links that are narrow, long or both, beside a bare TCP stream on the same links.

Seconds of a transfer are the target's agent's own: from its beginning until the droplet's digest
was verified there. The upload to the Cloud Controller goes beside it and counts for nothing.
"""

import itertools
from dataclasses import dataclass

from measuring.result import Result
from measuring.setup import MIB, foundations_with_droplet
from network.lab import Lab
from network.stream import Stream


@dataclass
class Link:
    """Between dev and the router; `delay_ms` is each way."""

    case: str
    rate: str
    delay_ms: int
    size: int
    share: float  # of bare TCP's rate, at least
    fixed_share: float = 0  # which a window of 4 MiB stays below; 0: not tried


NARROW = Link("link-100mbit", "100mbit", 0, 128 * MIB, 0.95)
LONGER = Link("link-100mbit-80ms", "100mbit", 40, 128 * MIB, 0.90)
LONG_AND_WIDE = Link("link-400mbit-160ms", "400mbit", 80, 512 * MIB, 0.85, fixed_share=0.85)


def narrow():
    yield from _over(NARROW)


def longer():
    yield from _over(LONGER)


def long_and_wide():
    yield from _over(LONG_AND_WIDE)


def _over(link):
    with Lab() as lab:
        lab.add("dev", rate=link.rate, delay_ms=link.delay_ms)
        lab.add("prod")
        for dialler, dialled in itertools.permutations(lab, 2):
            lab.allow(dialler, dialled)
        with foundations_with_droplet(link.size, lab) as setup:
            with Stream(lab["dev"], lab["prod"]) as stream:
                bare = stream.seconds(link.size)
            by_sluice = transfer_seconds(setup)
            fixed = _with_fixed_window(setup) if link.fixed_share else None
    what = f"{link.size // MIB} MiB"
    yield Result(link.case, bare, "s", f"{what} by bare TCP")
    yield Result(link.case, by_sluice, "s", f"{what}, digest verified at the target's agent")
    yield Result(link.case, by_sluice / bare, "ratio", "bare TCP", 1 / link.share)
    if fixed:
        yield Result(link.case, bare / fixed, "share of the rate",
                     "bare TCP; a window fixed at 4 MiB must fall below", link.fixed_share)


def _with_fixed_window(setup):
    setup.federation.agents["prod"].process.stop()
    setup.federation.start_agent("prod", binary="bench-agent-fixed-window")
    return transfer_seconds(setup)


def transfer_seconds(setup):
    setup.promote()
    listed = setup.federation.sluice("promotions", "--output", "json").json()["promotions"]
    target = setup.federation.promotion(listed[0]["id"])["targets"][0]
    setup.delete_droplets()
    return target["transfer"]["milliseconds"] / 1000
