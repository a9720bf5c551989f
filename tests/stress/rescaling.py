"""A game in worse units: some of its data multiplied by one factor."""

from __future__ import annotations

import numpy as np

from reformulations.programs import LEADER, BilevelProgram, Floats
from reformulations.scaling import Scaled

SCHEMES = ("rows", "columns", "leader", "followers", "all")


def rescaled(program: BilevelProgram, scheme: str, factor: float, seed: int) -> tuple[BilevelProgram, float]:
    """Multiply half of the rows, half of the columns, an objective or everything; return the leader's factor too."""
    random = np.random.default_rng(seed)
    rows, columns, objectives = np.ones(len(program.rows)), np.ones(len(program.columns)), np.ones(len(program.players))
    if scheme in ("rows", "all"):
        rows = _some(random, len(rows), factor)
    if scheme in ("columns", "all"):
        columns = np.where(program.columns.integer, 1.0, _some(random, len(columns), 1.0 / factor))
    if scheme in ("leader", "all"):
        objectives[LEADER] = factor
    if scheme in ("followers", "all"):
        objectives[1:] = factor
    columns = _of_multipliers(program, rows, columns, objectives)
    scaled = Scaled(rows, columns, objectives).apply(program).program
    return scaled, float(objectives[LEADER])


def _some(random: np.random.Generator, count: int, factor: float) -> Floats:
    return np.where(random.uniform(size=count) < 0.5, factor, 1.0)


def _of_multipliers(program: BilevelProgram, rows: Floats, columns: Floats, objectives: Floats) -> Floats:
    """Give each column that is one multiplier the unit of that multiplier, so that it still is one."""
    found = columns.copy()
    owners = np.concatenate([program.row_owner, *[program.column_owner] * 2])
    units = np.concatenate([rows, 1.0 / columns, 1.0 / columns]) / objectives[owners]
    declared = program.multipliers
    for k, column in enumerate(declared.column.tolist()):
        begin = declared.matrix.indptr[k]
        found[column] = units[declared.matrix.indices[begin]]
    return found
