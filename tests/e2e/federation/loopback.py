"""Where everything runs that was not put elsewhere."""

import contextlib


class Loopback:
    """This process's own network, reached at 127.0.0.1. A place of tests/lab has the same parts."""

    address = "127.0.0.1"
    enter = ()  # stands before a command that is to run here

    def entered(self):
        """Connections made by this thread meanwhile begin here."""
        return contextlib.nullcontext()


LOOPBACK = Loopback()
