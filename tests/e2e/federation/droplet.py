"""Makes droplets as Cloud Foundry's buildpack lifecycle does: a gzipped tar, its layout and owners.

`make_checkout` makes the demo's app with a real runtime inside, out of what is installed on this
machine and in deploy/packages.txt: Debian's Python with its whole standard library, the shared
libraries that its modules need, and LLVM, as numerical Python apps carry it. Two runs on one
machine give the same bytes.

Layout: https://docs.cloudfoundry.org/concepts/stacks.html and cloudfoundry/buildpackapplifecycle.
"""

import gzip
import io
import json
import os
import random
import re
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

VCAP = 2000  # uid and gid of the user vcap
STAGED_AT = 1_700_000_000  # seconds; versions are staged a week apart
WEEK = 7 * 24 * 3600

PYTHON = Path("/usr/bin/python3.11")
STANDARD_LIBRARY = Path("/usr/lib/python3.11")
# What only developers of Python itself use.
LEFT_OUT = re.compile(r"/(config-3\.11[^/]*|test|idlelib|lib2to3/tests)(/|$)")
NATIVE_LIBRARIES = (
    Path("/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"),
    Path("/usr/lib/llvm-14/lib/libclang-cpp.so.14"),
)

CHECKOUT_SOURCES = Path(__file__).parent / "checkout"
CHECKOUT_BYTES_MIN = 60_000_000  # a droplet of an ordinary app weighs that much
CHECKOUT_PROCESS_TYPES = {"web": "python3 server.py", "worker": "python3 worker.py"}
CHECKOUT_BUILDPACK = "python_buildpack"


@dataclass
class Droplet:
    """A droplet on disk, and the record that Cloud Foundry keeps beside the bits."""

    file: Path
    process_types: dict = field(default_factory=lambda: {"web": ""})
    buildpacks: list = field(default_factory=list)
    stack: str = "cflinuxfs4"


class DropletArchive:
    """Writes one droplet. Names are relative to the droplet's root, as `app/server.py`."""

    def __init__(self, file, staged_at, level=1):
        self._time = staged_at
        self._raw = open(file, "wb")
        self._gzip = gzip.GzipFile("", "wb", level, self._raw, mtime=0)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w", format=tarfile.GNU_FORMAT)
        self.folder("", 0o700)  # the builder's private temporary folder

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tar.close()
        self._gzip.close()
        self._raw.close()

    def _member(self, name, kind, mode):
        member = tarfile.TarInfo("./" + name if name else ".")
        member.type, member.mode, member.mtime = kind, mode, self._time
        member.uid = member.gid = VCAP
        member.uname = member.gname = "vcap"
        return member

    def folder(self, name, mode=0o755):
        self._tar.addfile(self._member(name, tarfile.DIRTYPE, mode))

    def text(self, name, text, mode=0o644):
        data = text.encode()
        member = self._member(name, tarfile.REGTYPE, mode)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))

    def link(self, name, target):
        member = self._member(name, tarfile.SYMTYPE, 0o777)
        member.linkname = target
        self._tar.addfile(member)

    def file(self, name, source):
        member = self._member(name, tarfile.REGTYPE, 0o755 if os.access(source, os.X_OK) else 0o644)
        member.size = source.stat().st_size
        with open(source, "rb") as bytes_of_source:
            self._tar.addfile(member, bytes_of_source)

    def stream(self, name, size, reader):
        member = self._member(name, tarfile.REGTYPE, 0o644)
        member.size = size
        self._tar.addfile(member, reader)

    def tree(self, name, source, left_out=None):
        """Everything below `source`. A link that leads out of it is replaced by what it names."""
        self.folder(name)
        for entry in sorted(source.iterdir()):
            if left_out and left_out.search(str(entry)):
                continue
            inside = entry.resolve().is_relative_to(source)
            if entry.is_symlink() and inside and entry.exists():
                self.link(f"{name}/{entry.name}", os.readlink(entry))
            elif entry.is_dir():
                self.tree(f"{name}/{entry.name}", entry, left_out)
            elif entry.is_file():
                self.file(f"{name}/{entry.name}", entry.resolve())


def _libraries_of(*programs):
    """The shared libraries that programs and modules load, without the C library's own parts."""
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True).stdout
    found = {Path(path) for path in re.findall(r"=> (/\S+)", said)}
    return sorted(path for path in found
                  if not re.match(r"(libc|libm|libdl|libpthread|librt|ld-linux.*)\.so", path.name))


