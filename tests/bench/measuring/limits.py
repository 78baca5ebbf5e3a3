"""How soon a cancelled transfer is quiet, and how long a small one takes amid a large one."""

import itertools
import time

from federation.droplet import make_incompressible
from federation.federation import ORGANIZATION, SPACE
from federation.programs import eventually
from measuring.result import Result
from measuring.setup import MIB, SOURCE, TARGET, foundations_with_droplet
from network.lab import Lab

CANCEL_GOAL_SECONDS = 2
CANCEL_BYTES = 64 * MIB
# The link and what is promoted over it: a chunk of 512 KiB takes a second over the slow link, and
# half a second at the rate.
CANCEL_CASES = {"inside a chunk": ("4mbit", ()),
                "waiting for a rate": ("200mbit", ("--limit-rate", "1M")),
                "as fast as it goes": ("200mbit", ())}
LOOK_EVERY_SECONDS = 0.02
LOOK_FOR_SECONDS = 6
# Heartbeats, and what a cancel itself says; a chunk has many times as much.
SMALL_TALK_BYTES = 8 * 1024

SMALL_BYTES = MIB
LARGE_BYTES = 1024 * MIB
SHARED_RATE = "32M"


def cancel():
    for where, (rate, flags) in CANCEL_CASES.items():
        with Lab() as lab:
            for name in ("dev", "prod"):
                lab.add(name, rate=rate)
            for dialler, dialled in itertools.permutations(lab, 2):
                lab.allow(dialler, dialled)
            with foundations_with_droplet(CANCEL_BYTES, lab) as setup:
                seconds = _cancel_to_quiet(setup.federation, lab, flags)
        yield Result("cancel", seconds, "s until the wire is quiet", where, CANCEL_GOAL_SECONDS)


def _cancel_to_quiet(federation, lab, flags):
    """From the start of `sluice cancel` to the last of the droplet's bytes on the source's link."""
    before = lab.carried("dev").up
    federation.sluice("promote", SOURCE, TARGET, "--yes", "--no-activate", "--detach", "--id",
                      "cancelled", *flags)
    eventually("some chunks on the link", lambda: lab.carried("dev").up - before > 3 * MIB)
    began = quiet = time.monotonic()
    command = federation.start_sluice("cancel", "cancelled")
    carried = lab.carried("dev").up
    while time.monotonic() - began < LOOK_FOR_SECONDS:
        time.sleep(LOOK_EVERY_SECONDS)  # pace: what crosses in one look is counted together
        now = lab.carried("dev").up
        if now - carried > SMALL_TALK_BYTES:
            carried, quiet = now, time.monotonic()
    command.wait_for_exit(60)
    return quiet - began


def small_amid_big():
    """Between agents as fast as they can, and where they have a rate to share."""
    for limits in ({}, {"send_rate": SHARED_RATE}):
        with foundations_with_droplet(LARGE_BYTES) as setup:
            federation = setup.federation
            if limits:
                federation.agents["dev"].process.stop()
                federation.start_agent("dev", limits=limits)
            alone = _promote_small(setup, "alone")
            command = federation.start_sluice("promote", SOURCE, TARGET, "--yes", "--no-activate",
                                              "--id", "large")
            eventually("an upload of the large one", lambda: setup.prod.state()["uploads"])
            amid = _promote_small(setup, "amid")
            still = federation.promotion("large")["targets"][0]["state"]
            if still != "transferring":
                raise RuntimeError(f"the large one was {still} before the small one was done")
            federation.sluice("cancel", "large")
            command.wait_for_exit(60)
        where = f"at {SHARED_RATE}/s of both" if limits else "no rate"
        yield Result("small-amid-big", alone, "s alone", where)
        yield Result("small-amid-big", amid, "s amid 1 GiB", f"2 x alone + 1 s, {where}",
                     2 * alone + 1)


def _promote_small(setup, app):
    """Seconds of the command, to *uploaded*."""
    droplet = make_incompressible(setup.folder, app, SMALL_BYTES, seed=app)
    setup.dev.push(app, droplet, started=False)
    setup.prod.create_app(app)
    done = setup.federation.sluice("promote", f"dev:{ORGANIZATION}/{SPACE}/{app}", TARGET, "--yes",
                                   "--no-activate")
    if done.exit_code != 8:
        raise RuntimeError(str(done))
    return done.seconds
