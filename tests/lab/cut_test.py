import threading
import unittest

from network.case import LabCase, eventually
from network.stream import Stream, digest_of

SIZE = 40_000_000
SEGMENT_BYTES = 1448  # of TCP with time stamps in Ethernet's 1500


class Cut(LabCase):
    def setUp(self):
        self.allowed("dev", "prod")

    def wait_for_a_lost_packet(self):
        before = self.lab.packets_lost()
        eventually("a packet is lost at the cut", lambda: self.lab.packets_lost() > before)

    def passes_until_a_packet_is_lost(self):
        """Whether a segment comes to either place before the next is lost at the cut."""
        def carried():
            return self.lab.carried("dev").down + self.lab.carried("prod").down

        before = carried()
        self.wait_for_a_lost_packet()
        # Less may come: the router asks for hardware addresses.
        return carried() - before >= SEGMENT_BYTES

    def assert_nothing_passes(self, stream):
        eventually("what was sent before the cut has come",
                   lambda: not self.passes_until_a_packet_is_lost())
        before = stream.bytes_received
        self.assertLess(before, SIZE)
        self.assertFalse(self.passes_until_a_packet_is_lost())
        self.assertEqual(stream.bytes_received, before)

    def cut_and_restored(self, name):
        """Cuts that place off in the middle of a stream from dev to prod; the stream's digest."""
        self.limited("prod", "100mbit")  # so that there is a middle
        digests = []
        with Stream(self.lab["dev"], self.lab["prod"]) as stream, stream.sending(SIZE):
            receiving = threading.Thread(target=lambda: digests.append(stream.receive(SIZE)),
                                         daemon=True)
            receiving.start()
            stream.wait_for_bytes(SIZE // 4)
            self.lab.cut(name)
            try:
                self.assert_nothing_passes(stream)
            finally:
                self.lab.restore(name)
            receiving.join()
        return digests[0]

    def test_a_cut_at_the_source_stops_bytes_and_healed_the_connection_goes_on(self):
        self.assertEqual(self.cut_and_restored("dev"), digest_of(SIZE))

    def test_a_cut_at_the_target_stops_bytes_and_healed_the_connection_goes_on(self):
        self.assertEqual(self.cut_and_restored("prod"), digest_of(SIZE))

    def test_a_cut_touches_no_other_place(self):
        self.lab.cut("prod")
        self.addCleanup(self.lab.restore, "prod")
        with Stream(self.lab["dev"], self.lab["coordinator"]) as stream:
            self.assertGreater(stream.round_trip(), 0)


if __name__ == "__main__":
    unittest.main()
