import unittest

from network.case import LabCase
from network.lab import Lab
from network.stream import Stream, digest_of

BOTTLENECK = "100mbit"
SIZE = 50_000_000  # long beside the round trips in which TCP finds the rate
SIZE_SMALL = 2_000_000


class Delay(LabCase):
    def setUp(self):
        self.allowed("dev", "prod")

    def stream(self):
        return self.enterContext(Stream(self.lab["dev"], self.lab["prod"]))

    def test_four_times_the_delay_makes_four_times_the_round_trip(self):
        stream, round_trips = self.stream(), {}
        for milliseconds in (10, 40):
            self.lab.delay("prod", milliseconds)
            round_trips[milliseconds] = stream.round_trip()
            self.assertGreaterEqual(round_trips[milliseconds], 2 * milliseconds / 1000)
        self.assertAlmostEqual(round_trips[40] / round_trips[10], 4, delta=0.4)

    def test_the_delays_of_both_links_add_up(self):
        self.lab.delay("dev", 15)
        self.addCleanup(self.lab.delay, "dev", 0)
        self.lab.delay("prod", 5)
        both = self.stream().round_trip()
        self.assertGreaterEqual(both, 2 * (15 + 5) / 1000)
        self.lab.delay("prod", 25)
        self.assertAlmostEqual(self.stream().round_trip() / both, 2, delta=0.2)

    def test_a_bottleneck_80_ms_away_reaches_most_of_its_rate(self):
        self.limited("prod", BOTTLENECK)
        self.lab.delay("prod", 0)
        near = self.stream().seconds(SIZE)
        self.lab.delay("prod", 40)
        far = self.stream().seconds(SIZE)
        self.assertLess(far, 1.25 * near)

    def test_a_connection_goes_on_when_its_link_gets_longer(self):
        with Lab() as lab:  # in this one no delay line stands yet
            lab.add("dev")
            with Stream(lab["dev"], lab["coordinator"]) as stream:
                short = stream.round_trip()
                lab.delay("dev", 20)
                long = stream.round_trip()
                with stream.sending(SIZE_SMALL):
                    self.assertEqual(stream.receive(SIZE_SMALL), digest_of(SIZE_SMALL))
        self.assertGreater(long, short + 0.04)


if __name__ == "__main__":
    unittest.main()
