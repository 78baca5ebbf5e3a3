"""What the tests of this folder share: a federation for each class, and what they look at."""

import itertools
import tempfile
import unittest

from .droplet import make_small
from .federation import ORGANIZATION, SPACE, Federation
from .programs import eventually
from .steady_client import ask


class FederationCase(unittest.TestCase):
    """Foundations `FOUNDATIONS`, their agents and a coordinator, started once for the class.

    Tests share the foundations and use apps of their own, so that none depends on another.
    """

    FOUNDATIONS = ("dev", "prod")
    BOX_OPTIONS = {}  # by foundation, as FoundationBox takes them
    maxDiff = 4000
    _builds = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        cls.federation = cls.enterClassContext(Federation(places=cls.make_places()))
        cls.droplet_folder = cls.enterClassContext(
            tempfile.TemporaryDirectory(prefix="sluice-droplets-"))
        for name in cls.FOUNDATIONS:
            box = cls.federation.add_foundation(name, **cls.BOX_OPTIONS.get(name, {}))
            box.make_space(ORGANIZATION, SPACE)
        cls.start()

    @classmethod
    def make_places(cls):
        """A lab for the class, or None for loopback."""
        return None

    @classmethod
    def start(cls):
        cls.federation.start()

    @property
    def dev(self):
        return self.federation.boxes["dev"]

    @property
    def prod(self):
        return self.federation.boxes["prod"]

    @classmethod
    def small(cls, version=1, noise_bytes=0):
        """A droplet like no other: where one is stored already, a promotion moves no byte."""
        return make_small(cls.droplet_folder, version, next(cls._builds), noise_bytes)

    def source(self, app):
        return f"dev:{ORGANIZATION}/{SPACE}/{app}"

    target = f"prod:{ORGANIZATION}/{SPACE}"

    def promote(self, app, *flags, target=None, expect=0, **options):
        """Promotes from dev without asking, and says everything when the exit code is another."""
        return self.sluice("promote", self.source(app), target or self.target, "--yes", *flags,
                           expect=expect, **options)

    def sluice(self, *arguments, expect=0, **options):
        finished = self.federation.sluice(*arguments, **options)
        self.assertEqual(finished.exit_code, expect,
                         f"{finished}\n{self.federation.last_lines() if expect == 0 else ''}")
        return finished

    def assert_named(self, finished, *words):
        """The error, one or two lines at the end, carries these words."""
        lines = finished.stderr.splitlines()
        begins = [number for number, line in enumerate(lines) if line.startswith("sluice: ")]
        self.assertTrue(begins, str(finished))
        self.assertLessEqual(len(lines) - begins[-1], 2, str(finished))
        error = "\n".join(lines[begins[-1]:])
        for word in words:
            self.assertIn(word, error, str(finished))

    def assert_untouched(self, box, state):
        """The whole state of the box is what it was, audit events aside."""
        self.assertEqual(box.difference(state), "")

    def version_at(self, box, app):
        with box.place.entered():
            return ask(box.router_url, box.host_of(app)).version

    def wait_for_version(self, box, app, version):
        eventually(f"version {version} of {app} at {box.name}",
                   lambda: self.version_at(box, app) == version)
