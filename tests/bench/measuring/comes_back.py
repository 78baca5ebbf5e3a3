"""How soon a transfer goes on after what stopped it is over."""

import itertools
import time

from federation.programs import eventually
from measuring.result import Result
from measuring.setup import MIB, SOURCE, TARGET, foundations_with_droplet
from network.lab import Lab

RATE = "40mbit"
SIZE = 512 * MIB  # it is never sent whole
OUTAGE_SECONDS = 60
GOES_ON = 2 * MIB  # 0.4 s at that rate: more than signs of life and what was under way
GOAL_SECONDS = 5


def comes_back():
    with Lab() as lab:
        for name in ("dev", "prod"):
            lab.add(name, rate=RATE)
        for dialler, dialled in itertools.permutations(lab, 2):
            lab.allow(dialler, dialled)
        with foundations_with_droplet(SIZE, lab) as setup:
            federation = setup.federation

            def seconds_until_it_goes_on():
                began, before = time.monotonic(), lab.carried("dev").up
                eventually("bytes from the source",
                           lambda: lab.carried("dev").up - before > GOES_ON, seconds=60,
                           interval=0.01)
                return time.monotonic() - began

            federation.sluice("promote", SOURCE, TARGET, "--yes", "--no-activate", "--detach",
                              "--id", "back")
            seconds_until_it_goes_on()
            lab.cut("prod")
            time.sleep(OUTAGE_SECONDS)  # pace: the outage itself
            lab.restore("prod")
            after_cut = seconds_until_it_goes_on()
            for name in ("dev", "prod"):
                federation.agents[name].process.kill()
            time.sleep(OUTAGE_SECONDS)  # pace: the outage itself
            for name in ("dev", "prod"):
                federation.start_agent(name)
            after_kill = seconds_until_it_goes_on()
            federation.sluice("cancel", "back")
    versus = f"{OUTAGE_SECONDS} s"
    yield Result("comes-back", after_cut, "s until bytes come", f"the link was cut for {versus}",
                 GOAL_SECONDS)
    yield Result("comes-back", after_kill, "s until bytes come",
                 f"both agents were killed; started again after {versus}", GOAL_SECONDS)
