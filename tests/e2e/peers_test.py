"""Targets of one promotion pass its chunks on to each other: the source sends about one copy."""

import itertools
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from federation.envelopes import payload_of
from federation.programs import eventually

MIB = 1024 * 1024
SIZE = 32 * MIB
# Bytes a second that the source's blobstore gives: a transfer of about four seconds, in the middle
# of which all targets are met.
SLOW = 8 * MIB
TARGETS = ("east", "west", "north")
COPIES_MAX = 1.15  # over the source's link


class Peers(FederationCase):
    FOUNDATIONS = ("dev", *TARGETS)
    _seeds = itertools.count(1)

    def push(self, app):
        """The digest of a droplet that no target has, and that comes slowly."""
        droplet = make_incompressible(self.droplet_folder, app, SIZE, next(self._seeds))
        self.dev.push(app, droplet, started=False)
        for name in TARGETS:
            self.federation.boxes[name].create_app(app)
        self.dev.misbehave("download-slow", bytes_per_second=SLOW)
        self.addCleanup(self.dev.behave)
        return self.dev.current_droplet(app)["checksum"]["value"]

    def promote_to_all(self, app, *flags, expect):
        east, *others = (f"{name}:acme/payments" for name in TARGETS)
        return self.promote(app, *others, "--id", app, "--no-activate", *flags, target=east,
                            expect=expect)

    def targets(self, promotion):
        """Of the promotion as it is, by foundation."""
        return dict(zip(TARGETS, self.federation.promotion(promotion)["targets"]))

    def bytes_of_source(self, promotion):
        """What its agent has put on the wire, as it told the ledger when it was done."""
        def sent():
            return [entry["body"]["progress"]["bytes_sent"]
                    for entry in self.federation.promotion(promotion)["entries"]
                    if entry["kind"] == "source-report"
                    and entry["body"]["state"] == "SOURCE_STATE_SENT"]
        return eventually("the source to be done", sent)[-1]

    def spooled(self, name):
        folder = self.federation.agents[name].folder / "data" / "spool"
        return [file.name for file in folder.iterdir()]

    def test_targets_pass_the_droplet_on_and_the_source_sends_about_one_copy(self):
        digest = self.push("shared")
        uploaded = self.promote_to_all("shared", "--output", "json", expect=8).json()
        self.assertEqual([(target["state"], target["reported_sha256"])
                          for target in uploaded["targets"]], [("uploaded", digest)] * 3)
        size = uploaded["size_bytes"]
        sent = self.bytes_of_source("shared")
        self.assertGreaterEqual(sent, size)
        self.assertLessEqual(sent, COPIES_MAX * size)
        by_path = [target["transfer"]["bytes_by_path"] for target in uploaded["targets"]]
        # Whoever got a byte got it of the source or of a fellow, and says so everywhere.
        self.assertLessEqual(sum(paths["direct"] for paths in by_path), COPIES_MAX * size)
        self.assertGreaterEqual(sum(paths["peer"] for paths in by_path), (3 - COPIES_MAX) * size)
        for target, paths in zip(uploaded["targets"], by_path):
            self.assertEqual(paths["direct"] + paths["peer"], target["transfer"]["bytes_sent"])
            receipt = payload_of(target["receipt"])["predicate"]
            self.assertEqual(receipt["cost"]["bytes_by_path"], paths)
        for name in TARGETS:
            self.assertEqual(self.spooled(name), [], name)
        self.sluice("cancel", "shared")

    def test_targets_finish_without_a_fellow_that_is_killed_and_that_goes_on_when_it_is_back(self):
        digest = self.push("killed")
        self.promote_to_all("killed", "--detach", expect=0)
        # An upload begins with the first bytes that arrive.
        for name in TARGETS:
            eventually(f"an upload at {name}",
                       lambda box=self.federation.boxes[name]: box.state()["uploads"])
        west = self.federation.agents["west"]
        west.process.kill()
        self.addCleanup(lambda: west.process.exit_code is None or
                        self.federation.start_agent("west"))
        self.assertEqual({target["state"] for target in self.targets("killed").values()},
                         {"transferring"}, "it was killed too late to show anything")
        self.assert_uploaded("killed", digest, "east", "north")
        self.assertEqual(self.targets("killed")["west"]["state"], "transferring")
        # They had the droplet of each other for the most part, or the kill would show nothing.
        passed_on = sum(target["transfer"]["bytes_by_path"]["peer"]
                        for name, target in self.targets("killed").items() if name != "west")
        self.assertGreater(passed_on, SIZE / 2)
        self.dev.behave()
        self.federation.start_agent("west")
        self.assert_uploaded("killed", digest, *TARGETS)
        self.sluice("cancel", "killed")

    def assert_uploaded(self, promotion, digest, *names):
        """They come to have it, with the bits of the source."""
        def states():
            targets = self.targets(promotion)
            return all(targets[name]["state"] == "uploaded" for name in names) and targets
        targets = eventually(f"{names} to have the droplet", states, seconds=60)
        for name in names:
            self.assertEqual(targets[name]["reported_sha256"], digest, name)


if __name__ == "__main__":
    unittest.main()
