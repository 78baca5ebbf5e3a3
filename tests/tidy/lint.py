#!/usr/bin/env python3
"""The slow checks: clang-tidy, clang's thread-safety analysis, and that each header stands alone.

usage: tests/tidy/lint.py BUILD-FOLDER [PATH-PREFIX...]

BUILD-FOLDER holds compile_commands.json. With prefixes, only sources and headers below them, as
in `tests/tidy/lint.py build/dev common/http`. Exit 1 when anything was found.
"""

import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# What g++ is given and clang 14 does not know, and what belongs to making an object file.
DROPPED = {"-c", "-o", "-MD", "-MT", "-MF", "-flto", "-flto=auto", "-fno-fat-lto-objects"}
WITH_ARGUMENT = {"-o", "-MT", "-MF"}
THREAD_SAFETY = ["-fsyntax-only", "-Wthread-safety", "-Werror", "-Wno-unknown-warning-option",
                 "-Wno-unused-command-line-argument"]


class Check(NamedTuple):
    what: str
    command: list[str]


def flags_of(entry: dict) -> list[str]:
    """A compile command's flags: without compiler, launcher, source and output."""
    words = shlex.split(entry["command"])
    while words and not words[0].startswith("-"):
        words.pop(0)
    flags, skip = [], False
    for word in words:
        if skip or word == entry["file"]:
            skip = False
        elif word in DROPPED:
            skip = word in WITH_ARGUMENT
        else:
            flags.append(word)
    return flags


def own_sources(build: Path) -> dict[str, list[str]]:
    """Path below the root -> flags, for what is not generated."""
    sources = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = Path(entry["file"])
        if file.is_relative_to(ROOT) and not file.is_relative_to(build):
            sources[file.relative_to(ROOT).as_posix()] = flags_of(entry)
    return sources


def flags_for_header(header: str, sources: dict[str, list[str]]) -> list[str]:
    """Those of the source that is nearest: the longest common beginning of the two paths."""
    nearest = max(sources, key=lambda source: len(os.path.commonprefix([source, header])))
    return sources[nearest]


def headers() -> list[str]:
    found = []
    for folder in ("agent", "common", "coordinator", "tests"):
        found += [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.h")]
    return sorted(found)


def checks(build: Path, prefixes: tuple[str, ...]) -> list[Check]:
    sources = own_sources(build)
    planned = []
    for source, flags in sorted(sources.items()):
        if not source.startswith(prefixes):
            continue
        planned.append(Check(f"{source}: thread safety",
                             ["clang++", *flags, *THREAD_SAFETY, str(ROOT / source)]))
        planned.append(Check(f"{source}: clang-tidy",
                             ["clang-tidy", "--quiet", str(ROOT / source), "--", *flags,
                              "-Wno-unknown-warning-option"]))
    for header in headers():
        if header.startswith(prefixes):
            planned.append(Check(
                f"{header}: stands alone",
                ["clang++", *flags_for_header(header, sources), *THREAD_SAFETY,
                 "-Wno-pragma-once-outside-header", "-Wno-unused-const-variable",
                 "-Wno-unneeded-internal-declaration", "-x", "c++", str(ROOT / header)]))
    return planned


def run(check: Check) -> str | None:
    """What the check complains about, or nothing."""
    done = subprocess.run(check.command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"--- {check.what}\n{done.stdout}{done.stderr}"


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if sys.argv[1:] in (["--help"], ["-h"]) else 2
    planned = checks(Path(sys.argv[1]).resolve(), tuple(sys.argv[2:]) or ("",))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(run, planned) if text]
    for text in complaints:
        print(text)
    print(f"lint: {len(planned)} checks, {len(complaints)} with complaints")
    return 1 if complaints or not planned else 0


if __name__ == "__main__":
    sys.exit(main())
