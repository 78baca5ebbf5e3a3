#!/usr/bin/env python3
"""Checks what the compiler does not: rules of the code that would else be opinions in a review.

usage: tests/tidy/tidy.py [ROOT]      prints one line for each finding, exit 1 if there is any
"""

import sys
from pathlib import Path

import code_rules
import tree_rules
from finding import Finding, Tree


def findings(tree: Tree) -> list[Finding]:
    return sorted({found for rule in code_rules.RULES + tree_rules.RULES for found in rule(tree)})


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    found = findings(Tree.of_checkout(root.resolve()))
    for finding in found:
        print(finding)
    print(f"tidy: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
