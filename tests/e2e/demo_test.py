import tempfile
import unittest

from federation.checkout_story import CheckoutStory
from federation.federation import ORGANIZATION, SPACE, Federation


class Demo(unittest.TestCase):
    def test_three_versions_are_promoted_and_one_comes_back_without_a_failed_request(self):
        with tempfile.TemporaryDirectory(prefix="sluice-droplets-") as droplets, \
                Federation() as federation:
            for name in ("dev", "prod"):
                federation.add_foundation(name).make_space(ORGANIZATION, SPACE)
            federation.start()
            story = CheckoutStory(federation, droplets)
            story.all()
            self.assertEqual([row.prod for row in story.rows],
                             ["checkout 1", "checkout 1", "checkout 2", "control 2", "checkout 2",
                              "checkout 1"])
            self.assertGreater(story.rows[0].bytes_moved, 60_000_000)
            self.assertEqual([row.bytes_moved for row in story.rows if "again" in row.step
                              or "rollback" in row.step], [0, 0])


if __name__ == "__main__":
    unittest.main()
