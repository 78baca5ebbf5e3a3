"""Every fault of a foundation ends the promotion with its own clear error, and the target's whole
state is what it was before."""

import collections
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible


# How often a source's agent asks for a droplet's size before it downloads it.
LOOKS = 2


class FaultsCase(FederationCase):
    # What a promotion that fails before activation may ask of the target.
    # A droplet is made, marked as the promotion's, sent, and deleted.
    CHANGES = {"POST /v3/droplets", "PATCH /v3/droplets/:guid", "POST /v3/droplets/:guid/upload",
               "DELETE /v3/droplets/:guid"}

    def setUp(self):
        self.app = self.id().rpartition(".")[2].removeprefix("test_").replace("_", "-")[:60]
        self.push_to_dev()
        self.prod.push(self.app, self.small(1))  # something runs there, and must go on
        self.wait_for_version(self.prod, self.app, 1)
        self.addCleanup(self.dev.behave)
        self.addCleanup(self.prod.behave)

    def push_to_dev(self):
        self.dev.push(self.app, self.small(2))

    def fails(self, *names):
        """A promotion that ends with this error, exit code 1 and nothing changed at prod. Returns
        how often each changing request was made there meanwhile."""
        before = self.prod.state()
        asked = collections.Counter(self.prod.requests_by_path())
        failed = self.promote(self.app, "--output", "table", expect=1)
        self.assert_named(failed, *names)
        self.assert_untouched(self.prod, before)
        self.assertEqual(self.version_at(self.prod, self.app), 1)
        # Nothing was changed but the droplet that was made, and it was deleted again.
        made = collections.Counter(self.prod.requests_by_path()) - asked
        changing = {request: count for request, count in made.items()
                    if not request.startswith(("GET ", "HEAD ", "POST /oauth/token"))}
        self.assertLessEqual(set(changing), self.CHANGES, str(changing))
        self.assertEqual(changing.get("POST /v3/droplets", 0),
                         changing.get("DELETE /v3/droplets/:guid", 0), str(changing))
        return changing


class Faults(FaultsCase):
    @property
    def at_the_source(self):
        """How the failure of a source is told, which the target has only heard of."""
        return f"failed: {self.source(self.app)}: "

    def fails_while(self, box, misbehaviour, *names, **parameters):
        box.misbehave(misbehaviour, **parameters)
        changing = self.fails(*names)
        box.behave()
        return changing

    def fails_early_and_late(self, misbehaviour, *names):
        """While dev misbehaves from the beginning, so that nothing is ordered; and then only after
        the droplet was looked at for the plan and for the statement, so that prod awaits it."""
        self.assertEqual(self.fails_while(self.dev, misbehaviour, *names), {})
        late = self.fails_while(self.dev, misbehaviour, *names, skip=LOOKS)
        # The upload begins with the first bytes that have come, and of these there are none.
        # The failure may come before the droplet is marked.
        self.assertEqual(late.keys() - {"PATCH /v3/droplets/:guid"},
                         {"POST /v3/droplets", "DELETE /v3/droplets/:guid"})

    def test_a_droplet_whose_bytes_differ_from_the_published_digest(self):
        self.fails_while(self.dev, "download-corrupt-byte", "digest-mismatch",
                         "the source gave bytes", self.at_the_source)

    def test_a_truncated_download(self):
        self.fails_while(self.dev, "download-truncated", "download-truncated", "dev: ",
                         self.at_the_source)

    def test_a_download_that_is_reset(self):
        self.fails_while(self.dev, "download-reset", "download-truncated", "dev: ",
                         self.at_the_source)

    def test_a_page_of_html_with_status_200_instead_of_the_droplet(self):
        self.fails_early_and_late("download-html-200", "download-not-a-droplet", "dev: ")

    def test_an_empty_body_instead_of_the_droplet(self):
        self.fails_early_and_late("download-empty", "download-empty", "dev: ")

    def test_a_wrong_content_length(self):
        self.fails_early_and_late("download-wrong-content-length", "download-wrong-size", "dev: ")

    def test_a_job_that_fails(self):
        self.fails_while(self.prod, "job-fails", "job-failed", "prod:", "150007")

    def test_an_upload_that_is_cut_again_and_again(self):
        self.fails_while(self.prod, "upload-connection-cut", "the connection was cut", "prod:",
                   after_bytes=500)

    def test_an_upload_that_is_refused(self):
        self.fails_while(self.prod, "upload-500", "prod:", "500")

    def test_another_checksum_after_the_upload(self):
        self.fails_while(self.prod, "checksum-lies", "checksum-differs", "prod:")
        # What that upload left is gone although it was STAGED: the next promotion sends it again.
        uploads = self.prod.uploads()
        self.promote(self.app)
        self.assertEqual(self.prod.uploads(), uploads + 1)
        self.wait_for_version(self.prod, self.app, 2)

    def test_a_droplet_that_fails_after_its_job_was_complete(self):
        self.fails_while(self.prod, "droplet-failed-after-complete", "prod:", "FAILED")

    def test_a_droplet_that_the_blobstore_has_lost_is_not_even_ordered(self):
        before = self.prod.state()
        mutations = self.prod.mutations()
        self.dev.misbehave("download-blob-missing-502")
        refused = self.promote(self.app, expect=5)
        self.assert_named(refused, "blobstore-unavailable", "dev: ", "150006")
        self.assert_untouched(self.prod, before)
        self.assertEqual(self.prod.mutations(), mutations)

    def test_an_undo_that_fails_needs_hands_and_a_rollback_repeats_it(self):
        before = self.prod.state()
        self.prod.misbehave("job-fails")
        # The droplet can be made and uploaded to, and not be deleted.
        self.prod.misbehave("org-suspended", skip=2)
        stuck = self.promote(self.app, "--id", "stuck", expect=7)
        self.assert_named(stuck, "needs-hands", "could not be deleted", "sluice rollback stuck")
        self.assertNotEqual(self.prod.difference(before), "")
        self.assertEqual(self.version_at(self.prod, self.app), 1)
        self.prod.behave()
        self.sluice("rollback", "stuck", "--yes")
        self.assert_untouched(self.prod, before)
        self.assertEqual(self.version_at(self.prod, self.app), 1)

    def test_an_undo_that_meets_an_outage_goes_on_by_itself_when_that_is_over(self):
        before = self.prod.state()
        self.prod.misbehave("job-fails")
        self.prod.misbehave("bad-gateway-502", path="DELETE ")
        promotion = self.federation.start_sluice("promote", self.source(self.app), self.target,
                                                 "--yes", "--id", "patient")
        self.federation.agents["prod"].process.wait_for("undo-waits")
        watching = self.federation.start_sluice("watch", "patient")
        watching.wait_for_text("undo waiting for foundation")
        self.assertNotEqual(self.prod.difference(before), "")
        self.prod.behave()
        self.assertEqual(promotion.wait_for_exit(60), 1)
        self.assertIn("job-failed", promotion.last_lines())
        self.assert_untouched(self.prod, before)
        self.assertEqual(self.version_at(self.prod, self.app), 1)


