"""What each process holds while droplets pass through it, above what it held idle."""

from federation.droplet import make_incompressible
from federation.federation import ORGANIZATION, SPACE
from measuring import curl_steps
from measuring.result import Result
from measuring.setup import MIB, TARGET, foundations_with_droplet
from network.lab import Lab

GIB = 1024 * MIB
SMALLER = 100 * MIB
ONE_GOAL_MIB = 32
DIFFERENCE_GOAL_MIB = 8
AT_ONCE = 8
AT_ONCE_BYTES = 64 * MIB  # each
AT_ONCE_RATE = "200mbit"
AT_ONCE_GOAL_MIB = 64


def _growth(setup, work):
    """MiB by process, at its peak while `work` is done; and what each held idle."""
    processes = setup.federation.processes
    idle = {name: process.resident_bytes() for name, process in processes.items()}
    for process in processes.values():
        process.reset_peak()
    work()
    grown = {name: (process.peak_resident_bytes() - idle[name]) / MIB
             for name, process in processes.items()}
    return grown, {name: f"idle {held / MIB:.1f} MiB" for name, held in idle.items()}


def memory_1gib():
    with foundations_with_droplet(SMALLER) as setup:
        smaller, _ = _growth(setup, setup.promote)
    with foundations_with_droplet(GIB) as setup:
        grown, idle = _growth(setup, setup.promote)
        command = setup.command_peak / MIB
    for name, mebibytes in grown.items():
        yield Result("memory-1gib", mebibytes, f"MiB of {name}", idle[name], ONE_GOAL_MIB)
    for name, mebibytes in grown.items():
        yield Result("memory-1gib", mebibytes - smaller[name], f"MiB more of {name}",
                     f"a droplet of {SMALLER // MIB} MiB", DIFFERENCE_GOAL_MIB)
    # It is never idle: all that it has counts.
    yield Result("memory-1gib", command, "MiB of sluice promote", "nothing", ONE_GOAL_MIB)


def memory_8():
    """Over a link so narrow that all of them are under way together."""
    with Lab() as lab:
        for name in ("dev", "prod"):
            lab.add(name, rate=AT_ONCE_RATE)
        lab.allow("prod", "dev")
        with foundations_with_droplet(MIB, lab) as setup:
            grown, idle = _growth(setup, _Together(setup).promote)
    for name, mebibytes in grown.items():
        yield Result("memory-8", mebibytes, f"MiB of {name}", idle[name], AT_ONCE_GOAL_MIB)


class _Together:
    def __init__(self, setup):
        self._setup = setup
        self._targets = {}
        for seed in range(AT_ONCE):
            app = f"noise-{seed}"
            droplet = make_incompressible(setup.folder, app, AT_ONCE_BYTES, seed=seed)
            setup.dev.push(app, droplet, started=False)
            droplet.file.unlink()
            self._targets[app] = setup.prod.create_app(app)

    def promote(self):
        for app in self._targets:
            done = self._setup.federation.sluice(
                "promote", f"dev:{ORGANIZATION}/{SPACE}/{app}", TARGET, "--id", app, "--yes",
                "--no-activate", "--detach")
            if done.exit_code != 0:
                raise RuntimeError(str(done))
        if any(curl_steps.staged(self._setup.prod, guid) for guid in self._targets.values()):
            raise RuntimeError("one had ended before the last began: nothing is shown")
        for guid in self._targets.values():
            curl_steps.wait_until_staged(self._setup.prod, guid)
