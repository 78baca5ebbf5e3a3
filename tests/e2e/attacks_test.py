"""The listening ports under attack while a droplet is promoted: it arrives all the same, what is
refused is named or counted, memory stays bounded, and everybody answers afterwards."""

import contextlib
import unittest

from federation.attacks import (HOSTILE, Garbage, HalfOpen, HostilePeer, HugeFrame,
                                admit_hostile_agent, listening)
from federation.case import FederationCase
from federation.droplet import make_incompressible
from federation.programs import PATIENCE, eventually

MIB = 1024 * 1024
# Above idle, of each process: 32 MiB for one transfer, and what strangers cost.
GROWN_BY_STRANGERS_MAX = (32 + 16) * MIB
# The same, and for each of the coordinator's two sockets 20 MiB of a message that is not whole
# (kUnfinishedBytesMax), with what comes in between two looks at it.
GROWN_MAX = (32 + 2 * (20 + 28)) * MIB
# kLines of common/net/log_allowance.h, in each period.
NAMED_IN_A_PERIOD = 20


class Attacked(FederationCase):
    LISTENS = True

    @classmethod
    def start(cls):
        federation = cls.federation
        cls.hostile_key = admit_hostile_agent(federation)
        federation.start_coordinator(relay=True)
        for name in cls.FOUNDATIONS:
            federation.start_agent(name, listens=cls.LISTENS)

    def withstands(self, app, attack, refused, grown_max=GROWN_BY_STRANGERS_MAX):
        """A promotion while `attack(endpoint)` goes on at each port, until `refused(endpoint,
        process)` is true of each, and one after it."""
        droplet = make_incompressible(self.droplet_folder, app, 64 * MIB, seed=app)
        self.dev.push(app, droplet, started=False)
        self.prod.create_app(app)
        ports, processes = listening(self.federation), self.federation.processes
        idle = {name: process.resident_bytes() for name, process in processes.items()}
        for process in processes.values():
            process.reset_peak()
        with contextlib.ExitStack() as attacks:
            for endpoint in ports:
                attacks.enter_context(attack(endpoint)).wait_until_under_way()
            self.promote(app, "--no-activate", "--id", app, expect=8)
            for endpoint, process in ports.items():
                eventually(f"refusals at {endpoint} of {process.name}",
                           lambda e=endpoint, p=process: refused(e, p))
        self.assert_uploaded(app)
        for name, process in processes.items():
            self.assertIsNone(process.exit_code, process.last_lines())
            # A sanitizer keeps for a while what was freed.
            self.assertLess(process.peak_resident_bytes() - idle[name], grown_max * PATIENCE, name)
        self.sluice("cancel", app)
        after = f"{app}-after"
        self.dev.push(after, self.small(), started=False)
        self.prod.create_app(after)
        self.promote(after, "--no-activate", "--id", after, expect=8)
        self.assert_uploaded(after)
        self.sluice("cancel", after)

    def assert_uploaded(self, app):
        target = self.federation.promotion(app)["targets"][0]
        self.assertEqual(target["state"], "uploaded")
        self.assertEqual(target["reported_sha256"],
                         self.dev.current_droplet(app)["checksum"]["value"])

    def counted(self, endpoint, process, cause):
        """How many connections that socket has said it refused for that cause."""
        return sum(event[cause] for event in process.events("connections-refused")
                   if event["endpoint"] == endpoint)

    def withstands_strangers(self, app, attack, *causes):
        self.withstands(app, attack, lambda endpoint, process: any(
            self.counted(endpoint, process, cause) > 0 for cause in causes))


class OfStrangers(Attacked):
    def test_garbage_is_counted(self):
        self.withstands_strangers("garbage", Garbage, "not_zmtp")

    def test_a_thousand_connections_that_say_nothing_are_counted(self):
        self.withstands_strangers("half-open", HalfOpen, "unfinished")

    def test_a_frame_of_two_gibibytes_before_the_handshake_is_counted(self):
        self.withstands_strangers("huge-frame", HugeFrame, "not_zmtp")

    def test_an_unknown_key_is_named_a_few_times_and_counted_always(self):
        self.withstands_strangers(
            "unknown-key",
            lambda endpoint: HostilePeer(self.federation, "unknown-key", endpoint), "not_admitted")
        for process in listening(self.federation).values():
            named = process.events("connection-refused")
            self.assertTrue(named[0]["key"])
            periods = len(process.events("connections-refused"))
            self.assertLessEqual(len(named), NAMED_IN_A_PERIOD * (periods + 1), process.name)


class OfAnAdmittedAgent(Attacked):
    def endless(self, endpoint):
        return HostilePeer(self.federation, "endless-message", endpoint, self.hostile_key)

    @staticmethod
    def named(endpoint, process):
        return any(event["endpoint"] == endpoint and event["name"] == HOSTILE
                   for event in process.events("endless-message-refused"))

    def test_a_message_without_end_is_refused_by_the_name_of_its_sender(self):
        self.withstands("endless", self.endless, self.named, GROWN_MAX)


class OfAnAdmittedAgentByRelay(OfAnAdmittedAgent):
    """The same while the droplet goes by the relay that is attacked."""

    LISTENS = False

    def assert_uploaded(self, app):
        super().assert_uploaded(app)
        self.assertEqual(self.federation.promotion(app)["targets"][0]["path"], "relay")


if __name__ == "__main__":
    unittest.main()
