"""Eight targets, each behind a link as slow as the source's: they pass chunks on to each other, so
that the source's link carries about one copy. How long it takes is the benchmark's case `fan-out`.
"""

import itertools
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from network.lab import Lab

MIB = 1024 * 1024
RATE = "50mbit"
SIZE = 64 * MIB
APP = "shared"
TARGETS = tuple(f"prod-{number}" for number in range(1, 9))
COPIES_MAX = 1.15  # over the source's link, with all headers and acknowledgements


class Peers(FederationCase):
    FOUNDATIONS = ("dev", *TARGETS)

    @classmethod
    def make_places(cls):
        cls.lab = cls.enterClassContext(Lab())
        for name in cls.FOUNDATIONS:
            cls.lab.add(name, rate=RATE)
        for one, other in itertools.permutations(cls.FOUNDATIONS, 2):
            cls.lab.allow(one, other)
        return cls.lab

    def test_eight_take_about_one_copy_of_the_sources_link(self):
        droplet = make_incompressible(self.droplet_folder, APP, SIZE)
        self.dev.push(APP, droplet, started=False)
        for name in TARGETS:
            self.federation.boxes[name].create_app(APP)
        first, *others = (f"{name}:acme/payments" for name in TARGETS)
        before = self.lab.carried("dev").up
        promoted = self.promote(APP, *others, "--no-activate", "--output", "json", target=first,
                                expect=8).json()
        sent = self.lab.carried("dev").up - before
        digest = self.dev.current_droplet(APP)["checksum"]["value"]
        self.assertEqual([target["reported_sha256"] for target in promoted["targets"]],
                         [digest] * len(TARGETS))
        print(f"{sent / SIZE:.2f} copies", flush=True)
        self.assertLessEqual(sent, COPIES_MAX * SIZE)


if __name__ == "__main__":
    unittest.main()
