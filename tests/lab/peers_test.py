"""Eight targets, each behind a link as slow as the source's: they pass chunks on to each other, so
that all have the droplet after about the time of one, and the source's link carries about one copy.
"""

import itertools
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from network.lab import Lab

MIB = 1024 * 1024
RATE = "50mbit"
SIZE = 64 * MIB  # eleven seconds for one
TARGETS = tuple(f"prod-{number}" for number in range(1, 9))
TIMES_OF_ONE_MAX = 1.25
COPIES_MAX = 1.15  # over the source's link, with all headers and acknowledgements


class Peers(FederationCase):
    FOUNDATIONS = ("dev", *TARGETS)
    _seeds = itertools.count(1)

    @classmethod
    def make_places(cls):
        cls.lab = cls.enterClassContext(Lab())
        for name in cls.FOUNDATIONS:
            cls.lab.add(name, rate=RATE)
        for one, other in itertools.permutations(cls.FOUNDATIONS, 2):
            cls.lab.allow(one, other)
        return cls.lab

    def promote_to(self, app, *names):
        """Seconds until the last one had verified the droplet, and bytes that left the source."""
        droplet = make_incompressible(self.droplet_folder, app, SIZE, next(self._seeds))
        self.dev.push(app, droplet, started=False)
        for name in names:
            self.federation.boxes[name].create_app(app)
        first, *others = (f"{name}:acme/payments" for name in names)
        before = self.lab.carried("dev").up
        promoted = self.promote(app, *others, "--id", app, "--no-activate", "--output", "json",
                                target=first, expect=8).json()
        digest = self.dev.current_droplet(app)["checksum"]["value"]
        self.assertEqual([target["reported_sha256"] for target in promoted["targets"]],
                         [digest] * len(names))
        times = [target["transfer"]["stages"]["transfer"] for target in promoted["targets"]]
        return max(times) / 1000, self.lab.carried("dev").up - before

    def test_eight_take_about_the_time_of_one_and_about_one_copy_of_the_sources_link(self):
        seconds_of_one, _ = self.promote_to("one", TARGETS[0])
        seconds, sent = self.promote_to("eight", *TARGETS)
        print(f"one target: {seconds_of_one:.2f} s; eight: {seconds:.2f} s, "
              f"{seconds / seconds_of_one:.2f} times as long, and {sent / SIZE:.2f} copies",
              flush=True)
        self.assertLessEqual(seconds, TIMES_OF_ONE_MAX * seconds_of_one)
        self.assertLessEqual(sent, COPIES_MAX * SIZE)


if __name__ == "__main__":
    unittest.main()
