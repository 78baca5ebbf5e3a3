"""Promotions between agents that cannot reach each other: the coordinator's relay carries the
bytes, reads none of them, and holds no more than its window.
"""

import secrets
import signal
import threading
import unittest

from federation.case import FederationCase
from federation.droplet import make_incompressible
from federation.memory import memory_of, pieces_in
from federation.programs import PATIENCE, eventually
from network.lab import Lab

MIB = 1024 * 1024
# Headers of TCP/IP and of sealed and encrypted chunks, acknowledgements, the agents' small talk.
FRAMES = 1.07
SENT_AGAIN_MAX = 16 * MIB  # all that one process may have asked for
# What the relay may hold of one line (kRelayWindowMax), and half as much again for the copies that
# are made of what passes; the design allows a process 32 MiB above idle for one transfer.
HELD_MAX = 24 * MIB
PIECE = 16
PIECES = 256


class RelayCase(FederationCase):
    RATE = "100mbit"
    SIZE = 48 * MIB  # four seconds

    @classmethod
    def make_places(cls):
        cls.lab = cls.enterClassContext(Lab())
        for name in cls.FOUNDATIONS:
            cls.lab.add(name, rate=cls.RATE)
        return cls.lab

    def passed(self):
        """Bytes from the source to the coordinator's place, which only the relay takes."""
        return self.lab.carried("coordinator").down

    def relayed(self):
        return self.passed() - self.before

    def begin(self, app):
        """A promotion under way, and some pieces of its droplet."""
        droplet = make_incompressible(self.droplet_folder, app, self.SIZE, seed=app)
        whole = droplet.file.read_bytes()
        self.dev.push(app, droplet, started=False)
        droplet.file.unlink()
        self.prod.create_app(app)
        self.before = self.passed()
        self.promote(app, "--detach", "--id", app, "--no-activate")
        step = len(whole) // PIECES
        return [whole[at:at + PIECE] for at in range(step // 2, len(whole) - PIECE, step)]

    def await_relayed(self, share):
        eventually(f"{share:.0%} of the transfer", lambda: self.relayed() >= share * self.SIZE,
                   interval=0.005)

    def await_standstill(self):
        """Until the source has no credit left: nothing goes any more but signs of life."""
        def still():
            before = self.relayed()
            threading.Event().wait(1)
            return self.relayed() - before < 64 * 1024

        eventually("the transfer to stand still", still)

    def stop_the_target_in_mid_transfer(self):
        """The app and pieces of its droplet, once the relay holds as much as it ever will."""
        app = f"canary-{secrets.token_hex(16)}"
        pieces = self.begin(app)
        self.await_relayed(0.3)
        target = self.federation.agents["prod"].process
        target.signal(signal.SIGSTOP)
        self.addCleanup(target.signal, signal.SIGCONT)
        self.await_standstill()
        return app, pieces

    def finish(self, app):
        watched = self.sluice("watch", app, "--output", "json", expect=8).json()
        target = watched["targets"][0]
        self.assertEqual(target["reported_sha256"],
                         self.dev.current_droplet(app)["checksum"]["value"])
        return target


class DialOutOnly(RelayCase):
    @classmethod
    def start(cls):
        cls.federation.start_coordinator(relay=True)
        for name in cls.FOUNDATIONS:
            cls.federation.start_agent(name, listens=False)

    def test_a_promotion_works_and_says_by_which_path(self):
        self.begin("plain")
        target = self.finish("plain")
        self.assertEqual(target["path"], "relay")
        self.assertGreater(self.relayed(), self.SIZE)
        explained = self.sluice("promotion", "plain", "--explain").stdout
        self.assertRegex(explained, r"relay +tcp://[0-9.:]+ +\d+ +[1-9]\d* ")

    def test_it_holds_no_more_than_its_window_and_none_of_the_droplet(self):
        coordinator = self.federation.coordinator
        idle = coordinator.resident_bytes()
        app, pieces = self.stop_the_target_in_mid_transfer()
        held = coordinator.resident_bytes() - idle
        print(f"held by the relay for a target that reads nothing: {held} bytes", flush=True)
        self.assertLess(held, HELD_MAX * PATIENCE)  # a sanitizer keeps for a while what was freed
        memory = memory_of(coordinator.pid)
        self.assertEqual(pieces_in(memory, pieces), [], "pieces of the droplet in the relay")
        # That the search finds what is there: the promotion's own name is.
        self.assertEqual(pieces_in(memory, [app[-PIECE:].encode()]), [app[-PIECE:].encode()])
        del memory
        self.federation.agents["prod"].process.signal(signal.SIGCONT)
        self.finish(app)


class Unsealed(RelayCase):
    """The control: agents that seal nothing, whose droplet the relay could read."""

    @classmethod
    def start(cls):
        cls.federation.start_coordinator(relay=True)
        for name in cls.FOUNDATIONS:
            cls.federation.start_agent(name, listens=False, binary="unsealing-agent")

    def test_pieces_of_a_droplet_that_is_not_sealed_are_found_in_the_relay(self):
        _, pieces = self.stop_the_target_in_mid_transfer()
        self.assertNotEqual(pieces_in(memory_of(self.federation.coordinator.pid), pieces), [])


class DirectLost(RelayCase):
    """prod may dial dev, until the network between them fails."""

    RATE = "40mbit"
    SIZE = 96 * MIB  # twenty seconds

    @classmethod
    def start(cls):
        cls.lab.allow("prod", "dev")
        cls.federation.start_coordinator(relay=True)
        for name in cls.FOUNDATIONS:
            cls.federation.start_agent(name)

    def direct(self):
        """What left the source and did not go to the relay."""
        return self.lab.carried("dev").up - self.source_before - self.relayed()

    def test_the_relay_takes_over_and_gives_back(self):
        self.source_before = self.lab.carried("dev").up
        self.begin("moved")
        eventually("a part to go direct", lambda: self.direct() > 8 * MIB)
        self.assertLess(self.relayed(), MIB, "direct goes first")
        self.lab.part("dev", "prod")
        eventually("the relay to carry", lambda: self.relayed() > 4 * MIB)
        self.lab.join("dev", "prod")
        before = self.direct()
        eventually("the bytes to go direct again", lambda: self.direct() - before > 4 * MIB)
        target = self.finish("moved")
        again = max(0, self.direct() + self.relayed() - round(FRAMES * self.SIZE))
        print(f"direct {self.direct()}, by the relay {self.relayed()}, again {again} bytes",
              flush=True)
        self.assertLessEqual(again, 2 * SENT_AGAIN_MAX, "for two moves")
        carried = [way for way in target["ways"] if way["bytes"] > 0]
        self.assertEqual({way["path"] for way in carried}, {"direct", "relay"}, target["ways"])
        direct = [way["times_ready"] for way in carried if way["path"] == "direct"]
        self.assertGreater(max(direct), 1, "it was lost and came back")


if __name__ == "__main__":
    unittest.main()
