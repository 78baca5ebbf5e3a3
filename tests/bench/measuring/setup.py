"""Two foundations with what is to be promoted, and the ways to do so."""

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path

from federation.droplet import make_incompressible
from federation.federation import COORDINATOR, ORGANIZATION, SPACE, Federation
from federation.programs import Unready, program
from measuring import curl_steps

MIB = 1024 * 1024
APP = "noise"
SOURCE = f"dev:{ORGANIZATION}/{SPACE}/{APP}"
TARGET = f"prod:{ORGANIZATION}/{SPACE}"


class Setup:
    """dev and prod with an agent each; dev has a droplet of `size` bytes of noise, prod the app."""

    def __init__(self, federation, folder, size):
        self.federation, self.folder = federation, Path(folder)
        for name in ("dev", "prod"):
            federation.add_foundation(name).make_space(ORGANIZATION, SPACE)
        self.dev, self.prod = federation.boxes["dev"], federation.boxes["prod"]
        droplet = make_incompressible(self.folder, "droplet", size)
        self.source_app = self.dev.push(APP, droplet, started=False)
        self.source_droplet = self.dev.current_droplet(APP)["guid"]
        droplet.file.unlink()  # the blobstore has it; the disk may be small
        self.target_app = self.prod.create_app(APP)

    def promote(self, *flags):
        """Seconds until prod's Cloud Controller reports the droplet STAGED."""
        before = curl_steps.staged(self.prod, self.target_app)
        began = time.monotonic()
        command = self.federation.start_sluice("promote", SOURCE, TARGET, "--yes", "--no-activate",
                                               *flags)
        curl_steps.wait_until_staged(self.prod, self.target_app, besides=before,
                                     meanwhile=lambda: self._watch_command(command))
        seconds = time.monotonic() - began
        if command.wait_for_exit(60) != 8:
            raise RuntimeError(f"{command.last_lines()}\n{self.federation.last_lines()}")
        return seconds

    def _watch_command(self, command):
        with contextlib.suppress(Unready, OSError):  # it may end at any moment
            self.command_peak = command.peak_resident_bytes()

    def curl_both_steps(self):
        """Seconds of the same by curl, in two steps."""
        file = self.folder / "by-curl.tgz"
        began = time.monotonic()
        operator = self.federation.place(COORDINATOR)
        curl_steps.download(operator, self.dev, self.source_droplet, file)
        curl_steps.upload(operator, self.prod, self.target_app, file)
        seconds = time.monotonic() - began
        file.unlink()
        self.delete_droplets()
        return seconds

    def agent_steps(self):
        """Seconds of the agents' own code, one step after the other, through files."""
        here, there = self.folder / "downloaded.tgz", self.folder / "transferred.tgz"
        digest = self.dev.current_droplet(APP)["checksum"]["value"]
        began = time.monotonic()
        self._stage("download", *self._access("dev"), self.source_droplet, digest, here)
        self._stage("transfer", here, there, digest)
        self._stage("upload", *self._access("prod"), self.target_app, there)
        seconds = time.monotonic() - began
        here.unlink()
        there.unlink()
        self.delete_droplets()
        return seconds

    def _access(self, name):
        box = self.federation.boxes[name]
        return box.api_url, box.ca_file, box.client_id, self.federation.secret_file(name)

    @staticmethod
    def _stage(*words):
        subprocess.run([program("bench-stage"), *map(str, words)], check=True)

    def delete_droplets(self):
        """So that the next one does not find it there."""
        for guid in curl_steps.staged(self.prod, self.target_app):
            self.prod.cc.delete(f"/v3/droplets/{guid}")


@contextlib.contextmanager
def foundations_with_droplet(size, places=None):
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder, \
            Federation(places=places) as federation:
        setup = Setup(federation, folder, size)
        federation.start()
        yield setup
