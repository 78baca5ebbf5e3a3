"""Bad input to the command: one or two clear lines, and the exit code of the table in
coordinator/cli/README.md."""

import unittest
from pathlib import Path

from federation.case import FederationCase
from federation.federation import yaml

APP = "dev:acme/payments/checkout"
SPACE = "prod:acme/payments"


class BadInput(FederationCase):
    FOUNDATIONS = ("dev", "prod", "silent")

    @classmethod
    def start(cls):
        dev = cls.federation.boxes["dev"]
        # Two spaces of one name: Cloud Foundry's database once allowed what differs by case only.
        for _ in range(2):
            dev.admin.post("/spaces", {"organization": "acme", "space": "twins",
                                       "duplicate": True})
        dev.register_client("acme", "payments", "cloud_controller.global_auditor")
        cls.federation.start_coordinator()
        for name in ("dev", "prod"):
            cls.federation.start_agent(name)
        dev.push("checkout", cls.small())
        cls.federation.boxes["prod"].create_app("checkout")
        dev.create_app("bare")
        dev.create_app("image", lifecycle="docker", image="registry.example/checkout:1")
        dev.push("native", cls.small(), started=False, lifecycle="cnb")
        dev.push("old", cls.small(), started=False, checksum="sha1")

    def refused(self, expect, *arguments, words=()):
        mutations = self.prod.mutations()
        self.assert_named(self.sluice(*arguments, expect=expect), *words)
        self.assertEqual(self.prod.mutations(), mutations)

    def test_every_bad_word_has_its_code(self):
        promote = ("promote", "--yes")
        table = [
            # code, arguments, what the message says
            (4, (*promote, "nowhere:acme/payments/checkout", SPACE), ["nowhere"]),
            (4, (*promote, APP, "nowhere:acme/payments"), ["nowhere"]),
            (2, (*promote, "dev/acme/payments/checkout", SPACE), ["dev/acme/payments/checkout"]),
            (2, (*promote, "dev:acme/payments", SPACE), ["dev:acme/payments"]),
            (2, (*promote, APP, "prod"), ["prod"]),
            (2, (*promote, APP, APP), ["same-app"]),
            (4, (*promote, "dev:elsewhere/payments/checkout", SPACE), ["elsewhere"]),
            (4, (*promote, "dev:acme/elsewhere/checkout", SPACE), ["elsewhere"]),
            (4, (*promote, "dev:acme/payments/unheard", SPACE), ["unheard"]),
            (2, (*promote, "dev:acme/twins/checkout", SPACE), ["twins", "ambiguous-space"]),
            (4, (*promote, "dev:acme/payments/bare", SPACE), ["droplet"]),
            (1, (*promote, "dev:acme/payments/image", SPACE), ["docker"]),
            (1, (*promote, "dev:acme/payments/native", SPACE), ["cnb"]),
            (1, (*promote, "dev:acme/payments/old", SPACE), ["restage"]),
            (4, (*promote, APP, SPACE, "--droplet", "sha256:" + "0" * 64), ["0000"]),
            (4, (*promote, APP, SPACE, "--droplet", "11111111-2222-4333-8444-555555555555"),
             ["no-droplet", "11111111", f"sluice droplets {APP}"]),
            (2, (*promote, APP, SPACE, "--droplet", "sha256:zz"), ["--droplet"]),
            (2, (*promote, APP, SPACE, "--strategy", "hope"), ["--strategy", "rolling"]),
            (2, (*promote, APP, SPACE, "--unheard"), ["--unheard"]),
            (2, (*promote, APP, SPACE, "--timeout", "soon"), ["--timeout", "90s"]),
            (2, (*promote, APP, SPACE, "--limit-rate", "10MB"), ["--limit-rate", "10M"]),
            (2, (*promote, APP, SPACE, "--limit-rate", "0"), ["--limit-rate", "16K"]),
            (2, ("promote", APP, SPACE), ["--yes"]),
            (2, ("promote", APP), ["TARGET"]),
            (2, ("promot",), ["promot"]),
            (5, (*promote, APP, "silent:acme/payments"), ["silent"]),
            (4, ("promotion", "ffffffff"), ["ffffffff"]),
            (4, ("watch", "ffffffff"), ["ffffffff"]),
            (4, ("activate", "ffffffff", "--yes"), ["ffffffff"]),
            (4, ("cancel", "ffffffff"), ["ffffffff"]),
            (4, ("rollback", "ffffffff", "--yes"), ["ffffffff"]),
            (4, ("apps", "dev:elsewhere"), ["elsewhere"]),
            (4, ("droplets", "dev:acme/payments/unheard"), ["unheard"]),
        ]
        for expect, arguments, words in table:
            with self.subTest(" ".join(arguments)):
                self.refused(expect, *arguments, words=words)

    def test_an_ambiguous_beginning_of_an_id_is_malformed(self):
        for number in (1, 2):
            self.sluice("promote", APP, SPACE, "--yes", "--no-activate", "--id", f"twin-{number}",
                        "--reason", str(number), expect=8)
        self.assert_named(self.sluice("promotion", "twin-", expect=2), "twin-", "ambiguous-id")

    def with_config(self, text, expect, words, *arguments):
        config = Path(self.federation.folder) / "bad.yaml"
        config.write_text(text)
        command = arguments or ("foundations",)
        finished = self.federation.sluice_with_config(config, *command)
        self.assertEqual(finished.exit_code, expect, str(finished))
        for word in words:
            self.assertIn(word, finished.stderr, str(finished))

    def test_a_configuration_that_is_no_yaml_is_refused_with_its_line(self):
        self.with_config("coordinator:\n  endpoint: [unclosed\n", 2, ["bad.yaml:"])

    def test_every_mistake_of_a_configuration_is_told_with_its_line(self):
        self.with_config("coordinator:\n  endpoint: http://x\n  unheard: 1\nkey_file: maria.key\n"
                         "trust:\n  document: trust.json\n  roots: [nonsense]\n",
                         2, ["bad.yaml:2", "bad.yaml:3", "bad.yaml:7"])

    def test_a_configuration_that_is_not_there_is_named(self):
        finished = self.federation.sluice_with_config("/nowhere/config.yaml", "foundations")
        self.assertEqual(finished.exit_code, 2)
        self.assertIn("/nowhere/config.yaml", finished.stderr)

    def test_a_coordinator_that_is_not_there_is_unreachable(self):
        federation = self.federation
        self.with_config(yaml({
            "coordinator": {"endpoint": "tcp://127.0.0.1:9", "connect_wait": "1s"},
            "trust": {"document": str(federation.trust_document), "roots": federation.roots},
            "key_file": str(federation.keys / "maria.key")}), 5, ["coordinator-unreachable"])

    def test_a_key_file_that_others_may_read_is_refused(self):
        federation = self.federation
        loose = federation.folder / "loose.key"
        loose.write_bytes((federation.keys / "maria.key").read_bytes())
        loose.chmod(0o644)
        self.with_config(yaml({
            "coordinator": {"endpoint": federation.coordinator_endpoint},
            "trust": {"document": str(federation.trust_document), "roots": federation.roots},
            "key_file": str(loose)}), 3, ["loose.key", "600"])


if __name__ == "__main__":
    unittest.main()
