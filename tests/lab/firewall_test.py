import contextlib
import select
import socket
import unittest

from network.case import WAIT_SECONDS, LabCase, eventually
from network.stream import Stream


class Firewall(LabCase):
    @contextlib.contextmanager
    def listening(self, name):
        place = self.lab[name]
        with place.entered():
            listener = socket.create_server((place.address, 0))
        with listener:
            yield listener.getsockname()

    @contextlib.contextmanager
    def dialling(self, name, address):
        """A connection that is not there yet, and that the kernel goes on trying to make."""
        with self.lab[name].entered():
            dialler = socket.socket()
        with dialler:
            dialler.setblocking(False)
            dialler.connect_ex(address)
            yield dialler

    @staticmethod
    def connected(dialler, seconds):
        return bool(select.select([], [dialler], [], seconds)[1])

    def assert_refused(self, dialler, dialled):
        before = self.lab.packets_refused()
        with self.listening(dialled) as address, self.dialling(dialler, address) as attempt:
            # The second packet is another try: the first has had no answer.
            eventually("two tries are refused", lambda: self.lab.packets_refused() >= before + 2)
            self.assertFalse(self.connected(attempt, 0), f"{dialler} reached {dialled}")

    def test_a_foundation_dials_the_coordinator_and_is_answered(self):
        with Stream(self.lab["dev"], self.lab["coordinator"]) as stream:
            self.assertGreater(stream.round_trip(), 0)

    def test_nobody_dials_a_foundation_that_dials_out_only(self):
        for dialler in ("coordinator", "prod"):
            self.assert_refused(dialler, "dev")

    def test_an_allowed_pair_connects_and_only_in_that_direction(self):
        self.allowed("prod", "dev")
        with Stream(self.lab["prod"], self.lab["dev"]) as stream:
            self.assertGreater(stream.round_trip(), 0)
        self.assert_refused("dev", "prod")

    def test_a_try_that_was_refused_succeeds_once_it_is_allowed(self):
        before = self.lab.packets_refused()
        with self.listening("dev") as address, self.dialling("prod", address) as attempt:
            eventually("it is refused", lambda: self.lab.packets_refused() > before)
            self.allowed("prod", "dev")
            self.assertTrue(self.connected(attempt, WAIT_SECONDS))

    def test_a_connection_that_stands_goes_on_when_new_ones_are_forbidden(self):
        self.lab.allow("prod", "dev")
        with Stream(self.lab["prod"], self.lab["dev"]) as stream:
            self.lab.forbid("prod", "dev")
            self.assertGreater(stream.round_trip(), 0)
            self.assert_refused("prod", "dev")


if __name__ == "__main__":
    unittest.main()
