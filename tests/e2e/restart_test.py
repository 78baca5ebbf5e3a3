"""Processes that are killed at a bad moment, and links that go with them."""

import itertools
import signal
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from federation.programs import PATIENCE, eventually

MIB = 1024 * 1024
SLOW = 12 * MIB  # bytes a second: an upload of about five seconds


class Restart(FederationCase):
    _seeds = itertools.count(1)

    def big(self):
        """So many bytes that a promotion can be met in its middle, and like no other's."""
        return make_incompressible(self.droplet_folder, "big", 64 * MIB, next(self._seeds))

    def push_big(self, app):
        self.dev.push(app, self.big(), started=False)
        self.prod.push(app, self.small(1))
        self.wait_for_version(self.prod, app, 1)

    def slow_promotion(self, app):
        """Begins one whose upload takes its time, and returns once bytes flow at the target."""
        self.prod.misbehave("upload-slow", bytes_per_second=SLOW)
        self.addCleanup(self.prod.behave)
        self.promote(app, "--detach", "--id", app, "--no-activate")
        self.wait_for_upload()

    def wait_for_upload(self):
        eventually("an upload at prod", lambda: self.prod.state()["uploads"])

    def assert_put_back(self, before):
        # The box reads slowly by order, so it is the last to hear of a cut upload.
        eventually("the cut upload to be gone", lambda: not self.prod.state()["uploads"])
        self.assert_untouched(self.prod, before)

    def test_a_coordinator_killed_in_mid_transfer_finishes_the_promotion_after_its_restart(self):
        self.push_big("coordinator-killed")
        self.slow_promotion("coordinator-killed")
        self.federation.coordinator.kill()
        self.federation.start_coordinator()
        watched = self.sluice("watch", "coordinator-killed", "--output", "json", expect=8).json()
        self.assertEqual(watched["targets"][0]["state"], "uploaded")
        self.assertEqual(watched["targets"][0]["reported_sha256"],
                         self.dev.current_droplet("coordinator-killed")["checksum"]["value"])
        self.sluice("cancel", "coordinator-killed")

    def assert_uploaded(self, app):
        """The promotion comes to its end at *uploaded*, with the bits of the source."""
        target = self.sluice("watch", app, "--output", "json", expect=8).json()["targets"][0]
        self.assertEqual(target["state"], "uploaded")
        self.assertEqual(target["reported_sha256"],
                         self.dev.current_droplet(app)["checksum"]["value"])
        self.assertEqual(self.spooled("prod"), [])
        self.sluice("cancel", app)

    def spooled(self, name):
        """Files that transfers have left with that agent."""
        data = self.federation.agents[name].folder / "data"
        return [file.name for folder in ("spool", "outgoing") for file in (data / folder).iterdir()]

    def test_an_agent_of_the_source_killed_in_mid_transfer_goes_on_after_its_restart(self):
        self.push_big("source-killed")
        self.dev.misbehave("download-slow", bytes_per_second=SLOW)
        self.addCleanup(self.dev.behave)
        self.promote("source-killed", "--detach", "--id", "source-killed", "--no-activate")
        self.wait_for_upload()
        self.federation.agents["dev"].process.kill()
        self.dev.behave()
        self.federation.start_agent("dev")
        self.assert_uploaded("source-killed")
        self.assertEqual(self.spooled("dev"), [])

    def test_an_agent_of_the_target_killed_in_mid_upload_uploads_again_after_its_restart(self):
        self.push_big("target-killed")
        droplets = len(self.prod.droplets("target-killed"))
        self.slow_promotion("target-killed")
        self.federation.agents["prod"].process.kill()
        self.prod.behave()
        self.federation.start_agent("prod")
        self.assert_uploaded("target-killed")
        self.assertEqual(len(self.prod.droplets("target-killed")), droplets + 1,
                         "the same droplet is uploaded")

    def test_what_a_restarted_target_has_is_shown_although_nothing_moves(self):
        self.push_big("spooled")
        self.prod.misbehave("upload-slow", bytes_per_second=MIB)
        self.addCleanup(self.prod.behave)
        self.promote("spooled", "--detach", "--id", "spooled", "--no-activate")
        self.wait_for_upload()
        self.federation.agents["prod"].process.kill()
        self.federation.start_agent("prod")
        self.wait_for_upload()
        self.federation.start_sluice("watch", "spooled").wait_for_text("100%")
        self.sluice("cancel", "spooled")

    def test_both_agents_asked_to_end_in_mid_transfer_go_on_after_their_restart(self):
        self.push_big("both-stopped")
        self.dev.misbehave("download-slow", bytes_per_second=SLOW)
        self.addCleanup(self.dev.behave)
        self.promote("both-stopped", "--detach", "--id", "both-stopped", "--no-activate")
        self.wait_for_upload()
        for name in ("dev", "prod"):
            self.assertEqual(self.federation.agents[name].process.stop(), 0)
        self.dev.behave()
        for name in ("dev", "prod"):
            self.federation.start_agent(name)
        self.assert_uploaded("both-stopped")

    def test_cancel_takes_effect_in_mid_transfer_and_puts_everything_back(self):
        self.push_big("cancel-transfer")
        before = self.prod.state()
        self.slow_promotion("cancel-transfer")
        cancelled = self.sluice("cancel", "cancel-transfer")
        self.assertLess(cancelled.seconds, 4 * PATIENCE)  # the design's 2 s, and the command itself
        self.assert_put_back(before)

    def test_interrupting_the_command_never_stops_the_promotion(self):
        self.push_big("interrupted")
        self.prod.misbehave("upload-slow", bytes_per_second=SLOW)
        self.addCleanup(self.prod.behave)
        command = self.federation.start_sluice(
            "promote", self.source("interrupted"), self.target, "--yes", "--no-activate", "--id",
            "interrupted", end_signal=signal.SIGINT)
        self.wait_for_upload()
        self.assertEqual(command.stop(), 130)
        self.assertIn("sluice watch interrupted", command.last_lines())
        self.sluice("watch", "interrupted", expect=8)

    def test_daemons_end_cleanly_when_they_are_asked_to(self):
        for process in list(self.federation.processes.values()):
            self.assertEqual(process.stop(), 0, process.last_lines())
        self.federation.start()


if __name__ == "__main__":
    unittest.main()
