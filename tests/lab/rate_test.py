import threading
import time
import unittest

from network.case import LabCase
from network.link import BURST_BYTES_MIN, BURST_SECONDS, bits_per_second
from network.stream import Stream

SLOW, FAST = "20mbit", "80mbit"
SIZE = 8_000_000
ALLOWED = 0.10  # of a ratio


class Rate(LabCase):
    def setUp(self):
        self.allowed("dev", "prod")
        self.stream = self.enterContext(Stream(self.lab["dev"], self.lab["prod"]))

    def seconds_at(self, rates):
        self.lab.link("dev").limit(**rates)
        self.addCleanup(self.lab.limit, "dev", None)
        return self.stream.seconds(SIZE)

    def test_a_quarter_of_the_rate_takes_four_times_as_long_from_a_place(self):
        ratio = self.seconds_at({"up": SLOW}) / self.seconds_at({"up": FAST})
        self.assertAlmostEqual(ratio, 4, delta=4 * ALLOWED)

    def test_a_quarter_of_the_rate_takes_four_times_as_long_to_a_place(self):
        self.limited("prod", SLOW)
        slow = self.stream.seconds(SIZE)
        self.lab.limit("prod", FAST)
        self.assertAlmostEqual(slow / self.stream.seconds(SIZE), 4, delta=4 * ALLOWED)

    def test_a_limit_of_one_direction_leaves_the_other_as_it_is(self):
        limited = self.seconds_at({"up": SLOW})
        other_way = self.seconds_at({"up": None, "down": SLOW})
        self.assertLess(other_way, limited / 2)

    def test_no_more_passes_than_was_asked(self):
        before = self.lab.carried("prod").down
        began = time.monotonic()
        self.seconds_at({"up": FAST})
        may_pass = bits_per_second(FAST) / 8 * (time.monotonic() - began + BURST_SECONDS)
        carried = self.lab.carried("prod").down - before
        self.assertLessEqual(carried, 1.05 * (may_pass + BURST_BYTES_MIN))

    def test_connections_share_the_rate_of_their_link(self):
        alone = self.seconds_at({"up": FAST})
        with Stream(self.lab["dev"], self.lab["prod"]) as other:
            began = time.monotonic()
            beside = threading.Thread(target=other.seconds, args=(SIZE,))
            beside.start()
            self.stream.seconds(SIZE)
            beside.join()
            together = time.monotonic() - began
        self.assertAlmostEqual(together / alone, 2, delta=2 * ALLOWED)

    def test_the_counters_of_a_link_say_what_it_carried(self):
        before = self.lab.carried("dev"), self.lab.carried("prod")
        self.stream.seconds(SIZE)
        sent = self.lab.carried("dev").up - before[0].up
        received = self.lab.carried("prod").down - before[1].down
        for carried in (sent, received):
            self.assertGreater(carried, SIZE)
            self.assertLess(carried, SIZE * 1.1)


if __name__ == "__main__":
    unittest.main()
