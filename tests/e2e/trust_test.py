"""Attacks on trust, over the real programs: each is refused by name, and the target's box sees no
mutating request."""

import json
import shutil
import socket
import unittest

from federation.case import FederationCase
from federation.envelopes import altered, canonical, payload_of, signed, time_text
from federation.federation import ENVIRONMENT, OPERATOR
from federation.programs import Program, program

OTHER_DIGEST = "ab" * 32
OTHER_ORDER_ID = "cd" * 16
READY_SECONDS = 20


class TrustCase(FederationCase):
    @classmethod
    def start(cls):
        cls.federation.add_operator("outsider", "read,promote@prod:elsewhere/*", "read@*:*/*")
        cls.federation.make_operator_key("mallory")  # in no trust document
        super().start()
        cls.federation.boxes["dev"].push("checkout", cls.small())
        cls.federation.boxes["prod"].push("checkout", cls.small())
        # A promotion that was obeyed: its order is what attackers have in their hands.
        cls.obeyed_id = "obeyed"
        done = cls.federation.sluice("promote", "dev:acme/payments/checkout", "prod:acme/payments",
                                     "--yes", "--no-activate", "--id", cls.obeyed_id)
        if done.exit_code != 8:
            raise AssertionError(f"{done}\n{cls.federation.last_lines()}")
        cls.federation.sluice("cancel", cls.obeyed_id)
        cls.order = cls.order_of(cls.obeyed_id)
        cls.mutations = cls.federation.boxes["prod"].mutations()

    @classmethod
    def order_of(cls, promotion_id):
        entries = cls.federation.promotion(promotion_id)["entries"]
        return next(entry["body"] for entry in entries if entry["kind"] == "order")

    def key(self, name=OPERATOR):
        return self.federation.keys / f"{name}.key"

    def signed(self, promotion, operator=OPERATOR, **fields):
        """A fresh order: the obeyed one under a new name, good but for `fields`."""
        counter = payload_of(self.order)["targets"][0]["counter"] + 1
        return signed(self.order, self.key(operator), **{
            "promotion": promotion, "order_id": OTHER_ORDER_ID, "targets__0__counter": counter,
            "issued_at": time_text(0), "expires_at": time_text(600), **fields})

    def forgeries(self):
        """Name of the refusal -> order."""
        return {
            "bad-signature": altered(self.order, promotion="altered"),
            "unknown-operator": signed(self.order, self.key("mallory"), promotion="unknown"),
            "not-granted": self.signed("grants", operator="outsider"),
            "order-expired": self.signed("expired", issued_at=time_text(-7200),
                                         expires_at=time_text(-3600)),
            "order-from-the-future": self.signed("future", issued_at=time_text(3600),
                                                 expires_at=time_text(7200)),
            "order-life-too-long": self.signed("long", expires_at=time_text(90 * 86400)),
            "order-replayed": self.signed("replayed",
                                          order_id=payload_of(self.order)["order_id"]),
            "counter-used": self.signed("counter", targets__0__counter=1),
            "wrong-audience": self.signed("audience",
                                          source__reference="dev:acme/payments/checkout",
                                          targets__0__reference="staging:acme/payments/checkout"),
            "wrong-federation": self.signed("federation", federation="elsewhere"),
        }

    def files_of(self, orders):
        files = []
        for name, order in orders.items():
            file = self.federation.folder / f"order-{name}.json"
            file.write_text(canonical(order))
            files.append(str(file))
        return files

    def tearDown(self):
        self.assertEqual(self.prod.mutations(), self.mutations, "a mutating request at prod")


