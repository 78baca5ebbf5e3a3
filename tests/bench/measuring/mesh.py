"""More targets than a machine can run, by simulation of the transfer's state machines."""

import json
import subprocess

from federation.programs import program
from measuring.result import Result

TIME_GOAL = 1.25
COPIES_GOAL = 1.15
CHUNKS_OF_1_GIB = 2048
CHUNKS_OF_512_MIB = 1024
SOME_FELLOWS = 8


def _simulate(targets, chunks, fellows):
    finished = subprocess.run([program("bench-mesh"), str(targets), str(chunks), str(fellows)],
                              check=True, capture_output=True, text=True)
    result = json.loads(finished.stdout)
    assert not result["failed"], result
    return result


def _case(name, targets, chunks, fellows):
    alone = _simulate(1, chunks, 0)
    together = _simulate(targets, chunks, fellows)
    yield Result(name, together["seconds"] / alone["seconds"], "ratio",
                 f"one target, simulated; {targets} targets", TIME_GOAL)
    yield Result(name, together["copies"], "copies", "leave the source", COPIES_GOAL)


def mesh_64():
    yield from _case("mesh-64", 64, CHUNKS_OF_1_GIB, 0)


def mesh_1000():
    yield from _case("mesh-1000", 1000, CHUNKS_OF_512_MIB, SOME_FELLOWS)