class FlippedBits(FaultsCase):
    """One bit of one chunk is another at the source, at each stage of its way: the target finds it,
    by another of its checks each time."""

    @classmethod
    def start(cls):
        cls.federation.start_coordinator()
        cls.federation.start_agent("prod")

    def push_to_dev(self):
        several_chunks = make_incompressible(self.droplet_folder, self.app, 3 << 20, seed=self.app)
        self.dev.push(self.app, several_chunks, started=False)

    def fails_when_flipped(self, stage, *names):
        """prod finds it and tells dev, which is no cause."""
        source = self.federation.start_agent("dev", binary="bit-flipping-agent",
                                             environment={"FLIPPED_BIT": stage})
        self.addCleanup(source.stop)
        self.fails(f"failed at {self.target}", *names)

    def test_a_bit_flipped_after_the_chunk_was_signed(self):
        self.fails_when_flipped("sent", "chunk-bad-signature", "chunk 2")

    def test_a_bit_flipped_in_a_sealed_chunk_that_is_then_signed(self):
        self.fails_when_flipped("sealed", "chunk-bad-seal", "chunk 2")

    def test_a_bit_flipped_before_the_chunk_is_sealed_and_signed(self):
        self.fails_when_flipped("plain", "digest-mismatch")

    def test_no_bit_flipped_by_that_source_is_a_promotion_like_any_other(self):
        source = self.federation.start_agent("dev", binary="bit-flipping-agent")
        self.addCleanup(source.stop)
        self.promote(self.app, "--no-activate", expect=8)
        digests = [droplet["checksum"]["value"] for droplet in self.prod.droplets(self.app)]
        self.assertIn(self.dev.current_droplet(self.app)["checksum"]["value"], digests)


class FaultsOfActivation(FederationCase):
    def setUp(self):
        self.addCleanup(self.prod.behave)

    def test_a_deployment_that_the_quota_refuses_leaves_what_ran(self):
        self.dev.push("quota", self.small(2))
        self.prod.push("quota", self.small(1))
        self.wait_for_version(self.prod, "quota", 1)
        before = self.prod.state()
        self.prod.misbehave("deployment-create-422-quota")
        failed = self.promote("quota", expect=1)
        self.assert_named(failed, "memory", "prod:")
        self.assertEqual(self.version_at(self.prod, "quota"), 1)
        # What is STAGED with the right digest is kept for the next time, and nothing else differs.
        after = self.prod.state()
        for kind in before.keys() - {"blobs", "droplets"}:
            self.assertEqual(after[kind], before[kind], kind)
        kept = [droplet for droplet in after["droplets"] if droplet not in before["droplets"]]
        self.assertEqual(len(after["droplets"]), len(before["droplets"]) + 1)
        self.assertEqual(len(after["blobs"]), len(before["blobs"]) + 1)
        self.assertEqual([(droplet["state"], droplet["checksum"]["value"]) for droplet in kept],
                         [("STAGED", self.dev.current_droplet("quota")["checksum"]["value"])])
        self.prod.behave()
        uploads = self.prod.uploads()
        self.promote("quota")
        self.assertEqual(self.prod.uploads(), uploads)
        self.wait_for_version(self.prod, "quota", 2)

    def test_an_app_created_by_a_failed_promotion_is_deleted(self):
        self.dev.push("created", self.small(2))
        before = self.prod.state()
        self.prod.misbehave("job-fails")
        self.promote("created", "--create", expect=1)
        self.assert_untouched(self.prod, before)

    def test_hiccups_of_the_api_are_ridden_out(self):
        self.dev.push("hiccups", self.small())
        self.prod.create_app("hiccups")
        for box in (self.dev, self.prod):
            self.addCleanup(box.behave)
            box.misbehave("rate-limited-429", count=2)
            box.misbehave("bad-gateway-502", count=2, path="GET ")
            box.misbehave("invalid-token-once", count=1)
            box.misbehave("doubled-request-id", count=3)
        self.promote("hiccups")
        self.wait_for_version(self.prod, "hiccups", 1)


if __name__ == "__main__":
    unittest.main()