class FalseOrders(TrustCase):
    """Whoever reaches the coordinator may hand in what he likes."""

    def submit(self, operator, orders):
        """Hands them in over the connection of that operator."""
        federation = self.federation
        submitter = Program(
            "submit-order", [program("submit-order"), str(self.key(operator)),
                             str(federation.trust_document), federation.roots[0],
                             federation.coordinator_endpoint, *self.files_of(orders)],
            federation.folder / f"submit-order-{operator}.log", environment=ENVIRONMENT)
        self.addCleanup(submitter.stop)
        submitter.wait_for_exit(READY_SECONDS)
        return submitter

    def test_the_coordinator_records_no_order_that_its_signer_may_not_give(self):
        forged = self.forgeries()
        submitter = self.submit(OPERATOR, {name: forged[name] for name in
                                           ("bad-signature", "unknown-operator")})
        self.assertEqual([event["name"] for event in submitter.events("refused")],
                         ["bad-signature", "unknown-key"])
        self.assertNotIn("altered", self.sluice("promotions", "--output", "json").stdout)

    def test_an_operator_whom_the_trust_document_does_not_name_is_not_admitted(self):
        submitter = self.submit("mallory", {"any": self.forgeries()["unknown-operator"]})
        self.assertNotEqual(submitter.exit_code, 0)
        self.assertIn("not-admitted", submitter.last_lines())
        refused = self.sluice("promote", "dev:acme/payments/checkout", "prod:acme/payments",
                              "--yes", operator="mallory", expect=3)
        self.assert_named(refused, "unknown-operator")

    def test_an_operator_outside_the_grants_is_refused_by_the_agent(self):
        refused = self.sluice("promote", "dev:acme/payments/checkout", "prod:acme/payments",
                              "--yes", operator="outsider", expect=3)
        self.assert_named(refused, "not-granted")

    def test_what_the_agents_own_policy_forbids_is_refused_whatever_the_trust_document_says(self):
        agent = self.federation.agents["prod"]
        agent.policy_file.write_text('sources: ["staging:acme/*"]\n')
        agent.process.stop()
        self.federation.start_agent("prod")
        try:
            refused = self.sluice("promote", "dev:acme/payments/checkout", "prod:acme/payments",
                                  "--yes", expect=3)
            self.assert_named(refused, "policy-source")
        finally:
            agent.policy_file.unlink()
            agent.process.stop()
            self.federation.start_agent("prod")


class FalseTrustDocument(TrustCase):
    def test_one_that_another_root_signed_is_refused_by_every_program(self):
        federation = self.federation
        forged = federation.folder / "forged"
        forged.mkdir()
        made = json.loads(federation.command("sluice", "keygen", "root", "forger", "--file",
                                             forged / "root.key", "--output", "json"))
        federation.command("sluice", "trust", "init", "--federation", "acme", "--root-key",
                           forged / "root.key", "--coordinator-card",
                           federation.keys / "coordinator.card", "--document",
                           forged / "trust.json")
        self.assertNotEqual(made["public_key"], federation.roots[0])
        shown = self.sluice("trust", "show", "--document", forged / "trust.json", expect=3)
        self.assert_named(shown, "unknown-key")
        agent = federation.agents["prod"]
        federation.write_agent_config("prod", trust={"document": str(forged / "trust.json"),
                                                     "roots": federation.roots})
        checked = federation.run("sluice-agent", "check-config", "--config", agent.config_file)
        self.assertNotEqual(checked.returncode, 0)
        self.assertIn("unknown-key", checked.stdout + checked.stderr)

    def test_one_whose_content_was_altered_is_refused(self):
        federation = self.federation
        altered_document = federation.folder / "altered-trust.json"
        envelope = json.loads(federation.trust_document.read_text())
        altered_document.write_text(canonical(altered(envelope, version=99)))
        shown = self.sluice("trust", "show", "--document", altered_document, expect=3)
        self.assert_named(shown, "bad-signature")


class FalseAgent(TrustCase):
    def impostor(self, name, key_file, claims, **config):
        """An agent with that key which says it is of the foundation `claims`."""
        folder = self.federation.folder / name
        folder.mkdir()
        self.federation.write_agent_config(claims, data_dir=str(folder / "data"),
                                           key_file=str(key_file), **config)
        config_file = folder / "agent.yaml"
        shutil.copy(self.federation.agents[claims].config_file, config_file)
        (folder / "data").mkdir()
        impostor = Program(name, [program("sluice-agent"), "run", "--config", str(config_file)],
                           folder / "agent.log", environment=ENVIRONMENT)
        self.addCleanup(impostor.stop)
        return impostor

    def make_stranger(self, name):
        """A key file of an agent for prod, which nobody was told of."""
        key_file = self.federation.keys / f"{name}.key"
        self.federation.command("sluice-agent", "keygen", "--foundation", "prod",
                                "--file", key_file)
        return key_file

    def test_an_agent_that_the_trust_document_does_not_name_does_not_run(self):
        impostor = self.impostor("unnamed", self.make_stranger("unnamed"), claims="prod")
        impostor.wait_for_exit(READY_SECONDS)
        self.assertNotEqual(impostor.exit_code, 0)
        self.assertIn("not-in-trust-document", impostor.last_lines())

    def test_an_agent_whose_key_the_coordinator_does_not_know_is_not_admitted(self):
        federation = self.federation
        key_file = self.make_stranger("stranger")
        own_document = federation.folder / "stranger-trust.json"
        shutil.copy(federation.trust_document, own_document)
        federation.command("sluice", "trust", "add-foundation", "prod",
                           federation.keys / "stranger.card", "--document", own_document,
                           "--root-key", federation.keys / "root.key")
        impostor = self.impostor("stranger", key_file, claims="prod",
                                 trust={"document": str(own_document),
                                        "roots": federation.roots})
        impostor.wait_for_text("not-admitted", READY_SECONDS)
        self.assertEqual(impostor.events("agent-ready"), [])

    def test_an_agent_that_claims_anothers_name_is_refused(self):
        impostor = self.impostor("claimer", self.federation.keys / "dev.key", claims="prod")
        impostor.wait_for_exit(READY_SECONDS)
        self.assertNotEqual(impostor.exit_code, 0)
        self.assertIn("prod", impostor.last_lines())


