import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from network.case import eventually
from network.lab import Lab
from network.place import start_time

HERE = Path(__file__).resolve().parent
MAKES_A_LAB = """
import sys
from network.lab import Lab
with Lab() as lab:
    lab.add("dev", rate="10mbit", delay_ms=5)
    print(lab.record().replace("\\n", ""), flush=True)
    sys.stdin.read()
"""


def processes_of(record):
    """(pid, began) of everything that holds that lab."""
    told = json.loads(record)
    held = [told["router"], told["wire"], *(place["holder"] for place in told["places"]),
            *(place["link"]["line"] for place in told["places"] if place["link"]["line"])]
    return [(process["pid"], process["began"]) for process in held]


def running(processes):
    return [pid for pid, began in processes if start_time(pid) == began]


def namespaces():
    """Of all processes, by the number of the namespace."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue  # it has ended meanwhile
    return found


class Leftovers(unittest.TestCase):
    def test_a_lab_that_was_closed_leaves_no_process(self):
        with Lab() as lab:
            lab.add("dev", delay_ms=5)
            processes = processes_of(lab.record())
            self.assertEqual(len(running(processes)), 5)  # router, wire, two places, a delay line
        self.assertEqual(running(processes), [])

    def test_a_lab_whose_maker_was_killed_leaves_no_process_and_no_namespace(self):
        maker = subprocess.Popen([sys.executable, "-B", "-c", MAKES_A_LAB], cwd=HERE, text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with maker:
            processes = processes_of(maker.stdout.readline())
            made = {os.readlink(f"/proc/{pid}/ns/net") for pid, _ in processes}
            self.assertEqual(len(made), 4)
            maker.send_signal(signal.SIGKILL)
        eventually("its processes have ended", lambda: not running(processes))
        self.assertEqual(made & namespaces(), set())

    def test_a_lab_made_by_the_command_stands_until_it_is_taken_down(self):
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder) / "lab.json"

            def lab(*words):
                return subprocess.run([HERE / "lab", "--record", record, *words],
                                      capture_output=True, text=True, check=False)

            self.assertEqual(lab("up", "dev", "--rate", "10mbit", "--delay", "5").returncode, 0)
            self.addCleanup(lab, "down")
            processes = processes_of(record.read_text())
            self.assertEqual(len(running(processes)), 5)
            self.assertIn("198.18.1.2", lab("run", "dev", "--", "ip", "addr").stdout)
            for words in (("limit", "dev", "20mbit", "--only", "up"), ("delay", "dev", "7"),
                          ("cut", "dev"), ("restore", "dev"), ("allow", "coordinator", "dev")):
                self.assertEqual(lab(*words).returncode, 0, words)
            shown = lab("show").stdout
            for text in ("20mbit", "10mbit", "7 ms"):
                self.assertIn(text, shown)
            refused = lab("cut", "nowhere")
            self.assertEqual(refused.returncode, 1)
            self.assertIn("there are: coordinator, dev", refused.stderr)
            self.assertEqual(lab("down").returncode, 0)
            eventually("its processes have ended", lambda: not running(processes))


if __name__ == "__main__":
    unittest.main()
