"""Solve many games by every method, in good and in bad units: ``python -m tests.stress --games 300``.

Any two answers called optimal that differ, any game with a point called infeasible, any bound beyond a point, any
certificate that fails at an optimum, and any exception that is not a refusal is a wrong answer; the exit code is 1 if
there is one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.stress.random_games import random_games
from tests.stress.running import stress
from tests.stress.sources import Source, continuous, derived, library, part, special, tolls
from tests.stress.tally import Tally

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
EXTERNAL = {"continuous": continuous, "special": special, "derived": derived, "tolls": tolls}
SOURCES = ("library", *EXTERNAL, "random")


def main() -> int:
    """Run what is asked for, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--sources", default=",".join(SOURCES), help="where games come from; all unless told")
    parser.add_argument("--games", type=int, default=300, help="random games; 300 unless told")
    parser.add_argument("--part", default="0:", help="games of each source by number, such as 100:200")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other games and factors")
    parser.add_argument("--factors", default="1e-4..1e6", help="range of the factors of data, in steps of a hundred")
    parser.add_argument("--only", default="", help="games whose name holds this")
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds a solve")
    arguments = parser.parse_args()
    tally, say = Tally(), partial(print, flush=True)
    first, _, last = arguments.part.partition(":")
    for name in arguments.sources.split(","):
        games = part(_games(name, arguments.games, arguments.seed), int(first or 0), int(last) if last else None)
        chosen = _counted(name, (source for source in games if arguments.only in source.name))
        stress(chosen, factors(arguments.factors), arguments.seed, arguments.time_limit, tally, say)
    print(tally.summary())
    return 1 if tally.wrong else 0


def _counted(name: str, games: Iterator[Source]) -> Iterator[Source]:
    for count, game in enumerate(games):
        if count % 20 == 0:
            print(f"{name}: {count} games done", file=sys.stderr, flush=True)
        yield game


def _games(name: str, count: int, seed: int) -> Iterator[Source]:
    if name == "library":
        return library()
    if name == "random":
        return random_games(count, seed)
    if not CASES.is_dir():
        print(f"no external cases: {CASES} is not there, so {name} is left out")
        return iter(())
    return EXTERNAL[name](CASES)


def factors(text: str) -> list[float]:
    """Return 1e-4, 1e-2, 1e2, ... of ``1e-4..1e6``; one, the game as it is, is always solved."""
    ends = [float(end) for end in text.split("..") if end]
    found, factor = [], ends[0] if ends else 1.0
    while ends and factor <= ends[-1] * (1 + 1e-9):
        found.append(factor)
        factor *= 100
    return [factor for factor in found if abs(factor - 1) > 1e-9]


if __name__ == "__main__":
    sys.exit(main())
