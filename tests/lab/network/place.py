"""A place of the lab: a network namespace, and the ways to be in it.

The namespace lives as long as a process that does nothing but hold it. That process ends when its
standard input does, so a harness that is killed leaves no namespace: the kernel closes the pipe.
A place of a lab that outlives the command that made it is held until it is told to end.
"""

import contextlib
import ctypes
import os
import signal
import subprocess

CLONE_NEWNET = 0x40000000  # linux/sched.h
END_SECONDS = 10
_libc = ctypes.CDLL(None, use_errno=True)


def start_time(pid):
    """When that process began, in clock ticks since boot (proc(5)); None if it has ended. With the
    pid it names a process for ever, which a pid alone does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


class Held:
    """A process that the lab started and that has said on standard output that it is ready."""

    def __init__(self, pid, began, process=None):
        self.pid, self.began, self._process = pid, began, process

    @classmethod
    def start(cls, words, outlives):
        """With `outlives` it goes on when this process ends; otherwise its standard input ends."""
        process = subprocess.Popen(
            [*map(str, words)], stdin=subprocess.DEVNULL if outlives else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        if not process.stdout.readline():
            process.wait()
            raise RuntimeError(f"{words[0]}: {process.stderr.read().decode().strip()}")
        return cls(process.pid, start_time(process.pid), process)

    @property
    def alive(self):
        return self.began is not None and start_time(self.pid) == self.began

    def end(self):
        if self._process is None:
            if self.alive:
                os.kill(self.pid, signal.SIGTERM)
            return
        self._process.terminate()
        self._process.wait(END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def record(self):
        return {"pid": self.pid, "began": self.began}


class Place:
    """A namespace with its loopback up and nothing else. `address` is what others reach it at."""

    def __init__(self, name, address=None, holder=None, outlives=False):
        self.name, self.address = name, address
        if holder:
            self.holder = holder
            return
        holding = "exec sleep infinity" if outlives else "exec cat"
        self.holder = Held.start(["unshare", "--net", "sh", "-c", f"echo held; {holding}"],
                                 outlives)

    @property
    def enter(self):
        """What stands before a command that is to run here."""
        return ("nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--")

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread makes meanwhile belong here, and so do programs that it
        starts. They stay here when the block is left; the thread does not."""
        with open("/proc/thread-self/ns/net", "rb") as before:
            with open(f"/proc/{self.holder.pid}/ns/net", "rb") as here:
                _set_namespace(here)
            try:
                yield self
            finally:
                _set_namespace(before)

    def counters(self, interface):
        """(received, sent) bytes of that interface."""
        with open(f"/proc/{self.holder.pid}/net/dev", encoding="ascii") as table:
            for line in table:
                name, _, numbers = line.partition(":")
                if name.strip() == interface:
                    fields = numbers.split()
                    return int(fields[0]), int(fields[8])
        raise LookupError(f"{self.name} has no interface {interface}")


def _set_namespace(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")
