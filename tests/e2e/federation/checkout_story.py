"""The demo: the app `checkout` goes from dev to prod in three versions, and one comes back.

Every step does one thing with the real programs, checks what must hold, and leaves a row of what
it did. A step whose promise does not hold raises `Broken`. deploy/demo prints the rows;
tests/e2e/demo_test.py runs the same steps.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from .droplet import make_checkout
from .programs import eventually
from .steady_client import SteadyClient, ask

SOURCE = "dev:acme/payments/checkout"
TARGET = "prod:acme/payments"
REQUESTS_PER_SECOND = 20
REQUESTS_MIN = 200
REQUESTS_BEFORE = 40  # asked before the promotion begins, so that both versions are seen
REQUESTS_AFTER = 40   # and begun after it has ended
INSTANCES = 2


class Broken(Exception):
    """A promise did not hold."""


def must(condition, what, evidence=""):
    if not condition:
        raise Broken(f"{what}\n{evidence}".rstrip())


@dataclass
class Row:
    """A line of the demo's table."""

    step: str
    dev: str
    prod: str
    digest: str
    bytes_moved: int
    requests: str
    seconds: float


class CheckoutStory:
    """Steps are called in the order in which they stand here. `say` gets a line before each."""

    def __init__(self, federation, droplet_folder, say=lambda line: None):
        self.federation = federation
        self.droplets = Path(droplet_folder)
        self.rows = []
        self._say = say
        self._promotions = {}  # version -> id

    # --- steps ---

    def set_the_scene(self):
        """Version 1 runs at dev. At prod there are two apps with a route and no droplet: the
        target, and `control`, which shows what happens without a rolling deployment."""
        self._say("make version 1 of the app, and push it at dev")
        dev, prod = self._dev, self._prod
        dev.push("checkout", make_checkout(self.droplets, 1), instances={"web": 1, "worker": 1})
        for name in ("checkout", "control"):
            prod.create_app(name, instances={"web": INSTANCES})
        eventually("version 1 at dev", lambda: self._version(dev, "checkout") == 1)

    def promote_version_1(self):
        self._say("promote version 1")
        promotion, finished = self._promote()
        self._promotions[1] = promotion["id"]
        eventually("version 1 at prod", lambda: self._version(self._prod, "checkout") == 1)
        self._promote(f"{TARGET}/control")
        self._row("first promotion", promotion, finished)

    def promote_again(self):
        self._say("promote the same droplet again")
        before = self._prod.state()
        promotion, finished = self._promote()
        must(promotion["bytes_sent"] == 0, "the same droplet again moves no byte", str(finished))
        for kind in ("deployments", "droplets", "processes", "revisions", "blobs"):
            must(self._prod.state()[kind] == before[kind],
                 f"the same droplet again leaves the {kind} at prod alone",
                 self._prod.difference(before))
        self._row("the same droplet again", promotion, finished)

    def roll_to_version_2(self):
        self._say("promote version 2 while a client asks 20 times a second")
        self._push_at_dev(2)
        with self._client("checkout") as client:
            client.wait_for_count(REQUESTS_BEFORE)
            promotion, finished = self._promote()
            self._promotions[2] = promotion["id"]
            self._ask_to_the_end(client)
        must(not client.failures, "no request fails during a rolling promotion",
             "\n".join(map(str, client.failures[:10])))
        must(client.versions() == {1, 2}, "both versions are seen", str(client.versions()))
        must(client.versions(began_after=self._ended) == {2},
             "version 1 does not answer after the promotion")
        self._row("version 2, rolling", promotion, finished, client)

    def restart_to_version_2(self):
        """The control: a restart is what Cloud Foundry does without a deployment."""
        self._say("the control: the same, with --strategy restart, on another app")
        with self._client("control") as client:
            client.wait_for_count(REQUESTS_BEFORE)
            promotion, finished = self._promote(f"{TARGET}/control", "--strategy", "restart")
            self._ask_to_the_end(client)
        must(client.failures, "a restart does fail requests, or the client measures nothing")
        self._row("control: --strategy restart", promotion, finished, client, app="control")

    def crash_with_version_3(self):
        self._say("promote version 3, which crashes at prod")
        self._dev.set_environment("checkout", CHECKOUT_LEDGER_URL="https://ledger.dev.example")
        self._push_at_dev(3)
        with self._client("checkout") as client:
            client.wait_for_count(REQUESTS_BEFORE)
            promotion, finished = self._promote(expect=1)
            self._ask_to_the_end(client)
        must("Exited with status 1" in finished.stderr, "the reason of the crash is shown",
             str(finished))
        must(not client.failures, "no request fails while version 3 crashes",
             "\n".join(map(str, client.failures[:10])))
        must(client.versions() == {2}, "only version 2 answers", str(client.versions()))
        self._row("version 3 crashes", promotion, finished, client)

    def roll_back_to_version_1(self):
        self._say("roll back the promotion of version 2")
        uploads = self._prod.uploads()
        finished = self._sluice("rollback", self._promotions[2], "--yes", "--output", "json")
        eventually("version 1 at prod again", lambda: self._version(self._prod, "checkout") == 1)
        must(self._prod.uploads() == uploads, "a rollback moves no byte", str(finished))
        self._row("rollback", {"bytes_sent": 0}, finished)

    def all(self):
        self.set_the_scene()
        self.promote_version_1()
        self.promote_again()
        self.roll_to_version_2()
        self.restart_to_version_2()
        self.crash_with_version_3()
        self.roll_back_to_version_1()

    # --- what they are made of ---

    @property
    def _dev(self):
        return self.federation.boxes["dev"]

    @property
    def _prod(self):
        return self.federation.boxes["prod"]

    def _version(self, box, app):
        return ask(box.router_url, box.host_of(app)).version

    def _client(self, app):
        return SteadyClient(self._prod.router_url, self._prod.host_of(app), REQUESTS_PER_SECOND)

    def _ask_to_the_end(self, client):
        """Until enough requests began after the command had ended."""
        self._ended = time.monotonic()
        client.wait_for_count(max(REQUESTS_MIN, len(client.asked) + REQUESTS_AFTER))

    def _push_at_dev(self, version):
        self._dev.push("checkout", make_checkout(self.droplets, version))
        eventually(f"version {version} at dev",
                   lambda: self._version(self._dev, "checkout") == version)

    def _sluice(self, *arguments, expect=0):
        finished = self.federation.sluice(*arguments)
        must(finished.exit_code == expect, f"exit code {expect} was expected", str(finished))
        return finished

    def _promote(self, target=TARGET, *flags, expect=0):
        """What moved, as numbers, and the finished command."""
        finished = self._sluice("promote", SOURCE, target, "--yes", "--output", "json", *flags,
                                expect=expect)
        return self._numbers(finished.json()), finished

    def _numbers(self, promotion):
        return {"id": promotion["id"], "sha256": promotion["sha256"],
                "bytes_sent": promotion["targets"][0]["transfer"]["bytes_sent"]}

    def _row(self, step, promotion, finished, client=None, app="checkout"):
        requests = ""
        if client:
            requests = f"{len(client.failures)} of {len(client.asked)} failed"
        self.rows.append(Row(
            step, self._running(self._dev, "checkout"), self._running(self._prod, app),
            "sha256:" + self._prod.current_droplet(app)["checksum"]["value"],
            promotion["bytes_sent"], requests, finished.seconds))

    def _running(self, box, app):
        return f"{app} {self._version(box, app)}"


def table(rows):
    """Rows as text, columns aligned."""
    head = ("step", "at dev", "at prod", "droplet at prod", "bytes moved", "requests", "seconds")
    lines = [head] + [(row.step, row.dev, row.prod, row.digest[:19] + "…",
                       f"{row.bytes_moved:,}", row.requests or "–", f"{row.seconds:.1f}")
                      for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, tuple("-" * width for width in widths))
    numbers = {4, 6}
    return "\n".join("  ".join(text.rjust(width) if column in numbers else text.ljust(width)
                               for column, (text, width) in enumerate(zip(line, widths))).rstrip()
                     for line in lines)