def _write_runtime(archive):
    archive.folder("deps")
    archive.folder("deps/0")
    archive.text("deps/0/config.yml", '---\nname: python\nconfig: {}\nversion: 1.8.20\n')
    archive.folder("deps/0/bin")
    archive.file("deps/0/bin/python3.11", PYTHON)
    archive.link("deps/0/bin/python3", "python3.11")
    archive.folder("deps/0/lib")
    modules = sorted((STANDARD_LIBRARY / "lib-dynload").glob("*.so"))
    for library in [*_libraries_of(PYTHON, *modules), *NATIVE_LIBRARIES]:
        archive.file(f"deps/0/lib/{library.name}", library.resolve())
    archive.tree("deps/0/lib/python3.11", STANDARD_LIBRARY, LEFT_OUT)
    archive.folder("profile.d")
    archive.text("profile.d/0_python.sh", 'export PATH="$DEPS_DIR/0/bin:$PATH"\n'
                 'export LD_LIBRARY_PATH="$DEPS_DIR/0/lib"\n'
                 'export PYTHONHOME="$DEPS_DIR/0"\nexport PYTHONUNBUFFERED=1\n')


def _write_app(archive, version):
    archive.folder("app")
    for source in sorted(CHECKOUT_SOURCES.glob("*.py")):
        archive.file(f"app/{source.name}", source)
    archive.text("app/version.py", f"VERSION = {version}\n")


def _write_closing(archive, start_command, buildpack):
    for folder in ("logs", "tmp"):
        archive.folder(folder)
    archive.text("staging_info.yml", json.dumps(
        {"detected_buildpack": buildpack, "start_command": start_command}) + "\n")


def make_checkout(folder, version):
    """The demo's app, with its runtime: 60 MB or more. Made once for a folder."""
    file = Path(folder) / f"checkout-{version}.tgz"
    droplet = Droplet(file, dict(CHECKOUT_PROCESS_TYPES), [CHECKOUT_BUILDPACK])
    if file.exists():
        return droplet
    part = file.with_suffix(".part")
    with DropletArchive(part, STAGED_AT + (version - 1) * WEEK) as archive:
        _write_app(archive, version)
        _write_runtime(archive)
        _write_closing(archive, CHECKOUT_PROCESS_TYPES["web"], "python")
    if part.stat().st_size < CHECKOUT_BYTES_MIN:
        raise RuntimeError(f"the droplet has only {part.stat().st_size} bytes")
    part.rename(file)
    return droplet


def make_small(folder, version, build=1, noise_bytes=0):
    """The same app without a runtime of its own: the Python of the machine runs it. About 1.5 kB,
    for tests that need many promotions and few bytes, or as much more as `noise_bytes` says.
    Another `build` has another digest."""
    file = Path(folder) / f"small-{version}-{build}.tgz"
    level = 0 if noise_bytes else 1  # noise costs time to compress and gets no smaller
    with DropletArchive(file, STAGED_AT + (version - 1) * WEEK, level) as archive:
        _write_app(archive, version)
        archive.text("app/build", f"{build}\n")
        if noise_bytes:
            archive.stream("app/noise", noise_bytes, _Noise(random.Random(build), noise_bytes))
        archive.folder("deps")
        archive.folder("profile.d")
        _write_closing(archive, CHECKOUT_PROCESS_TYPES["web"], "python")
    return Droplet(file, dict(CHECKOUT_PROCESS_TYPES), [CHECKOUT_BUILDPACK])


def make_incompressible(folder, name, size, seed=1):
    """`size` bytes of noise in a droplet's layout, for measuring. Equal seeds give equal bytes."""
    file = Path(folder) / f"{name}.tgz"
    with DropletArchive(file, STAGED_AT, level=0) as archive:
        archive.folder("app")
        archive.stream("app/noise", size, _Noise(random.Random(seed), size))
        archive.folder("deps")
        archive.folder("profile.d")
        _write_closing(archive, "sleep infinity", "binary")
    return Droplet(file, {"web": "sleep infinity"}, [CHECKOUT_BUILDPACK])


class _Noise(io.RawIOBase):
    """Random bytes as a file, so that no gigabyte is ever in memory."""

    def __init__(self, source, size):
        self._source, self._left = source, size

    def readinto(self, buffer):
        take = min(len(buffer), self._left)
        buffer[:take] = self._source.randbytes(take)
        self._left -= take
        return take
