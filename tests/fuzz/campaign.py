#!/usr/bin/env python3
"""One libFuzzer campaign: reach a minimum of edges and find nothing, or find what is planted.

usage: tests/fuzz/campaign.py --edges N [--seconds 60] PROGRAM CORPUS
       tests/fuzz/campaign.py --planted [--seconds 60] PROGRAM CORPUS

New inputs go to a temporary folder, never into CORPUS. An input that crashes is kept beside the
program, and its path printed: mend the fault, then add the input to the corpus.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Longer than any seed, shorter than what would only slow the search down.
INPUT_BYTES_MAX = 8192


def run(program: Path, corpus: Path, seconds: int) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as found:
        done = subprocess.run(
            [program, found, corpus, f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}",
             "-print_final_stats=1", f"-artifact_prefix={program}-"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            check=False)
        return done.returncode, done.stdout


def edges_reached(output: str) -> int:
    """libFuzzer's last "cov: N"."""
    found = re.findall(r"\bcov: (\d+)", output)
    return int(found[-1]) if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument("--edges", type=int, help="fewer edges than this is a failure")
    goal.add_argument("--planted", action="store_true", help="finding nothing is a failure")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("program", type=Path)
    parser.add_argument("corpus", type=Path)
    arguments = parser.parse_args()
    exit_code, output = run(arguments.program, arguments.corpus, arguments.seconds)
    edges = edges_reached(output)
    print("\n".join(output.splitlines()[-40:]))
    if arguments.planted:
        print(f"planted bug {'found' if exit_code else 'NOT FOUND'}; {edges} edges")
        return 0 if exit_code else 1
    print(f"{edges} edges, at least {arguments.edges} wanted; exit {exit_code}")
    return 0 if exit_code == 0 and edges >= arguments.edges else 1


if __name__ == "__main__":
    sys.exit(main())
