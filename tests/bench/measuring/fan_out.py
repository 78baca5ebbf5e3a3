"""One droplet to eight foundations, each behind a narrow link of its own, where they reach each
other: beside one target, and beside `curl` uploads one after the other."""

import contextlib
import itertools
import tempfile
import time
from pathlib import Path

from federation.droplet import make_incompressible
from federation.federation import ORGANIZATION, SPACE, Federation
from federation.programs import eventually
from measuring import curl_steps
from measuring.result import Result
from measuring.setup import APP, MIB, SOURCE
from network.lab import Lab

RATE = "50mbit"
SLOW_RATE = "500kbit"  # 1 % of it
SIZE = 64 * MIB
TARGETS = tuple(f"site-{number}" for number in range(1, 9))
TIME_GOAL = 1.25
UPLINK_GOAL = 1.15
SLOW_TIME_GOAL = 1.1
SLOW_UPLINK_GOAL = 1.3
WAIT_SECONDS = 300


class Sites:
    """dev with the droplet, and the targets with the app; all agents run."""

    def __init__(self, lab, federation, folder):
        self.lab, self.federation, self.folder = lab, federation, folder
        for name in ("dev", *TARGETS):
            federation.add_foundation(name).make_space(ORGANIZATION, SPACE)
        droplet = make_incompressible(folder, "droplet", SIZE)
        federation.boxes["dev"].push(APP, droplet, started=False)
        self.file = droplet.file
        self.apps = {name: federation.boxes[name].create_app(APP) for name in TARGETS}
        federation.start()

    def promote(self, name, targets, awaited=None):
        """Seconds until the last of those awaited had it whole, and bytes that left the source."""
        before = self.lab.carried("dev").up
        references = [f"{target}:{ORGANIZATION}/{SPACE}" for target in targets]
        done = self.federation.sluice("promote", SOURCE, *references, "--id", name, "--yes",
                                      "--no-activate", "--detach")
        if done.exit_code != 0:
            raise RuntimeError(str(done))
        uploaded = eventually("the uploads", lambda: self._uploaded(name, awaited or targets),
                              seconds=WAIT_SECONDS, interval=0.5)
        left = self.lab.carried("dev").up - before
        return max(target["transfer"]["milliseconds"] for target in uploaded) / 1000, left

    def _uploaded(self, name, awaited):
        shown = self.federation.promotion(name)
        ended = [target for target in shown["targets"]
                 if target["target"].partition(":")[0] in awaited and target["state"] == "uploaded"]
        return ended if len(ended) == len(awaited) else None

    def end(self, name):
        """Cancelled, and put back everywhere."""
        self.federation.sluice("cancel", name)
        for site in TARGETS:
            box = self.federation.boxes[site]
            for guid in curl_steps.staged(box, self.apps[site]):
                box.cc.delete(f"/v3/droplets/{guid}")

    def curl_uploads(self):
        """Seconds of uploads from dev's place, one after the other."""
        began = time.monotonic()
        for site in TARGETS:
            curl_steps.upload(self.federation.place("dev"), self.federation.boxes[site],
                              self.apps[site], self.file)
        return time.monotonic() - began


@contextlib.contextmanager
def _sites():
    with Lab() as lab:
        for name in ("dev", *TARGETS):
            lab.add(name, rate=RATE)
        for dialler, dialled in itertools.permutations(lab, 2):
            lab.allow(dialler, dialled)
        with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder, \
                Federation(places=lab) as federation:
            yield Sites(lab, federation, Path(folder))


def fan_out():
    with _sites() as sites:
        one, _ = sites.promote("one", TARGETS[:1])
        sites.end("one")
        every, left = sites.promote("every", TARGETS)
        sites.end("every")
        fast = TARGETS[:-1]
        alone, _ = sites.promote("alone", fast)
        sites.end("alone")
        sites.lab.limit(TARGETS[-1], SLOW_RATE)
        beside, left_beside = sites.promote("beside", TARGETS, awaited=fast)
        sites.end("beside")
        sites.lab.limit(TARGETS[-1], RATE)
        by_curl = sites.curl_uploads()
    size = f"{SIZE // MIB} MiB"
    yield Result("fan-out", one, "s", f"{size} to one target, digest verified there")
    yield Result("fan-out", every, "s", f"to {len(TARGETS)} targets, digest verified at the last")
    yield Result("fan-out", every / one, "ratio", "one target", TIME_GOAL)
    yield Result("fan-out", left / SIZE, "copies over the source's uplink", "one", UPLINK_GOAL)
    yield Result("fan-out", by_curl, "s", f"{len(TARGETS)} uploads by curl, one after the other")
    yield Result("fan-out", every / by_curl, "ratio", "these")
    yield Result("fan-out", beside / alone, "ratio", f"{len(fast)} targets, one more at 1 % of the "
                 "rate beside them: without it", SLOW_TIME_GOAL)
    yield Result("fan-out", left_beside / SIZE, "copies over the source's uplink",
                 "until all but that one have it", SLOW_UPLINK_GOAL)
