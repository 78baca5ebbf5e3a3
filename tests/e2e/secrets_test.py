import json
import unittest

from federation.case import FederationCase


class Secrets(FederationCase):
    def test_no_secret_is_in_logs_the_ledger_arguments_or_what_commands_print(self):
        self.dev.push("checkout", self.small(),
                      environment={"CHECKOUT_LEDGER_URL": "https://u:env-secret-5150@ledger"})
        self.prod.create_app("checkout")
        said = self.promote("checkout", "--id", "secrets")
        shown = self.sluice("promotion", "secrets", "--output", "json")
        told = {"what promote says": said.stdout + said.stderr,
                "promotion --output json": shown.stdout}
        for name, process in self.federation.processes.items():
            told[f"log of {name}"] = process.log.read_text()
            told[f"arguments of {name}"] = process.command_line()
            self.assertGreater(len(told[f"log of {name}"]), 100)
        for file in sorted(self.federation.folder.glob("*/data/ledger.db*")):
            told[str(file)] = file.read_bytes().decode("latin-1")
        self.assertTrue(any("ledger.db" in place for place in told))
        for secret in self.secrets():
            for place, text in told.items():
                self.assertNotIn(secret, text, place)
        for place, text in told.items():
            self.assertNotRegex(text.lower(), r"bearer\s+ey|access_token", place)

    def secrets(self):
        """Everything that nobody else may see."""
        yield "env-secret-5150"
        for box in (self.dev, self.prod):
            yield box.client_secret
        for key_file in self.federation.keys.glob("*.key"):
            key = json.loads(key_file.read_text())
            secret_parts = [key[part] for part in ("signing", "curve") if part in key]
            self.assertTrue(secret_parts, key_file)
            yield from secret_parts


if __name__ == "__main__":
    unittest.main()