class NoCurve(TrustCase):
    # ZMTP 3.0 greeting (RFC 23) of a peer with the mechanism NULL, and its READY command.
    GREETING = (b"\xff" + b"\x00" * 8 + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\x00")
                + b"\x00" + b"\x00" * 31)
    READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"

    def test_a_connection_without_curve_is_closed_at_every_listening_socket(self):
        endpoints = [self.federation.coordinator_endpoint]
        for agent in self.federation.agents.values():
            endpoints.append(agent.process.events("agent-ready")[-1]["endpoint"])
        self.assertEqual(len(endpoints), 3)
        for endpoint in endpoints:
            with self.subTest(endpoint):
                host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
                address = (host.strip("[]"), int(port))
                with socket.create_connection(address, READY_SECONDS) as connection:
                    connection.sendall(self.GREETING + self.READY)
                    connection.settimeout(READY_SECONDS)
                    said = b""
                    try:
                        while block := connection.recv(4096):
                            said += block
                    except ConnectionResetError:
                        pass  # closed, as it should be
                self.assertNotIn(b"READY", said)


class LyingCoordinator(TrustCase):
    """The coordinator itself is the attacker: it passes orders on that nobody gave."""

    def reported(self, orders, foundation, role):
        """What the agent answers to each order, by the order's promotion."""
        federation = self.federation
        endpoint = federation.coordinator_endpoint
        federation.coordinator.stop()
        liar = Program(
            "false-coordinator",
            [program("false-coordinator"), str(federation.keys / "coordinator.key"),
             str(federation.trust_document), federation.roots[0], endpoint, foundation, role,
             *self.files_of(orders)],
            federation.folder / f"false-coordinator-{role}.log", environment=ENVIRONMENT)
        try:
            liar.wait_for("false-coordinator-ready", READY_SECONDS)
            liar.wait_for_exit(60)
        finally:
            liar.stop()
            federation.start_coordinator()
            federation.wait_for_agents()
        self.assertEqual(liar.exit_code, 0, liar.last_lines())
        return liar.events("agent-reported") + liar.events("agent-refused-message")

    def assert_refused(self, orders, foundation, role):
        reports = self.reported(orders, foundation, role)
        self.assertEqual([report["name"] for report in reports], list(orders))
        for report in reports:
            self.assertTrue(report["message"])

    def test_the_targets_agent_refuses_every_false_order_by_name(self):
        orders = self.forgeries()
        self.assert_refused(orders, "prod", "target")

    def test_the_targets_agent_refuses_another_digest_or_target_than_was_signed(self):
        for fields in ({"artifact__sha256": OTHER_DIGEST},
                       {"targets__0__reference": "prod:acme/payments/other"},
                       {"targets__0__space_guid": "11111111-2222-3333-4444-555555555555"}):
            with self.subTest(str(fields)):
                order = altered(self.signed("swapped"), **fields)
                self.assert_refused({"bad-signature": order}, "prod", "target")

    def test_the_sources_agent_refuses_them_too(self):
        forged = {name: order for name, order in self.forgeries().items()
                  if name in ("bad-signature", "unknown-operator", "order-expired")}
        self.assert_refused(forged, "dev", "source")


if __name__ == "__main__":
    unittest.main()
