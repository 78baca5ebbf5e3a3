"""Programs that the harness starts: found, started, listened to, measured, and always ended.

A program ends with the harness even when the harness is killed: setpriv (util-linux) gives it a
parent-death signal. It comes when the *thread* that started the program ends, so programs are
started by the main thread.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
LINES_SHOWN = 25
# Instrumented programs are slower: every limit of a wait is stretched by it (CMakeLists.txt).
PATIENCE = float(os.environ.get("SLUICE_PATIENCE", 1))
STOP_SECONDS = 15 * PATIENCE


def binaries():
    """Where our programs were built: SLUICE_BINARIES, else preset dev's folder."""
    return Path(os.environ.get("SLUICE_BINARIES", SOURCE / "build" / "dev" / "bin"))


def program(name):
    file = binaries() / name
    if not file.exists():
        raise FileNotFoundError(f"{file} is not built: cmake --build --preset dev --target {name}")
    return str(file)


class Unready(Exception):
    """Something that was waited for did not come. Says what, and the last lines of the log."""


class Program:
    """A running program whose standard error is read line by line, into `log` and into memory.

    Lines that are JSON objects are events; `wait_for` returns one that has come or will come.
    """

    def __init__(self, name, arguments, log, environment=None, pass_fds=(), cwd=None,
                 end_signal=signal.SIGTERM):
        self.name = name
        self.log = Path(log)
        self._lines = []
        self._events = []
        self._ended = False
        self._changed = threading.Condition()
        self._end_signal = end_signal
        self.arguments = list(arguments)
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=cwd,
            pass_fds=pass_fds, start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self._process.pid

    @property
    def exit_code(self):
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def _read(self):
        with open(self.log, "ab") as log, self._process.stdout as said:
            for line in said:
                log.write(line)
                log.flush()
                text = line.decode(errors="replace").rstrip("\n")
                try:
                    event = json.loads(text)
                except ValueError:
                    event = None
                with self._changed:
                    self._lines.append(text)
                    if isinstance(event, dict):
                        self._events.append(event)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def last_lines(self):
        with self._changed:
            shown = self._lines[-LINES_SHOWN:]
        return f"--- last lines of {self.name} ({self.log}):\n" + "\n".join(shown)

    def events(self, name=None):
        with self._changed:
            return [event for event in self._events if name in (None, event.get("event"))]

    def mark(self):
        """A place in the log; `wait_for(..., since=mark)` looks only at what comes after it."""
        with self._changed:
            return len(self._events)

    def wait_for(self, name, seconds=30, since=0, **fields):
        """The first event of that name with those fields."""
        def found():
            for event in self._events[since:]:
                if event.get("event") == name and all(
                        event.get(key) == value for key, value in fields.items()):
                    return event
            return None

        wanted = f"{name} {fields or ''}".strip()
        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, seconds * PATIENCE)
            event = found()
            ended = self._ended
        if event:
            return event
        why = (f"ended with {self._process.wait(STOP_SECONDS)}" if ended
               else f"did not say so in {seconds} s")
        raise Unready(f"{self.name}: waited for event {wanted}; it {why}\n{self.last_lines()}")

    def wait_for_text(self, text, seconds=30):
        """The first line that holds `text`, whatever else it is."""
        def found():
            return next((line for line in self._lines if text in line), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, seconds * PATIENCE)
            line = found()
        if line:
            return line
        raise Unready(f"{self.name}: waited {seconds} s for a line with {text!r}\n"
                      f"{self.last_lines()}")

    def wait_for_exit(self, seconds):
        """Its exit code."""
        try:
            self._process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Unready(f"{self.name}: did not end in {seconds} s\n{self.last_lines()}") from None
        self._reader.join(STOP_SECONDS)
        return self.exit_code

    def signal(self, number):
        if self.exit_code is None:
            os.kill(self.pid, number)

    def kill(self):
        """SIGKILL, and gone when this returns."""
        self.signal(signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)

    def stop(self):
        """Asks it to end; its exit code. SIGKILL when it does not listen, and then -9."""
        self.signal(self._end_signal)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._reader.join(STOP_SECONDS)
        return code

    # --- measuring ---

    def peak_resident_bytes(self):
        return resident(self.pid, "VmHWM")

    def resident_bytes(self):
        return resident(self.pid, "VmRSS")

    def reset_peak(self):
        """Makes the peak start again from what is resident now (proc(5), clear_refs 5).

        Only root may, as the programs keep their memory private: for others the peak counts from
        the program's start.
        """
        with contextlib.suppress(PermissionError):
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def cpu_seconds(self):
        """User and system time so far, of threads that have ended too."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads_cpu_seconds(self):
        """The same by the name of each thread that lives."""
        spent = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            name, _, fields = (task / "stat").read_text().partition(" (")[2].rpartition(") ")
            fields = fields.split()
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            spent[name] = spent.get(name, 0) + seconds
        return spent

    def command_line(self):
        return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def resident(pid, field):
    """Bytes of VmHWM or VmRSS (proc(5))."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise Unready(f"process {pid} has no {field}: it has ended")


def eventually(what, condition, seconds=30, interval=0.05):
    """What `condition` returns once that is true. For things outside that send no event (HTTP of
    Cloud Foundry), where asking again is the only way; never to let time pass."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Unready(f"waited {seconds} s for {what}; the last answer was {result!r}")
        threading.Event().wait(interval)
