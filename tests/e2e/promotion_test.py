import unittest

from federation.case import FederationCase
from federation.droplet import CHECKOUT_PROCESS_TYPES


SLOW = 500  # bytes a second: the small droplet takes about three seconds


class Promotion(FederationCase):
    def push_both(self, app, version=1):
        """`app` runs `version` at dev, and exists with a route at prod."""
        self.dev.push(app, self.small(version))
        self.prod.create_app(app)

    def test_the_droplet_at_the_target_has_the_digest_that_the_source_published(self):
        self.push_both("digest")
        promoted = self.promote("digest", "--output", "json").json()
        published = self.dev.current_droplet("digest")["checksum"]
        self.assertEqual(published["type"], "sha256")
        self.assertEqual(self.prod.current_droplet("digest")["checksum"], published)
        self.assertEqual(promoted["state"], "done")
        self.assertEqual(promoted["targets"][0]["reported_sha256"], published["value"])
        self.wait_for_version(self.prod, "digest", 1)

    def test_process_types_are_carried_with_a_worker_too(self):
        self.push_both("types")
        self.promote("types")
        self.assertEqual(self.prod.current_droplet("types")["process_types"],
                         CHECKOUT_PROCESS_TYPES)
        self.assertEqual(set(self.prod.process_types("types")), {"web", "worker"})

    def test_without_activation_the_droplet_is_stored_and_activate_runs_it(self):
        self.push_both("window")
        uploaded = self.promote("window", "--no-activate", "--output", "json", expect=8)
        promotion = uploaded.json()
        self.assertEqual(promotion["targets"][0]["state"], "uploaded")
        self.assertEqual(len(self.prod.droplets("window")), 1)
        self.assertIsNone(self.prod.current_droplet("window"))
        uploads = self.prod.uploads()
        self.sluice("activate", promotion["id"], "--yes")
        self.assertEqual(self.prod.uploads(), uploads)
        self.wait_for_version(self.prod, "window", 1)

    def test_cancelled_before_its_activation_it_changes_nothing_of_what_runs(self):
        self.push_both("cancelled")
        before = self.prod.state()
        promotion = self.promote("cancelled", "--no-activate", "--output", "json", expect=8).json()
        self.sluice("cancel", promotion["id"])
        self.assertEqual(self.federation.promotion(promotion["id"])["state"], "cancelled")
        after = self.prod.state()
        for kind in set(before) - {"blobs", "droplets"}:  # what is STAGED is kept for the next time
            self.assertEqual(after[kind], before[kind], kind)

    def test_an_app_that_is_not_there_needs_create_and_is_told_what_it_lacks(self):
        self.dev.push("fresh", self.small())
        before = self.prod.state()
        refused = self.promote("fresh", expect=4)
        self.assert_named(refused, "no-app", "--create")
        self.assert_untouched(self.prod, before)
        created = self.promote("fresh", "--create")
        self.assertIn("route", created.stderr)
        self.assertIn("services", created.stderr)
        self.assertEqual(self.prod.current_droplet("fresh")["checksum"],
                         self.dev.current_droplet("fresh")["checksum"])
        self.assertEqual(self.prod.stack("fresh"), self.dev.stack("fresh"))

    def test_the_same_id_again_watches_the_same_promotion(self):
        self.push_both("idempotent")
        first = self.promote("idempotent", "--id", "CHG-7", "--output", "json").json()
        mutations = self.prod.mutations()
        again = self.promote("idempotent", "--id", "CHG-7", "--output", "json").json()
        self.assertEqual((first["id"], first["created_at"]), (again["id"], again["created_at"]))
        self.assertEqual(self.prod.mutations(), mutations)

    def test_the_same_id_with_another_content_is_refused(self):
        self.push_both("other-content")
        self.promote("other-content", "--id", "CHG-8")
        refused = self.promote("other-content", "--id", "CHG-8", "--reason", "another", expect=2)
        self.assert_named(refused, "promotion-id-used", "reason")

    def test_a_dry_run_shows_the_digest_and_changes_nothing(self):
        self.push_both("dry")
        before = self.prod.state()
        mutations = self.prod.mutations()
        shown = self.sluice("promote", self.source("dry"), self.target, "--dry-run")
        self.assertIn(self.dev.current_droplet("dry")["checksum"]["value"], shown.stdout)
        self.assert_untouched(self.prod, before)
        self.assertEqual(self.prod.mutations(), mutations)

    def test_a_chosen_droplet_is_promoted_instead_of_the_current_one(self):
        self.push_both("chosen", version=1)
        first = self.dev.current_droplet("chosen")
        self.dev.push("chosen", self.small(2))
        self.promote("chosen", "--droplet", "sha256:" + first["checksum"]["value"])
        self.wait_for_version(self.prod, "chosen", 1)

    def test_a_rollback_brings_the_earlier_droplet_back_without_an_upload(self):
        self.push_both("back", version=1)
        self.promote("back")
        self.dev.push("back", self.small(2))
        second = self.promote("back", "--output", "json").json()
        self.wait_for_version(self.prod, "back", 2)
        uploads = self.prod.uploads()
        self.sluice("rollback", second["id"], "--yes")
        self.wait_for_version(self.prod, "back", 1)
        self.assertEqual(self.prod.uploads(), uploads)

    def test_a_rollback_stops_an_app_that_had_no_droplet_before(self):
        self.push_both("bare")
        promotion = self.promote("bare", "--output", "json").json()["id"]
        self.wait_for_version(self.prod, "bare", 1)
        back = self.sluice("rollback", promotion, "--yes")
        self.assertIn("no droplet, as before: the app is stopped", back.stderr)
        self.assertEqual(self.prod.app("bare")["state"], "STOPPED")
        again = self.promote("bare", "--output", "json").json()
        self.assertEqual(again["targets"][0]["path"], "stored")
        self.wait_for_version(self.prod, "bare", 1)

    def test_detached_it_is_recorded_at_once_and_watch_sees_its_end(self):
        self.push_both("detached")
        promotion_id = self.promote("detached", "--detach").stdout.strip()
        watched = self.sluice("watch", promotion_id, "--output", "json").json()
        self.assertEqual(watched["state"], "done")

    def test_a_timeout_of_the_command_ends_only_the_waiting(self):
        self.push_both("slow")
        self.prod.misbehave("upload-slow", bytes_per_second=SLOW)
        self.addCleanup(self.prod.behave)
        waiting = self.promote("slow", "--timeout", "1s", "--id", "slow-one", expect=6)
        self.assertIn("sluice watch slow-one", waiting.stderr)
        self.assertEqual(self.sluice("watch", "slow-one", "--output", "json").json()["state"],
                         "done")

    def test_listings_show_foundations_apps_droplets_and_promotions(self):
        self.push_both("listed")
        self.promote("listed", "--id", "listed-one")
        foundations = self.sluice("foundations", "--output", "json").stdout
        for name in self.FOUNDATIONS:
            self.assertIn(f'"{name}"', foundations)
        # Where roles hold is told by name.
        self.assertIn("space_developer in acme/payments", self.sluice("foundations").stdout)
        self.assertIn("listed", self.sluice("apps", "dev:acme/payments").stdout)
        digest = self.dev.current_droplet("listed")["checksum"]["value"]
        self.assertIn(digest, self.sluice("droplets", "prod:acme/payments/listed", "--output",
                                          "json").stdout)
        self.assertIn("listed-one", self.sluice("promotions").stdout)
        shown = self.federation.promotion("listed-one")
        self.assertIn("order", " ".join(entry["kind"] for entry in shown["entries"]))


if __name__ == "__main__":
    unittest.main()
