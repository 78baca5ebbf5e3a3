"""Every fault of a foundation ends the promotion with its own clear error, and the target's whole
state is what it was before."""

import collections
import unittest

from federation.case import FederationCase


class Faults(FederationCase):
    # What a promotion that fails before activation may ask of the target.
    CHANGES = {"POST /v3/droplets", "POST /v3/droplets/:guid/upload", "DELETE /v3/droplets/:guid"}

    def setUp(self):
        self.app = self.id().rpartition(".")[2].removeprefix("test_").replace("_", "-")[:60]
        self.dev.push(self.app, self.small(2))
        self.prod.push(self.app, self.small(1))  # something runs there, and must go on
        self.wait_for_version(self.prod, self.app, 1)
        self.addCleanup(self.dev.behave)
        self.addCleanup(self.prod.behave)

    def fails(self, box, misbehaviour, *names, count=None, **parameters):
        """Promotes while `box` misbehaves. Returns the finished command."""
        before = self.prod.state()
        asked = collections.Counter(self.prod.requests_by_path())
        box.misbehave(misbehaviour, count=count, **parameters)
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
        box.behave()
        return failed

    def test_a_droplet_whose_bytes_differ_from_the_published_digest(self):
        self.fails(self.dev, "download-corrupt-byte", "digest-mismatch", "dev: ")

    def test_a_truncated_download(self):
        self.fails(self.dev, "download-truncated", "download-truncated", "dev: ")

    def test_a_download_that_is_reset(self):
        self.fails(self.dev, "download-reset", "download-truncated", "dev: ")

    def test_a_page_of_html_with_status_200_instead_of_the_droplet(self):
        self.fails(self.dev, "download-html-200", "download-not-a-droplet", "dev: ")

    def test_an_empty_body_instead_of_the_droplet(self):
        self.fails(self.dev, "download-empty", "download-empty", "dev: ")

    def test_a_wrong_content_length(self):
        self.fails(self.dev, "download-wrong-content-length", "download-wrong-size", "dev: ")

    def test_a_job_that_fails(self):
        self.fails(self.prod, "job-fails", "job-failed", "prod:", "150007")

    def test_an_upload_that_is_cut_again_and_again(self):
        self.fails(self.prod, "upload-connection-cut", "the connection was cut", "prod:",
                   after_bytes=500)

    def test_an_upload_that_is_refused(self):
        self.fails(self.prod, "upload-500", "prod:", "500")

    def test_another_checksum_after_the_upload(self):
        self.fails(self.prod, "checksum-lies", "checksum-differs", "prod:")

    def test_a_droplet_that_fails_after_its_job_was_complete(self):
        self.fails(self.prod, "droplet-failed-after-complete", "prod:", "FAILED")

    def test_a_droplet_that_the_blobstore_has_lost_is_not_even_ordered(self):
        before = self.prod.state()
        mutations = self.prod.mutations()
        self.dev.misbehave("download-blob-missing-502")
        refused = self.promote(self.app, expect=5)
        self.assert_named(refused, "blobstore-unavailable", "dev: ", "150006")
        self.assert_untouched(self.prod, before)
        self.assertEqual(self.prod.mutations(), mutations)


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
        after = self.prod.state()
        for kind in set(before) - {"blobs", "droplets"}:  # what is STAGED is kept for the next time
            self.assertEqual(after[kind], before[kind], kind)
        self.assertEqual(self.version_at(self.prod, "quota"), 1)

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
