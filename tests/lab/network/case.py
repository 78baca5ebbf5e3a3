"""What the lab's own tests share: a lab for each class, and waiting for what tells of no event."""

import threading
import time
import unittest

from .lab import Lab

WAIT_SECONDS = 60


class LabCase(unittest.TestCase):
    """The places coordinator, dev and prod. A test leaves the lab as it found it."""

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())
        for name in ("dev", "prod"):
            cls.lab.add(name)

    def limited(self, name, rate):
        self.lab.limit(name, rate)
        self.addCleanup(self.lab.limit, name, None)

    def allowed(self, dialler, dialled):
        self.lab.allow(dialler, dialled)
        self.addCleanup(self.lab.forbid, dialler, dialled)


def eventually(what, condition):
    """Asks the kernel's counters and lists, which tell of no change, until they say so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {WAIT_SECONDS} s until {what}")
        threading.Event().wait(0.02)
