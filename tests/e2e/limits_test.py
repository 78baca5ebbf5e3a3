"""Rates that an operator or an agent's configuration sets, and how many droplets go at a time."""

import itertools
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from federation.programs import eventually

MIB = 1024 * 1024
DROPLET = 17 * MIB  # more than what counts as small
DIGESTS_BEGIN_AT = 512  # in a log of them, common/transfer/chunk_digest_log.cc
SECONDS_OF_A_CHUNK_AT_16K = 32


class Limits(FederationCase):
    _seeds = itertools.count(1)

    def push(self, app, size=DROPLET):
        """A droplet like no other's, for an app that prod has."""
        self.dev.push(app, make_incompressible(self.droplet_folder, app, size, next(self._seeds)),
                      started=False)
        self.prod.create_app(app)

    def promote_at(self, app, *flags):
        """Bytes a second at which prod's agent received it, uploaded and no more."""
        self.push(app)
        done = self.promote(app, "--no-activate", "--id", app, "--output", "json", *flags,
                            expect=8).json()["targets"][0]
        self.assertEqual(done["reported_sha256"],
                         self.dev.current_droplet(app)["checksum"]["value"])
        return done["transfer"]["bytes_sent"] / (done["transfer"]["stages"]["transfer"] / 1000)

    def assert_kept(self, rate, limit):
        """Never above it but for what a bucket saves, and a chunk."""
        self.assertLess(rate, 1.15 * limit)

    def restart_agent(self, name, **config):
        self.federation.agents[name].process.stop()
        self.federation.start_agent(name, **config)

    def limit_agent(self, name, **limits):
        self.addCleanup(self.restart_agent, name)
        self.restart_agent(name, limits=limits)

    def transfer_of(self, app):
        return self.federation.promotion(app)["targets"][0]

    def sending(self):
        """How many transfers of dev's agent have sealed a chunk: their logs of digests say so."""
        logs = (self.federation.agents["dev"].folder / "data" / "outgoing").glob("*.digests")
        return sum(log.stat().st_size > DIGESTS_BEGIN_AT for log in logs)

    def wait_for_bytes(self, app):
        """The only one that is sent."""
        eventually(f"the first chunk of {app}", lambda: self.sending() == 1)

    def test_the_rate_of_a_promotion_is_kept_whatever_it_is(self):
        self.assert_kept(self.promote_at("slow", "--limit-rate", "2M"), 2 * MIB)
        self.assert_kept(self.promote_at("fast", "--limit-rate", "4M"), 4 * MIB)

    def test_an_agents_own_rate_is_kept_in_each_direction_and_the_smaller_one_counts(self):
        self.limit_agent("dev", send_rate="4M")
        self.assert_kept(self.promote_at("sent"), 4 * MIB)
        self.assert_kept(self.promote_at("sent-below", "--limit-rate", "3M"), 3 * MIB)
        self.restart_agent("dev")
        self.limit_agent("prod", receive_rate="4M")
        self.assert_kept(self.promote_at("received", "--limit-rate", "1G"), 4 * MIB)

    def test_a_cancel_does_not_wait_for_the_rate(self):
        self.push("cancelled")
        self.promote("cancelled", "--no-activate", "--detach", "--id", "cancelled",
                     "--limit-rate", "16K")
        self.wait_for_bytes("cancelled")
        cancelled = self.sluice("cancel", "cancelled", "--output", "json")
        self.assertLess(cancelled.seconds, SECONDS_OF_A_CHUNK_AT_16K / 2)
        target = cancelled.json()["targets"][0]
        self.assertEqual(target["state"], "cancelled")
        self.assertLess(target["transfer"]["bytes_done"], MIB)
        dev = self.federation.agents["dev"].process
        dev.wait_for("job-state", promotion="cancelled", state="cancelled")

    def test_two_promotions_share_an_agents_rate_and_the_small_one_ends_first(self):
        self.limit_agent("dev", send_rate="2M")
        self.push("large")
        self.push("small", 2 * MIB)
        self.promote("large", "--no-activate", "--detach", "--id", "large")
        self.wait_for_bytes("large")
        self.promote("small", "--no-activate", "--id", "small", expect=8)
        self.assertEqual(self.transfer_of("large")["state"], "transferring")
        self.sluice("cancel", "large")

    def test_where_one_droplet_arrives_at_a_time_others_wait_by_name_but_not_small_ones(self):
        self.limit_agent("prod", uploads=1)
        self.push("first")
        self.push("second")
        self.push("third", MIB)
        self.promote("first", "--no-activate", "--detach", "--id", "first", "--limit-rate", "64K")
        self.wait_for_bytes("first")
        self.promote("second", "--no-activate", "--detach", "--id", "second")
        eventually("the second to say what it waits for",
                   lambda: self.transfer_of("second")["waiting_for"] == "limit")
        self.promote("third", "--no-activate", "--id", "third", expect=8)
        self.assertEqual(self.sending(), 1)
        self.sluice("cancel", "first")
        self.sluice("watch", "second", expect=8)

    def test_where_one_droplet_is_read_at_a_time_others_are_read_after_it(self):
        self.limit_agent("dev", downloads=1)
        self.push("read-first")
        self.push("read-second")
        self.promote("read-first", "--no-activate", "--detach", "--id", "read-first",
                     "--limit-rate", "64K")
        self.wait_for_bytes("read-first")
        self.promote("read-second", "--no-activate", "--detach", "--id", "read-second")
        self.federation.agents["dev"].process.wait_for("download-waits-for-limit")
        self.assertEqual(self.sending(), 1)
        self.sluice("cancel", "read-first")
        self.sluice("watch", "read-second", expect=8)


if __name__ == "__main__":
    unittest.main()
