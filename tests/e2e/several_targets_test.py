"""One promotion to several foundations: all or none of them."""

import base64
import itertools
import json
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from federation.envelopes import payload_of
from federation.federation import ORGANIZATION
from federation.programs import PATIENCE, eventually

MIB = 1024 * 1024
SLOW = 4 * MIB  # bytes a second: the upload of a big droplet takes about four seconds
BIG = 16 * MIB
TARGETS = ("east", "west", "north")
SUITES = {"north": "p256"}  # the others offer keys of the default


class SeveralTargets(FederationCase):
    FOUNDATIONS = ("dev", *TARGETS)
    _seeds = itertools.count(1)

    @classmethod
    def start(cls):
        cls.federation.start_coordinator()
        for name in cls.FOUNDATIONS:
            cls.federation.start_agent(name, seal_suite=SUITES.get(name))

    def setUp(self):
        test = self.id().rpartition(".")[2].removeprefix("test_")
        self.app = test.replace("_", "-")[:40].rstrip("-")
        for box in self.boxes.values():
            self.addCleanup(box.behave)

    @property
    def boxes(self):
        """Of the targets, by name."""
        return {name: self.federation.boxes[name] for name in TARGETS}

    def references(self, *names):
        return [f"{name}:acme/payments" for name in names or TARGETS]

    def push(self, big=False):
        """Version 2 at dev, and version 1 runs at each target."""
        if big:
            droplet = make_incompressible(self.droplet_folder, self.app, BIG, next(self._seeds))
            self.dev.push(self.app, droplet, started=False)
        else:
            self.dev.push(self.app, self.small(2))
        for box in self.boxes.values():
            box.push(self.app, self.small(1))
        for box in self.boxes.values():
            self.wait_for_version(box, self.app, 1)

    def promote_to_all(self, *flags, expect=0):
        east, *others = self.references()
        return self.promote(self.app, *others, *flags, target=east, expect=expect)

    def slow_uploads(self, *names):
        for name in names:
            self.federation.boxes[name].misbehave("upload-slow", bytes_per_second=SLOW)

    def wait_for_uploads(self, *names):
        for name in names:
            eventually(f"an upload at {name}",
                       lambda box=self.federation.boxes[name]: box.state()["uploads"])

    def states(self):
        return {name: box.state() for name, box in self.boxes.items()}

    def assert_put_back(self, before):
        for name, box in self.boxes.items():
            # A box reads slowly by order, so it is the last to hear of a cut upload.
            eventually(f"the cut upload at {name} to be gone",
                       lambda box=box: not box.state()["uploads"])
            self.assertEqual(box.difference(before[name]), "", name)

    def assert_versions(self, **expected):
        self.assertEqual({name: self.version_at(self.federation.boxes[name], self.app)
                          for name in expected}, expected)

    def test_nothing_is_activated_anywhere_before_all_have_the_droplet(self):
        self.push()
        self.federation.boxes["north"].misbehave("upload-slow", bytes_per_second=800)
        seen = {name: len(box.changes()) for name, box in self.boxes.items()}
        promoted = self.promote_to_all("--output", "json").json()
        digest = self.dev.current_droplet(self.app)["checksum"]["value"]
        self.assertEqual([(target["target"], target["state"], target["reported_sha256"])
                          for target in promoted["targets"]],
                         [(f"{name}:acme/payments/{self.app}", "verified", digest)
                          for name in TARGETS])
        changes = sorted((at, name, what) for name, box in self.boxes.items()
                         for at, what in box.changes()[seen[name]:])
        uploads = [at for at, _, what in changes if what.endswith("/upload")]
        activations = [at for at, _, what in changes if "/deployments" in what]
        self.assertEqual((len(uploads), len(activations)), (3, 3), changes)
        self.assertLess(max(uploads), min(activations), changes)
        # What each change is: a droplet made, described and sent, and only then the deployment.
        for name in TARGETS:
            self.assertEqual([what.split(" ")[0] + " " + what.split("/")[2] for _, place, what
                              in changes if place == name],
                             ["POST droplets", "PATCH droplets", "POST droplets",
                              "POST deployments"], changes)
            self.wait_for_version(self.federation.boxes[name], self.app, 2)

    def test_a_target_in_the_sources_own_foundation_has_the_droplet_copied(self):
        self.push()
        twin = f"{self.app}-twin"
        self.dev.create_app(twin)
        promoted = self.promote(self.app, "east:acme/payments", "--output", "json",
                                target=f"dev:acme/payments/{twin}").json()
        self.assertEqual([(target["target"], target["state"]) for target in promoted["targets"]],
                         [(f"dev:acme/payments/{twin}", "verified"),
                          (f"east:acme/payments/{self.app}", "verified")])
        self.assertEqual(promoted["targets"][0]["path"], "copied")
        self.wait_for_version(self.dev, twin, 2)
        self.wait_for_version(self.federation.boxes["east"], self.app, 2)

    def test_a_promotion_within_one_foundation_moves_no_byte_and_can_be_rolled_back(self):
        self.push()
        twin = f"{self.app}-twin"
        self.dev.push(twin, self.small(1))
        self.wait_for_version(self.dev, twin, 1)
        self.promote(self.app, "--id", "within", target=f"dev:acme/payments/{twin}")
        self.wait_for_version(self.dev, twin, 2)
        self.sluice("rollback", "within", "--yes")
        self.wait_for_version(self.dev, twin, 1)

    def test_an_upload_that_fails_at_one_puts_all_back_before_anything_was_activated(self):
        self.push(big=True)
        before = self.states()
        self.slow_uploads("east", "north")
        self.federation.boxes["west"].misbehave("job-fails")
        failed = self.promote_to_all(expect=1)
        self.assert_named(failed, f"at west:acme/payments/{self.app}", "job-failed")
        self.assert_put_back(before)
        self.assert_versions(east=1, west=1, north=1)

    def test_an_activation_that_fails_at_one_puts_back_those_that_are_active(self):
        self.push()
        current = {name: box.current_droplet(self.app)["guid"] for name, box in self.boxes.items()}
        self.federation.boxes["west"].misbehave("deployment-never-ends")
        failed = self.promote_to_all("--id", "one-crashes", "--startup-timeout",
                                     f"{int(10 * PATIENCE)}s", expect=1)
        self.assert_named(failed, f"at west:acme/payments/{self.app}", "startup-timeout")
        reported = self.entries("one-crashes")
        for index in (0, 2):  # east and north were active, and went back
            states = [entry["state"] for entry in reported if entry["target_index"] == index]
            self.assertIn("TARGET_STATE_VERIFIED", states)
            self.assertEqual(states[-1], "TARGET_STATE_FAILED")
        for name, box in self.boxes.items():
            self.wait_for_version(box, self.app, 1)
            self.assertEqual(box.current_droplet(self.app)["guid"], current[name], name)

    def entries(self, promotion):
        """What targets reported of it, in the ledger's order."""
        return [entry["body"] for entry in self.federation.promotion(promotion)["entries"]
                if entry["kind"] == "target-report"]

    def downloads_during(self, target):
        """How often dev's droplet was asked for, its size with it, while it went to `target`."""
        asked = "GET /v3/droplets/:guid/download"
        before = self.dev.requests_by_path()[asked]
        self.promote(self.app, "--no-activate", "--id", f"{self.app}-{target}", expect=8,
                     target=self.references(target)[0])
        return self.dev.requests_by_path()[asked] - before

    def test_promotions_of_one_droplet_at_the_same_time_read_it_together(self):
        self.push(big=True)
        slow = f"{self.app}-slow"
        self.promote(self.app, "--no-activate", "--detach", "--id", slow, "--limit-rate", "256K",
                     target=self.references("east")[0])
        self.addCleanup(self.sluice, "cancel", slow)
        eventually("the first bytes of the slow one", lambda: self.federation.promotion(slow)
                   ["targets"][0]["transfer"]["bytes_done"] > 0)
        second = self.downloads_during("west")
        third = self.downloads_during("north")
        # The second overtakes the slow one; the third finds all that it needs.
        self.assertEqual(third, second - 1)
        self.assertEqual(self.federation.promotion(slow)["state"], "transferring")

    def test_targets_that_offer_keys_of_different_suites_get_the_same_droplet(self):
        self.push()
        self.promote_to_all("--id", "suites", "--no-activate", expect=8)
        offered = {entry["target_index"]: payload_of(json.loads(base64.b64decode(
            entry["seal_offer"])))["suite"] for entry in self.entries("suites")
            if entry["seal_offer"]}
        self.assertEqual([offered[TARGETS.index(name)] for name in TARGETS],
                         ["x25519-hkdf-sha256-aes256gcm", "x25519-hkdf-sha256-aes256gcm",
                          "p256-hkdf-sha256-aes256gcm"])
        digest = self.dev.current_droplet(self.app)["checksum"]
        for name, box in self.boxes.items():
            self.assertIn(digest, [droplet["checksum"] for droplet in box.droplets(self.app)], name)

    def test_a_target_that_is_not_connected_stops_the_plan_and_nothing_is_ordered(self):
        self.push()
        mutations = {name: box.mutations() for name, box in self.boxes.items()}
        self.assertEqual(self.federation.agents["west"].process.stop(), 0)
        self.addCleanup(self.federation.start_agent, "west")
        eventually("the coordinator to notice", lambda: '"connected":false' in self.sluice(
            "foundations", "--output", "json").stdout)
        refused = self.promote_to_all("--id", "not-connected", expect=5)
        self.assert_named(refused, "agent-not-connected", "west")
        self.sluice("promotion", "not-connected", expect=4)
        self.assertEqual({name: box.mutations() for name, box in self.boxes.items()}, mutations)

    def test_all_wait_for_a_target_whose_agent_dies_and_go_on_when_it_is_back(self):
        self.push(big=True)
        self.slow_uploads("west")
        self.promote_to_all("--detach", "--id", "one-dies", "--no-activate")
        self.wait_for_uploads("west")
        self.federation.agents["west"].process.kill()
        waiting = self.sluice("watch", "one-dies", "--timeout", "3s", expect=6)
        self.assertIn("sluice watch one-dies", waiting.stderr)
        self.federation.boxes["west"].behave()
        self.federation.start_agent("west")
        watched = self.sluice("watch", "one-dies", "--output", "json", expect=8).json()
        self.assertEqual([target["state"] for target in watched["targets"]], ["uploaded"] * 3)
        cancelled = self.sluice("cancel", "one-dies", "--output", "json").json()
        self.assertEqual([target["state"] for target in cancelled["targets"]], ["cancelled"] * 3)

    def test_cancel_in_mid_transfer_puts_every_target_back(self):
        self.push(big=True)
        before = self.states()
        self.slow_uploads(*TARGETS)
        self.promote_to_all("--detach", "--id", "cancel-all")
        self.wait_for_uploads(*TARGETS)
        cancelled = self.sluice("cancel", "cancel-all", "--output", "json")
        self.assertEqual([target["state"] for target in cancelled.json()["targets"]],
                         ["cancelled"] * 3)
        self.assertLess(cancelled.seconds, 4 * PATIENCE)
        self.assert_put_back(before)

    def test_uploaded_everywhere_it_waits_and_activate_runs_it_everywhere(self):
        self.push()
        uploaded = self.promote_to_all("--no-activate", "--output", "json", expect=8).json()
        self.assertEqual([target["state"] for target in uploaded["targets"]], ["uploaded"] * 3)
        self.assert_versions(east=1, west=1, north=1)
        self.sluice("activate", uploaded["id"], "--yes")
        for box in self.boxes.values():
            self.wait_for_version(box, self.app, 2)

    def test_a_rollback_of_some_targets_leaves_the_others_and_the_rest_may_follow(self):
        self.push()
        promotion = self.promote_to_all("--output", "json").json()["id"]
        back = self.sluice("rollback", promotion, *self.references("west"), "--yes", "--output",
                           "json").json()
        self.assertEqual((back["state"], [target["state"] for target in back["targets"]]),
                         ("done", ["verified", "rolled_back", "verified"]))
        self.wait_for_version(self.federation.boxes["west"], self.app, 1)
        self.assert_versions(east=2, north=2)
        again = self.sluice("rollback", promotion, *self.references("west"), "--yes", expect=1)
        self.assert_named(again, "nothing-to-roll-back")
        rest = self.sluice("rollback", promotion, "--yes", "--output", "json").json()
        self.assertEqual(rest["state"], "rolled_back")
        for name in ("east", "north"):
            self.wait_for_version(self.federation.boxes[name], self.app, 1)

    def test_two_targets_in_one_foundation_get_the_droplet_once_and_both_run_it(self):
        east = self.federation.boxes["east"]
        self.dev.push(self.app, self.small(2))
        second = f"{self.app}-second"
        for app in (self.app, second):
            east.push(app, self.small(1))
        self.federation.boxes["west"].push(self.app, self.small(1))
        uploads = east.uploads()
        promoted = self.promote(self.app, f"east:{ORGANIZATION}/payments/{second}",
                                *self.references("west"), "--output", "json",
                                target=self.references("east")[0]).json()
        self.assertEqual([target["state"] for target in promoted["targets"]], ["verified"] * 3)
        came, copied, came_too = [target["path"] for target in promoted["targets"]]
        self.assertEqual(copied, "copied")
        # One chunk: whoever has it first may pass it on.
        self.assertIn((came, came_too), itertools.product(("direct", "peer"), repeat=2))
        self.assertEqual(east.uploads(), uploads + 1)
        for app in (self.app, second):
            self.wait_for_version(east, app, 2)
        self.sluice("rollback", promoted["id"], "--yes")
        for app in (self.app, second):
            self.wait_for_version(east, app, 1)


if __name__ == "__main__":
    unittest.main()
