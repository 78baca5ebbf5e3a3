"""What a case says, and how it is printed."""

import json
from dataclasses import asdict, dataclass
from typing import Optional


@dataclass
class Result:
    """`value` in `unit`, measured against `versus`; it holds when value <= goal. Without a goal it
    is told for what it is worth."""

    case: str
    value: float
    unit: str
    versus: str = ""
    goal: Optional[float] = None

    @property
    def holds(self):
        return None if self.goal is None else self.value <= self.goal


def print_json(result):
    print(json.dumps({**asdict(result), "holds": result.holds}), flush=True)


def print_table(results):
    head = ("case", "value", "unit", "versus", "goal", "holds")
    lines = [head]
    for result in results:
        goal = "" if result.goal is None else f"<= {result.goal:g}"
        holds = {None: "", True: "yes", False: "NO"}[result.holds]
        lines.append((result.case, f"{result.value:.3f}", result.unit, result.versus, goal, holds))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(text.rjust(width) if column == 1 else text.ljust(width)
                        for column, (text, width) in enumerate(zip(line, widths))).rstrip())
