"""Whatever dies or is cut in mid-transfer, the promotion finishes and little is sent again.

Each case is met at points spread evenly over the transfer, by what has crossed the source's link:
4 of them, or as many as SLUICE_POINTS says (`tests/run --all`: 20, of a larger droplet). What each
has cost is printed.
"""

import os
import threading
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from federation.programs import eventually
from network.lab import Lab

MIB = 1024 * 1024
POINTS = int(os.environ.get("SLUICE_POINTS", "4"))
SIZE, RATE = (48 * MIB, "200mbit") if POINTS < 20 else (512 * MIB, "800mbit")
# Headers of TCP/IP and of sealed and encrypted chunks, acknowledgements, the agents' small talk.
FRAMES = 1.07
# The design's bound: one percent, or all that one process may have asked for.
SENT_AGAIN_MAX = max(SIZE // 100, 16 * MIB)
CUT_SECONDS = 10
APP = "resumed"


class ResumeCase(FederationCase):
    @classmethod
    def make_places(cls):
        cls.lab = cls.enterClassContext(Lab())
        for name in cls.FOUNDATIONS:
            cls.lab.add(name, rate=RATE)
        cls.lab.allow("prod", "dev")
        return cls.lab

    @classmethod
    def start(cls):
        cls.federation.start_coordinator()
        cls.start_agents(*cls.FOUNDATIONS)

    @classmethod
    def start_agents(cls, *names):
        for name in names:
            cls.federation.start_agent(name, listens=name == "dev")

    def setUp(self):
        droplet = make_incompressible(self.droplet_folder, APP, SIZE)
        self.dev.push(APP, droplet, started=False)
        droplet.file.unlink()
        self.prod.create_app(APP)
        self.sha256 = self.dev.current_droplet(APP)["checksum"]["value"]

    def carried(self):
        return self.lab.carried("dev").up

    def finish(self, promotion, before):
        """It ends well; bytes that crossed the link more than once."""
        watched = self.sluice("watch", promotion, "--output", "json", expect=8).json()
        self.assertEqual(watched["targets"][0]["reported_sha256"], self.sha256)
        again = max(0, self.carried() - before - round(FRAMES * SIZE))
        self.assertLessEqual(again, SENT_AGAIN_MAX)
        return again

    def forget(self, promotion):
        """Its droplet goes, or the next promotion would find it there."""
        droplet = self.federation.promotion(promotion)["targets"][0]["droplet_guid"]
        self.sluice("cancel", promotion)
        self.prod.cc.delete(f"/v3/droplets/{droplet}")

    def at_points(self, case, points, interrupt):
        """Lets `interrupt` happen at so many points, each of a transfer of its own."""
        for number in range(points):
            share = (number + 1) / (points + 1)
            promotion = f"{case}-{number}"
            with self.subTest(promotion, share=share):
                before = self.carried()
                self.promote(APP, "--detach", "--id", promotion, "--no-activate")
                eventually(f"{share:.0%} of the transfer",
                           lambda: self.carried() - before >= share * SIZE, interval=0.005)
                interrupt()
                again = self.finish(promotion, before)
                print(f"{case} at {share:.0%}: {again} bytes sent again", flush=True)
                self.forget(promotion)

    def kill(self, *names):
        for name in names:
            self.federation.agents[name].process.kill()
        self.start_agents(*names)


class SourceKilled(ResumeCase):
    def test_the_transfer_goes_on_after_its_restart(self):
        self.at_points("source", POINTS, lambda: self.kill("dev"))


class TargetKilled(ResumeCase):
    def test_the_transfer_goes_on_after_its_restart(self):
        self.at_points("target", POINTS, lambda: self.kill("prod"))


class BothKilled(ResumeCase):
    def test_the_transfer_goes_on_after_their_restart(self):
        self.at_points("both", POINTS, lambda: self.kill("dev", "prod"))


class RelayKilled(ResumeCase):
    @classmethod
    def start(cls):
        cls.federation.start_coordinator(relay=True)
        for name in cls.FOUNDATIONS:
            cls.federation.start_agent(name, listens=False)

    def test_the_transfer_goes_on_by_the_relay_of_its_successor(self):
        def kill():
            self.federation.coordinator.kill()
            self.federation.start_coordinator(relay=True)

        self.at_points("relay", POINTS, kill)


class LinkCut(ResumeCase):
    def test_the_transfer_goes_on_once_the_link_is_restored(self):
        def cut():
            self.lab.cut("prod")
            threading.Event().wait(CUT_SECONDS)
            self.lab.restore("prod")

        self.at_points("cut", max(2, POINTS // 4), cut)


if __name__ == "__main__":
    unittest.main()
