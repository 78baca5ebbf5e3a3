"""Foundations, agents and a coordinator, put together by the real programs, and `sluice` to ask.

    with Federation() as federation:
        federation.add_foundation("dev")
        federation.add_foundation("prod")
        federation.start()
        finished = federation.sluice("promote", "dev:acme/payments/checkout", "prod:acme/payments",
                                     "--yes")

Everything lies in one work folder, listens on free ports, and has ended when the `with` block is
left, by whatever way. Without `places` all is on loopback; a Lab (tests/lab) puts each foundation
with its agent at the place of its name, and coordinator and operators at "coordinator".
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .box import FoundationBox
from .loopback import LOOPBACK
from .programs import PATIENCE, Program, program

ORGANIZATION, SPACE = "acme", "payments"
COORDINATOR = "coordinator"  # the place of the coordinator and of operators
OPERATOR = "maria"
EVERYTHING = "read,promote,activate,cancel,rollback,export@*:*/*"
COMMAND_SECONDS = 60 * PATIENCE
CLI_SECONDS = 300 * PATIENCE
# What every program of ours gets of this process's environment: nothing that could steer it. By the
# options a sanitizer learns where its report goes.
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
               **{name: value for name, value in os.environ.items()
                  if name in ("ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")}}


@dataclass
class Finished:
    """What a command printed, how it ended, and how long it took."""

    arguments: list
    exit_code: int
    stdout: str
    stderr: str
    seconds: float

    def json(self):
        return json.loads(self.stdout)

    def __str__(self):
        return (f"sluice {' '.join(self.arguments)}\n"
                f"exit {self.exit_code} after {self.seconds:.1f} s\n"
                f"--- standard output\n{self.stdout}--- standard error\n{self.stderr}")


class CommandFailed(Exception):
    pass


def yaml(settings):
    """JSON is YAML."""
    return json.dumps(settings, indent=2) + "\n"


class Agent:
    """An agent's files, and its process when it runs."""

    def __init__(self, foundation, folder, key_file, box):
        self.foundation, self.folder, self.key_file, self.box = foundation, folder, key_file, box
        self.config_file = folder / "agent.yaml"
        self.policy_file = folder / "policy.yaml"
        self.process = None
        self.endpoint = None  # where it listened last: others know it by that
        self.cloud_controller = {}  # settings of that part besides those that all have

    @property
    def log(self):
        return self.folder / "agent.log"


