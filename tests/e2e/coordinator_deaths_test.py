"""A coordinator that dies after everything it records."""

import unittest

from federation.case import FederationCase
from federation.programs import Unready

DEATHS_LEAST = 4  # of about eleven events, several of which may come in one life


class CoordinatorDeaths(FederationCase):
    def state_of(self, promotion):
        return self.sluice("promotion", promotion, "--output", "json").json()["state"]

    def next_change(self, promotion):
        """The next event of the promotion that the coordinator of now has recorded, or None when
        the one before had recorded the last and could not say so any more."""
        try:
            return self.federation.coordinator.wait_for("promotion-changed", promotion=promotion)
        except Unready:
            if self.state_of(promotion) == "done":
                return None
            raise

    def test_a_promotion_is_done_though_the_coordinator_is_killed_after_every_event(self):
        app = "many-deaths"
        self.dev.push(app, self.small(2))
        self.prod.push(app, self.small(1))
        self.wait_for_version(self.prod, app, 1)
        self.promote(app, "--detach", "--id", app)
        deaths = 0
        done = False
        while not done:
            changed = self.next_change(app)
            if changed is None:
                break
            coordinator = self.federation.coordinator
            coordinator.kill()
            deaths += 1
            done = any(event["state"] == "done"
                       for event in coordinator.events("promotion-changed"))
            # It verifies its whole ledger before it is ready.
            self.federation.start_coordinator()
        self.assertGreaterEqual(deaths, DEATHS_LEAST)
        self.sluice("watch", app)
        self.assertEqual(self.state_of(app), "done")
        self.assertEqual(self.version_at(self.prod, app), 2)
        self.assertEqual(self.prod.current_droplet(app)["checksum"]["value"],
                         self.dev.current_droplet(app)["checksum"]["value"])


if __name__ == "__main__":
    unittest.main()
