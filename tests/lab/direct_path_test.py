import unittest

from federation.case import FederationCase
from federation.programs import eventually
from network.lab import Lab

MIB = 1024 * 1024
RATE = "200mbit"


class DirectPathCase(FederationCase):
    """dev, prod and the coordinator at places of their own; one agent listens, the other dials."""

    LISTENER = None

    @classmethod
    def make_places(cls):
        cls.lab = cls.enterClassContext(Lab())
        for name in cls.FOUNDATIONS:
            cls.lab.add(name, rate=RATE)
        cls.lab.allow(*cls.direction())
        return cls.lab

    @classmethod
    def direction(cls):
        """(dialler, dialled)"""
        (dialler,) = set(cls.FOUNDATIONS) - {cls.LISTENER}
        return dialler, cls.LISTENER

    @classmethod
    def start(cls):
        cls.federation.start_coordinator()
        for name in cls.FOUNDATIONS:
            cls.federation.start_agent(name, listens=name == cls.LISTENER)

    def push_both(self, app, noise_bytes=0):
        """The droplet's size."""
        droplet = self.small(noise_bytes=noise_bytes)
        self.dev.push(app, droplet)
        self.prod.create_app(app)
        return droplet.file.stat().st_size

    def assert_promoted(self, app):
        self.promote(app)
        self.assertEqual(self.prod.current_droplet(app)["checksum"],
                         self.dev.current_droplet(app)["checksum"])
        self.wait_for_version(self.prod, app, 1)


class SourceListens(DirectPathCase):
    LISTENER = "dev"

    def test_a_droplet_crosses_each_link_once_and_none_of_it_comes_by_the_coordinator(self):
        size = self.push_both("big", 100 * MIB)
        self.assertGreaterEqual(size, 100 * MIB)
        before = {name: self.lab.carried(name) for name in self.lab}
        self.assert_promoted("big")
        after = {name: self.lab.carried(name) for name in self.lab}
        for name, direction in (("dev", "up"), ("prod", "down")):
            carried = getattr(after[name], direction) - getattr(before[name], direction)
            self.assertGreater(carried, size, name)
            self.assertLessEqual(carried, 1.1 * size, name)
        for name, direction in (("dev", "down"), ("prod", "up"), ("coordinator", "up"),
                                ("coordinator", "down")):
            carried = getattr(after[name], direction) - getattr(before[name], direction)
            self.assertLess(carried, 0.1 * size, f"{name} {direction}")

    def test_where_neither_may_dial_the_other_the_target_stays_as_it_was(self):
        # Foundations that can only dial out to the coordinator have no path yet.
        self.push_both("closed")
        self.lab.forbid(*self.direction())
        self.addCleanup(self.lab.allow, *self.direction())
        before = self.prod.state()
        self.promote("closed", "--detach", "--id", "closed")
        # A firewall answers nobody: the target waits for its peer, and says so, until it is told
        # to stop.
        eventually("prod to wait for its peer", lambda: "peer" in [
            target["waiting_for"] for target in self.federation.promotion("closed")["targets"]])
        self.sluice("cancel", "closed")
        self.sluice("watch", "closed", expect=1)
        self.assert_untouched(self.prod, before)


class TargetListens(DirectPathCase):
    LISTENER = "prod"

    def test_the_source_dials_and_the_droplet_arrives(self):
        self.push_both("dialled")
        self.assert_promoted("dialled")

    def test_over_links_with_a_round_trip_of_80_ms_the_droplet_arrives(self):
        for name in self.FOUNDATIONS:
            self.lab.delay(name, 20)
            self.addCleanup(self.lab.delay, name, 0)
        self.push_both("far", 4 * MIB)
        self.assert_promoted("far")


if __name__ == "__main__":
    unittest.main()