class Federation:
    def __init__(self, folder=None, keep=False, poll="0.2s", places=None):
        self._places = places or {}
        self.folder = Path(folder or tempfile.mkdtemp(prefix="sluice-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep = keep or folder is not None or bool(os.environ.get("SLUICE_KEEP_WORK"))
        self._poll = poll
        self._closing = contextlib.ExitStack()
        self.boxes = {}
        self.agents = {}
        self.coordinator = None
        self.coordinator_endpoint = None
        self._relay_endpoint = ""  # no relay
        self.roots = []
        self._sluices = 0  # started in the background so far

    # --- its life ---

    def __enter__(self):
        self._old_term = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        self._closing.callback(signal.signal, signal.SIGTERM, self._old_term)
        try:
            self._make_keys()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with self._closing:  # its callbacks run even when a stop below fails
            for agent in self.agents.values():
                if agent.process:
                    agent.process.stop()
            if self.coordinator:
                self.coordinator.stop()
            for box in self.boxes.values():
                box.stop()
            if not self._keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    def place(self, name):
        """Of a foundation, or of the coordinator."""
        return self._places[name] if name in self._places else LOOPBACK

    # --- files ---

    @property
    def keys(self):
        return self.folder / "keys"

    @property
    def trust_document(self):
        return self.folder / "trust.json"

    def _make_keys(self):
        self.keys.mkdir(exist_ok=True)
        made = self.command("sluice", "keygen", "root", "acme", "--file", self.keys / "root.key",
                            "--output", "json")
        self.roots = [json.loads(made)["public_key"]]
        self.command("sluice-coordinator", "keygen", "--file", self.keys / "coordinator.key")
        self.command("sluice", "trust", "init", "--federation", "acme", "--root-key",
                     self.keys / "root.key", "--coordinator-card", self.keys / "coordinator.card",
                     "--document", self.trust_document)
        self.add_operator(OPERATOR, EVERYTHING)

    def add_operator(self, name, *grants):
        """A key for that operator, in the trust document with these grants."""
        self.make_operator_key(name)
        self.command("sluice", "trust", "add-operator", self.keys / f"{name}.card",
                     *[word for grant in grants for word in ("--grant", grant)],
                     "--document", self.trust_document, "--root-key", self.keys / "root.key")

    def make_operator_key(self, name):
        self.command("sluice", "keygen", "operator", name, "--file", self.keys / f"{name}.key")
        self._write_cli_config(name)

    def cli_config(self, operator=OPERATOR):
        return self.folder / f"{operator}.yaml"

    def _write_cli_config(self, operator):
        self.cli_config(operator).write_text(yaml({
            "coordinator": {"endpoint": self.coordinator_endpoint or "tcp://127.0.0.1:1",
                            "connect_wait": "5s"},
            "trust": {"document": str(self.trust_document), "roots": self.roots},
            "key_file": str(self.keys / f"{operator}.key")}))

    def add_foundation(self, name, box=None, **box_options):
        """A box and an agent's key, in the trust document. Nothing of Sluice is started."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        if box is None:
            box = FoundationBox(name, folder / "box", self.place(name), **box_options)
        self.boxes[name] = box
        key_file = self.keys / f"{name}.key"
        self.command("sluice-agent", "keygen", "--foundation", name, "--file", key_file)
        self.command("sluice", "trust", "add-foundation", name, self.keys / f"{name}.card",
                     "--document", self.trust_document, "--root-key", self.keys / "root.key")
        self.agents[name] = Agent(name, folder, key_file, box)
        return box

    def secret_file(self, name):
        """With the secret of Sluice's client at that foundation."""
        agent = self.agents[name]
        file = agent.folder / "secret"
        file.write_text(agent.box.client_secret + "\n")
        file.chmod(0o600)
        return file

    def write_agent_config(self, name, listen=None, advertise=None, **changed):
        """`changed` replaces top-level keys of agent.yaml; None leaves one out."""
        agent = self.agents[name]
        secret = self.secret_file(name)
        settings = {
            "foundation": name,
            "key_file": str(agent.key_file),
            "trust": {"document": str(self.trust_document), "roots": self.roots},
            "coordinator": {"endpoint": self.coordinator_endpoint},
            "cloud_controller": {
                "api": agent.box.api_url, "ca_file": str(agent.box.ca_file),
                "client_id": agent.box.client_id, "client_secret_file": str(secret),
                "job_poll_first": self._poll, "job_poll_max": self._poll,
                "deployment_poll": self._poll, **agent.cloud_controller},
            "data_dir": str(agent.folder / "data"),
            "log_level": "debug"}
        if listen:
            settings["bulk"] = {"listen": listen}
            if advertise:
                settings["bulk"]["advertise"] = advertise
        if agent.policy_file.exists():
            settings["policy_file"] = str(agent.policy_file)
        settings.update(changed)
        agent.config_file.write_text(
            yaml({key: value for key, value in settings.items() if value is not None}))

    # --- processes ---

    def start(self):
        """Coordinator and all agents, ready."""
        self.start_coordinator()
        for name in self.agents:
            self.start_agent(name)

    def start_coordinator(self, relay=False):
        """On the endpoints it had before, when it is started again. With `relay` it has one."""
        place = self.place(COORDINATOR)
        if relay and not self._relay_endpoint:
            self._relay_endpoint = f"tcp://{place.address}:0"
        folder = self.folder / "coordinator"
        folder.mkdir(exist_ok=True)
        config = folder / "coordinator.yaml"
        config.write_text(yaml({
            "key_file": str(self.keys / "coordinator.key"),
            "trust": {"document": str(self.trust_document), "roots": self.roots},
            "control": {"listen": self.coordinator_endpoint or f"tcp://{place.address}:0"},
            "relay": {"listen": self._relay_endpoint},
            "data_dir": str(folder / "data"),
            "log_level": "debug"}))
        self.coordinator = Program(
            "coordinator",
            [*place.enter, program("sluice-coordinator"), "run", "--config", str(config)],
            folder / "coordinator.log", environment=ENVIRONMENT)
        ready = self.coordinator.wait_for("coordinator-ready")
        self.coordinator_endpoint = ready["endpoint"]
        self._relay_endpoint = ready["relay"]
        for config_of_operator in self.keys.glob("*.card"):
            if self.cli_config(config_of_operator.stem).exists():
                self._write_cli_config(config_of_operator.stem)

    def start_agent(self, name, listens=True, binary="sluice-agent", environment=None, **config):
        """Started and admitted, on the endpoint it had before. Without `listens` it dials out only;
        `binary` is another program instead, `environment` what it gets besides."""
        agent, place = self.agents[name], self.place(name)
        listen = (agent.endpoint or f"tcp://{place.address}:0") if listens else None
        self.write_agent_config(name, listen, **config)
        (agent.folder / "data").mkdir(exist_ok=True)
        agent.process = Program(
            f"agent {name}",
            [*place.enter, program(binary), "run", "--config", str(agent.config_file)],
            agent.log, environment={**ENVIRONMENT, **(environment or {})})
        agent.endpoint = agent.process.wait_for("agent-ready")["endpoint"] or agent.endpoint
        return agent.process

    def wait_for_agents(self):
        """Until every agent that runs is connected to the coordinator of now."""
        for name, agent in self.agents.items():
            if agent.process and agent.process.exit_code is None:
                self.coordinator.wait_for("agent-connected", foundation=name)

    @property
    def processes(self):
        """Those of Sluice that run, by name."""
        running = {"coordinator": self.coordinator}
        running.update({f"agent {name}": agent.process for name, agent in self.agents.items()})
        return {name: process for name, process in running.items()
                if process and process.exit_code is None}

    # --- commands ---

    def run(self, name, *arguments):
        """Runs a program of ours to its end, however that is."""
        return subprocess.run([program(name), *map(str, arguments)], capture_output=True, text=True,
                              timeout=COMMAND_SECONDS, env=ENVIRONMENT, stdin=subprocess.DEVNULL)

    def command(self, name, *arguments):
        """Runs a program of ours that must succeed; its standard output."""
        done = self.run(name, *arguments)
        if done.returncode != 0:
            raise CommandFailed(f"{' '.join(done.args)}\nexit {done.returncode}\n"
                                f"{done.stdout}{done.stderr}")
        return done.stdout

    def sluice(self, *arguments, operator=OPERATOR):
        """Runs `sluice` as that operator, without a terminal."""
        return self.sluice_with_config(self.cli_config(operator), *arguments)

    def sluice_with_config(self, config, *arguments):
        began = time.monotonic()
        done = subprocess.run(self._sluice_words(config, arguments), capture_output=True, text=True,
                              timeout=CLI_SECONDS, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
        return Finished(list(map(str, arguments)), done.returncode, done.stdout, done.stderr,
                        time.monotonic() - began)

    def _sluice_words(self, config, arguments):
        return [*self.place(COORDINATOR).enter, program("sluice"), *map(str, arguments),
                "--config", str(config)]

    def start_sluice(self, *arguments, operator=OPERATOR, end_signal=signal.SIGTERM):
        """The same in the background; `stop` of it sends `end_signal`."""
        self._sluices += 1
        process = Program("sluice", self._sluice_words(self.cli_config(operator), arguments),
                          self.folder / f"sluice-{self._sluices}.log", environment=ENVIRONMENT,
                          end_signal=end_signal)
        self._closing.callback(process.stop)
        return process

    def promotion(self, promotion_id, operator=OPERATOR):
        """The promotion's detail with its ledger entries."""
        return self.sluice("promotion", promotion_id, "--output", "json", operator=operator).json()

    def last_lines(self):
        return "\n".join(process.last_lines() for process in
                         [self.coordinator, *(a.process for a in self.agents.values())] if process)
