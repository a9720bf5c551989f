"""Solve many games by every method, in good and in bad units: ``python -m tests.stress --games 300``.

Any two answers called optimal that differ, any game with a point called infeasible, any bound beyond a point, and any
certificate that fails at an optimum is a wrong answer; the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.stress.running import Tally, stress
from tests.stress.sources import external, generated, library

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


def main() -> int:
    """Run what is asked for, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--games", type=int, default=300, help="random games; 300 unless told")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other games and factors")
    parser.add_argument("--factors", default="1e-4..1e6", help="range of the factors of data, in steps of a hundred")
    parser.add_argument("--only", default="", help="games whose name holds this")
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds a solve")
    arguments = parser.parse_args()
    tally = Tally()
    parts = [library(), external(CASES) if CASES.is_dir() else (), generated(arguments.games, arguments.seed)]
    for part in parts:
        chosen = (source for source in part if arguments.only in source.name)
        stress(chosen, factors(arguments.factors), arguments.seed, arguments.time_limit, tally, print)
    print(tally.table())
    return 1 if tally.wrong else 0


def factors(text: str) -> list[float]:
    """Return 1e-4, 1e-2, 1e2, ... of ``1e-4..1e6``; one, the game as it is, is always solved."""
    ends = [float(end) for end in text.split("..")]
    found, factor = [], ends[0]
    while factor <= ends[-1] * (1 + 1e-9):
        found.append(factor)
        factor *= 100
    return [factor for factor in found if abs(factor - 1) > 1e-9]


if __name__ == "__main__":
    sys.exit(main())
