"""A droplet exported to the operator's machine: its exact bytes, or nothing."""

import hashlib
import json
import os
import signal
import subprocess
import tarfile
import unittest
from pathlib import Path

from federation.case import FederationCase
from federation.run_image import make_run_image, read_image


def sha256_of(file):
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


class Export(FederationCase):
    FOUNDATIONS = ("dev",)

    @classmethod
    def start(cls):
        cls.federation.add_operator("paul", "read,promote@*:*/*")  # who may not export
        cls.federation.start_coordinator(relay=True)
        # It dials out only: what the operator gets comes by the relay.
        cls.federation.start_agent("dev", listens=False)

    def folder(self, name):
        folder = self.federation.folder / name
        folder.mkdir()
        return folder

    def published(self, app):
        """The SHA-256 that Cloud Controller tells of the app's current droplet."""
        checksum = self.dev.current_droplet(app)["checksum"]
        self.assertEqual(checksum["type"], "sha256")
        return checksum["value"]

    def export(self, app, destination, *flags, **options):
        return self.sluice("export", self.source(app), destination, "--yes", *flags, **options)

    def test_the_file_has_the_digest_that_cloud_controller_publishes_and_nothing_else_is_left(self):
        # Several windows of credit.
        self.dev.push("bits", self.small(noise_bytes=20_000_000))
        folder = self.folder("bits")
        told = self.export("bits", f"droplet:{folder}/checkout.tgz", "--output", "json").json()
        self.assertEqual(sha256_of(folder / "checkout.tgz"), self.published("bits"))
        self.assertEqual(sorted(os.listdir(folder)),
                         ["checkout.tgz", "checkout.tgz.statement.json"])
        self.assertEqual((told["state"], told["sha256"]), ("done", self.published("bits")))
        shown = self.federation.promotion(told["id"])
        self.assertEqual((shown["state"], shown["recipient"], shown["targets"]),
                         ("done", "maria", []))

    def test_an_image_holds_the_droplet_of_that_digest_and_its_own_digest_is_the_same_twice(self):
        self.dev.push("image", self.small(noise_bytes=1_000_000))
        folder = self.folder("image")
        base = make_run_image(self.federation.folder / "base.tar")
        told = [self.export("image", f"oci-archive:{folder}/{name}:1.2", "--run-image", base,
                            "--output", "json").json() for name in ("one.tar", "two.tar")]
        image = read_image(folder / "one.tar")
        self.assertEqual(image.labels["dev.sluice.droplet-digest"],
                         "sha256:" + self.published("image"))
        self.assertEqual(image.labels["dev.sluice.app"], "image")
        self.assertEqual([each["image_digest"] for each in told], [image.digest] * 2)
        self.assertEqual(sha256_of(folder / "one.tar"), sha256_of(folder / "two.tar"))
        inspected = subprocess.run(["skopeo", "inspect", f"oci-archive:{folder}/one.tar:1.2"],
                                   check=True, capture_output=True, text=True)
        self.assertEqual(json.loads(inspected.stdout)["Digest"], image.digest)
        self.export("image", f"droplet:{folder}/droplet.tgz")
        with tarfile.open(folder / "droplet.tgz") as droplet:
            for member in filter(tarfile.TarInfo.isfile, droplet):
                self.assertEqual(image.files["home/vcap/" + member.name.removeprefix("./")],
                                 droplet.extractfile(member).read(), member.name)
        self.assertEqual(sorted(os.listdir(folder)),
                         sorted(name + ending for name in ("one.tar", "two.tar", "droplet.tgz")
                                for ending in ("", ".statement.json")))

    def test_a_file_that_is_there_is_replaced_by_force_alone(self):
        self.dev.push("there", self.small())
        folder = self.folder("there")
        (folder / "mine").write_text("mine")
        refused = self.export("there", f"droplet:{folder}/mine", expect=2)
        self.assert_named(refused, "file-exists", "--force")
        self.assertEqual((folder / "mine").read_text(), "mine")
        self.export("there", f"droplet:{folder}/mine", "--force")
        self.assertEqual(sha256_of(folder / "mine"), self.published("there"))

    def test_wrong_bits_leave_no_file(self):
        self.dev.push("wrong", self.small(noise_bytes=1_000_000))
        folder = self.folder("wrong")
        self.dev.misbehave("download-corrupt-byte", at=500_000)
        self.addCleanup(self.dev.behave)
        failed = self.export("wrong", f"droplet:{folder}/checkout.tgz", expect=1)
        self.assert_named(failed, "digest-mismatch")
        self.assertEqual(os.listdir(folder), [])

    def test_without_the_right_to_export_nothing_is_read(self):
        self.dev.push("denied", self.small())
        folder = self.folder("denied")
        refused = self.export("denied", f"droplet:{folder}/checkout.tgz", expect=3, operator="paul")
        self.assert_named(refused, "paul")
        self.assertEqual(os.listdir(folder), [])

    def test_given_up_by_its_timeout_it_ends_at_the_source_too(self):
        self.dev.push("slow", self.small(noise_bytes=2_000_000))
        folder = self.folder("slow")
        self.dev.misbehave("download-slow", bytes_per_second=100_000)
        self.addCleanup(self.dev.behave)
        given_up = self.export("slow", f"droplet:{folder}/checkout.tgz", "--timeout", "2s",
                               "--id", "slow-export", expect=6)
        self.assert_named(given_up, "given up")
        self.assertEqual(os.listdir(folder), [])
        self.federation.coordinator.wait_for("promotion-changed", promotion="slow-export",
                                             state="cancelled")

    def begin_slowly(self, app, **options):
        """An export whose droplet takes some 10 s to come; when the source sends."""
        self.dev.push(app, self.small(noise_bytes=2_000_000))
        folder = self.folder(app)
        self.dev.misbehave("download-slow", bytes_per_second=200_000)
        self.addCleanup(self.dev.behave)
        command = self.federation.start_sluice(
            "export", self.source(app), f"droplet:{folder}/checkout.tgz", "--yes", "--id", app,
            **options)
        self.federation.agents["dev"].process.wait_for("job-state", promotion=app, state="sending")
        return command, folder

    def test_interrupted_it_ends_at_the_source_too_and_leaves_nothing(self):
        command, folder = self.begin_slowly("interrupted", end_signal=signal.SIGINT)
        self.assertEqual(command.stop(), 130, command.last_lines())
        self.assertEqual(os.listdir(folder), [])
        self.federation.coordinator.wait_for("promotion-changed", promotion="interrupted",
                                             state="cancelled")

    def test_one_whose_command_was_killed_waits_by_name_and_is_ended_by_a_cancel(self):
        command, folder = self.begin_slowly("killed")
        command.kill()
        self.assertFalse((folder / "checkout.tgz").exists())
        self.assertIn("waiting for operator maria", self.sluice("promotions").stdout
                      + self.sluice("promotion", "killed").stdout)
        self.sluice("cancel", "killed")
        self.federation.agents["dev"].process.wait_for("job-state", promotion="killed",
                                                       state="cancelled")

    def test_it_goes_on_when_agent_and_coordinator_were_killed_in_its_midst(self):
        command, folder = self.begin_slowly("restarted")
        self.federation.agents["dev"].process.kill()
        self.federation.coordinator.kill()
        self.dev.behave()
        self.federation.start_coordinator(relay=True)
        self.federation.start_agent("dev", listens=False)
        command.wait_for_text("statement in")
        self.assertEqual(sha256_of(folder / "checkout.tgz"), self.published("restarted"))


if __name__ == "__main__":
    unittest.main()
