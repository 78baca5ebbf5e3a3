"""The sealed transfer by itself: beside the same code without AES-GCM, and beside what its
primitives cost alone."""

import contextlib
import hashlib
import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from federation.droplet import make_incompressible
from federation.programs import program
from measuring.result import Result

MEBIBYTES = 1024
ROUNDS = 3  # taken in turn, so that whatever else the machine does meets both sides
# At least 80 % of the rate without AES-GCM.
SEALING_GOAL = 1 / 0.8
FLOOR_GOAL = 2
CHUNK = 512 * 1024
SIZES = (0, 1, *(size + more for size in (CHUNK, 2**31, 2**32) for more in (-1, 0, 1)))
# What each role must do with every byte. Both hash twice: the droplet, which must be the one that
# was published, and the sealed chunks, whose digests are signed.
FLOORS = {
    "source": ("aes-256-gcm", "sha-256", "sha-256", "ed25519-sign", "xsalsa20-poly1305"),
    "target": ("aes-256-gcm", "sha-256", "sha-256", "ed25519-verify", "xsalsa20-poly1305"),
}


def _measure(name, folder, droplet, sha256):
    spool = folder / "arriving"
    said = subprocess.run([program(name), "engine", droplet, spool, sha256], check=True,
                          capture_output=True, text=True).stdout
    shutil.rmtree(f"{spool}.spool")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(f"{droplet}.outgoing")
    return json.loads(said)


def engine():
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name:
        folder = Path(name)
        droplet = make_incompressible(folder, "droplet", MEBIBYTES * 1024 * 1024).file
        with open(droplet, "rb") as bits:
            sha256 = hashlib.file_digest(bits, "sha256").hexdigest()
        sealed, unsealed = [], []
        for _ in range(ROUNDS):
            sealed.append(_measure("bench-stage", folder, droplet, sha256))
            unsealed.append(_measure("bench-stage-unsealed", folder, droplet, sha256))
    floor = json.loads(subprocess.run([program("bench-floor"), str(MEBIBYTES)], check=True,
                                      capture_output=True, text=True).stdout)

    def median(runs, what):
        return statistics.median(run[what] for run in runs)

    yield Result("engine", median(unsealed, "seconds"), "s", "1 GiB, AES-GCM left out")
    yield Result("engine", median(sealed, "seconds"), "s", "1 GiB, until the digest is verified")
    yield Result("engine", median(sealed, "seconds") / median(unsealed, "seconds"), "ratio",
                 "AES-GCM left out", SEALING_GOAL)
    for primitive, seconds in floor.items():
        yield Result("engine", seconds, "core-seconds per GiB", f"{primitive} alone")
    for role, primitives in FLOORS.items():
        spent = median(sealed, role)
        alone = sum(floor[primitive] for primitive in primitives)
        yield Result("engine", spent, "core-seconds per GiB", f"{role}; primitives {alone:.2f}")
        yield Result("engine", spent / alone, "ratio", f"{role}'s primitives alone", FLOOR_GOAL)


def sizes():
    """Fails with the engine's own error when one of them does not arrive whole."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name:
        folder = Path(name)
        for size in SIZES:
            droplet = folder / "droplet"
            with open(droplet, "wb") as bits:  # a hole, but for its two ends
                bits.truncate(size)
                if size > 1:
                    bits.write(b"\x1f")
                    bits.seek(size - 1)
                    bits.write(b"\x8b")
            with open(droplet, "rb") as bits:
                sha256 = hashlib.file_digest(bits, "sha256").hexdigest()
            cost = _measure("bench-stage", folder, droplet, sha256)
            yield Result("sizes", cost["seconds"], "s", f"{size} bytes, digest verified")
