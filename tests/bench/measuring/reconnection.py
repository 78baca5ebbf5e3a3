"""How long a federation's agents need to find a coordinator again that was away."""

import subprocess
import tempfile
import threading
import time
from pathlib import Path

from federation.programs import Program, program
from measuring.result import Result

AGENTS = 500
AWAY_SECONDS = 60
GOAL_SECONDS = 5
# Five hundred key pairs, contexts and handshakes take a while at the first time.
FIRST_SECONDS = 120

CONFIGURATION = """\
key_file: coordinator.key
trust: {{document: trust.json, roots: [{root}]}}
control: {{listen: "{listen}"}}
relay: {{listen: ""}}
data_dir: data
"""


def _run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def reconnect_500():
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name:
        folder = Path(name)
        configuration = folder / "coordinator.yaml"
        _run(program("sluice-coordinator"), "keygen", "--file", folder / "coordinator.key")
        root = _run(program("bench-agents"), "trust", folder, str(AGENTS))
        configuration.write_text(CONFIGURATION.format(root=root, listen="tcp://127.0.0.1:0"))

        def start():
            coordinator = Program("coordinator", [
                program("sluice-coordinator"), "run", "--config", str(configuration)],
                folder / "coordinator.log")
            return coordinator, coordinator.wait_for("coordinator-ready")["endpoint"]

        coordinator, endpoint = start()
        # Where the agents look for it again.
        configuration.write_text(CONFIGURATION.format(root=root, listen=endpoint))
        agents = Program("agents", [program("bench-agents"), "run", str(folder), str(AGENTS),
                                    endpoint], folder / "agents.log")
        try:
            agents.wait_for("all-connected", FIRST_SECONDS)
            lost = agents.mark()
            coordinator.kill()
            agents.wait_for("all-lost", AWAY_SECONDS, since=lost)
            threading.Event().wait(AWAY_SECONDS)  # it is away: the case itself
            back = agents.mark()
            coordinator, _ = start()
            began = time.monotonic()
            agents.wait_for("all-connected", FIRST_SECONDS, since=back)
            yield Result("reconnect-500", time.monotonic() - began, "s",
                         f"{AGENTS} agents; the coordinator was away for {AWAY_SECONDS} s",
                         GOAL_SECONDS)
        finally:
            agents.stop()
            coordinator.stop()
