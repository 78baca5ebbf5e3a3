"""Whatever dies or is cut in mid-transfer, the promotion finishes and little is sent again.

Each case is met at points spread evenly over the transfer, by what has crossed the source's link:
4 of them, or as many as SLUICE_POINTS says (`tests/run --all`: 20). What each has cost is printed.
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
SIZE = 48 * MIB
RATE = "200mbit"  # two seconds
# Headers of TCP/IP and of sealed and encrypted chunks, acknowledgements, the agents' small talk.
FRAMES = 1.07
# The design's bound: one percent, or all that one process may have asked for.
SENT_AGAIN_MAX = max(SIZE // 100, 16 * MIB)
CUT_SECONDS = 10


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
        cls.federation.start_agent("dev")
        cls.federation.start_agent("prod", listens=False)

    def restart(self, *names):
        for name in names:
            self.federation.start_agent(name, listens=name == "dev")

    def carried(self):
        return self.lab.carried("dev").up

    def begin(self, app):
        """A promotion; what the source's link had carried before it."""
        droplet = make_incompressible(self.droplet_folder, app, SIZE, seed=app)
        self.dev.push(app, droplet, started=False)
        droplet.file.unlink()
        self.prod.create_app(app)
        before = self.carried()
        self.promote(app, "--detach", "--id", app, "--no-activate")
        return before

    def finish(self, app, before):
        """The promotion ends well; bytes that crossed the link more than once."""
        watched = self.sluice("watch", app, "--output", "json", expect=8).json()
        self.assertEqual(watched["targets"][0]["reported_sha256"],
                         self.dev.current_droplet(app)["checksum"]["value"])
        again = max(0, self.carried() - before - round(FRAMES * SIZE))
        self.assertLessEqual(again, SENT_AGAIN_MAX)
        return again

    def at_points(self, case, points, interrupt):
        """Lets `interrupt` happen at so many points, each of a transfer of its own."""
        for number in range(points):
            share = (number + 1) / (points + 1)
            app = f"{case}-{number}"
            with self.subTest(app, share=share):
                before = self.begin(app)
                eventually(f"{share:.0%} of the transfer",
                           lambda: self.carried() - before >= share * SIZE, interval=0.005)
                interrupt()
                again = self.finish(app, before)
                print(f"{case} at {share:.0%}: {again} bytes sent again", flush=True)

    def kill(self, *names):
        for name in names:
            self.federation.agents[name].process.kill()
        self.restart(*names)


class SourceKilled(ResumeCase):
    def test_the_transfer_goes_on_after_its_restart(self):
        self.at_points("source", POINTS, lambda: self.kill("dev"))


class TargetKilled(ResumeCase):
    def test_the_transfer_goes_on_after_its_restart(self):
        self.at_points("target", POINTS, lambda: self.kill("prod"))


class BothKilled(ResumeCase):
    def test_the_transfer_goes_on_after_their_restart(self):
        self.at_points("both", POINTS, lambda: self.kill("dev", "prod"))


class LinkCut(ResumeCase):
    def test_the_transfer_goes_on_once_the_link_is_restored(self):
        def cut():
            self.lab.cut("prod")
            threading.Event().wait(CUT_SECONDS)
            self.lab.restore("prod")

        self.at_points("cut", max(2, POINTS // 4), cut)


if __name__ == "__main__":
    unittest.main()
