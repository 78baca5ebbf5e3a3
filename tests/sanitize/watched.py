#!/usr/bin/env python3
"""Runs a test so that what a sanitizer finds in any of its processes makes it fail.

usage: tests/sanitize/watched.py COMMAND [ARGUMENT...]

Exit codes do not tell enough: a program that a test kills, or expects to fail, or whose code
nobody reads, may have had a fault. So reports go to a folder, named by the environment that every
process inherits, and a report there is a failure. Exit code: the command's, or 1 with a report.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SUPPRESSIONS = Path(__file__).parent / "tsan.supp"
# Each runtime reads its own variable; a program has one runtime or two.
OPTIONS = {
    # Some tests bound a process's memory: what was freed is kept for a while, but less of it than
    # the default's 256 MiB.
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:quarantine_size_mb=64",
    "LSAN_OPTIONS": "report_objects=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"second_deadlock_stack=1:suppressions={SUPPRESSIONS}",
}
FAILED = 1


def environment(reports: Path) -> dict[str, str]:
    """This process's own, with the options; what was set there already has the last word."""
    options = {}
    for name, ours in OPTIONS.items():
        options[name] = f"{ours}:log_path={reports}/report:{os.environ.get(name, '')}"
    return {**os.environ, **options}


def run(command: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="sluice-reports-") as folder:
        reports = Path(folder)
        exit_code = subprocess.run(command, env=environment(reports), check=False).returncode
        found = sorted(reports.iterdir())
        for report in found:
            print(f"--- a sanitizer's report: {report.name}\n{report.read_text(errors='replace')}")
        if not found:
            return exit_code if exit_code >= 0 else 128 - exit_code
        print(f"{len(found)} reports of sanitizers; the test itself ended with {exit_code}")
        return exit_code if exit_code > 0 else FAILED


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        sys.exit(0 if len(sys.argv) == 2 else 2)
    sys.exit(run(sys.argv[1:]))
