"""Links so slow, or so often cut, that a foundation would end the upload: it is begun late, or
given up and begun again from the spool. The foundation's limits are scaled down to seconds."""

import threading
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from federation.programs import eventually
from network.lab import Lab

MIB = 1024 * 1024
WHOLE_SECONDS, IDLE_SECONDS = 20, 3  # gorouter's 900 and nginx's 60, scaled


class UploadLimit(FederationCase):
    BOX_OPTIONS = {"prod": {"request_limit": WHOLE_SECONDS,
                            "upload_idle": IDLE_SECONDS}}

    @classmethod
    def make_places(cls):
        cls.lab = cls.enterClassContext(Lab())
        for name in cls.FOUNDATIONS:
            cls.lab.add(name)
        cls.lab.allow("prod", "dev")
        return cls.lab

    @classmethod
    def start(cls):
        cls.federation.agents["prod"].cloud_controller = {
            "upload_time_max": f"{WHOLE_SECONDS}s", "upload_idle_max": f"{IDLE_SECONDS}s"}
        cls.federation.start_coordinator()
        cls.federation.start_agent("dev")
        cls.federation.start_agent("prod", listens=False)

    def begin(self, app, mebibytes, rate):
        self.lab.limit("prod", rate)
        self.addCleanup(self.lab.limit, "prod", None)
        droplet = make_incompressible(self.droplet_folder, app, mebibytes * MIB, seed=app)
        self.dev.push(app, droplet, started=False)
        self.prod.create_app(app)
        self.promote(app, "--detach", "--id", app, "--no-activate")
        return self.federation.agents["prod"].process

    def finish(self, app):
        target = self.sluice("watch", app, "--output", "json", expect=8).json()["targets"][0]
        self.assertEqual(target["reported_sha256"],
                         self.dev.current_droplet(app)["checksum"]["value"])
        return target

    def uploads_begun(self, agent, since):
        return agent.events("upload-begun")[since:]

    def test_a_transfer_longer_than_an_upload_may_take_is_uploaded_late_and_once(self):
        agent = self.federation.agents["prod"].process
        before = len(agent.events("upload-begun"))
        self.begin("slow", 32, "10mbit")  # 28 seconds
        self.finish("slow")
        uploads = self.uploads_begun(agent, before)
        self.assertEqual(len(uploads), 1, uploads)
        self.assertGreater(uploads[0]["bytes"], 16 * MIB, "it began before half had arrived")

    def test_a_cut_of_twice_the_idle_limit_in_mid_upload_costs_one_upload(self):
        agent = self.federation.agents["prod"].process
        before = len(agent.events("upload-begun"))
        self.begin("cut", 32, "40mbit")  # 7 seconds
        eventually("an upload at prod", lambda: self.prod.state()["uploads"])
        self.lab.cut("prod")
        threading.Event().wait(2 * IDLE_SECONDS)
        self.lab.restore("prod")
        target = self.finish("cut")
        self.assertGreaterEqual(len(self.uploads_begun(agent, before)), 2)
        self.assertTrue([line for line in target["warnings"] if "begun again" in line], target)

    def test_a_foundation_that_cuts_an_upload_gets_it_again(self):
        self.prod.misbehave("upload-connection-cut", count=2, after_bytes=1 * MIB)
        self.addCleanup(self.prod.behave)
        self.begin("twice", 8, "200mbit")
        target = self.finish("twice")
        self.assertEqual(len([line for line in target["warnings"] if "begun again" in line]), 2)


if __name__ == "__main__":
    unittest.main()
