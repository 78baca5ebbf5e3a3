"""Commands of iproute2 and nftables, and what they say when they fail."""

import subprocess


class CommandFailed(Exception):
    """A command that the lab is made with ended with another exit code than 0."""


def run(*words, text=None):
    """Runs the command with `text` at its standard input; its standard output."""
    done = subprocess.run([*map(str, words)], input=text or "", capture_output=True, text=True)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(map(str, words))}\nexit {done.returncode}: "
                            f"{(done.stderr or done.stdout).strip()}")
    return done.stdout
