"""Read mutated files: each ends in a game or in an error that names the file."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import bilevel as bl
from bilevel.io import read_model
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import seeds

SMALL = 30_000
"""Bytes up to which external files are mutated, to keep a run short."""


def fuzz(folder: Path, count: int, seed: int = 0, cases: Path | None = None) -> Counter[str]:
    """Read ``count`` mutated games from ``folder``; return how many were read and how many were refused.

    Raises
    ------
    AssertionError
        When an error is none of ours, or does not name the file.
    """
    chance, games, ends = random.Random(seed), seeds(cases, SMALL), Counter[str]()
    for number in range(count):
        files = dict(chance.choice(games))
        name = chance.choice(sorted(files))
        files[name] = mutated(files[name], chance)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        game = folder / next(file for file in files if not file.endswith(".aux"))
        try:
            read_model(game)
        except bl.InvalidFile as refused:
            if not str(refused).startswith(str(folder)):
                raise AssertionError(f"file {number} of seed {seed}: {refused}") from refused
            ends["refused with a line" if refused.line else "refused"] += 1
        except Exception as error:
            kept = ", ".join(str(folder / file) for file in files)
            raise AssertionError(f"file {number} of seed {seed} ({kept}): {error!r}") from error
        else:
            ends["read"] += 1
    return ends
