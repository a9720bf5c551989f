"""Followers that can never respond: no feasible response, or none that is best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from bilevel.errors import InfeasibleFollower, UnboundedFollower
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.programs import MPEC, Columns, Integers, Matrix, MixedIntegerProgram, Names, Rows


def refuse_hopeless_followers(mpec: MPEC, players: Sequence[str], threads: int | None = None) -> None:
    """Raise for the first follower without a feasible, or without a best response at any decision of the others.

    Its own rows over the box of all columns tell whether it can respond; its stationarity conditions
    over the box of all columns and multipliers whether a best response can exist (weak duality). A
    condition without multipliers is that of a column which nothing bounds.

    Raises
    ------
    InfeasibleFollower
        When the follower's own rows contradict each other.
    UnboundedFollower
        When no multipliers balance the gradient of its objective.
    """
    pairs = mpec.complementarity
    for player in np.unique(pairs.owner).tolist():
        mine = np.flatnonzero(pairs.owner == player)
        upper = np.where(pairs.equality[mine], pairs.offset[mine], np.inf)
        if not _has_point(mpec, pairs.slack[mine], pairs.offset[mine], upper, threads):
            raise InfeasibleFollower(
                f"{players[player]}: its own rows cannot all hold, whatever the others decide; relax one of them"
            )
        conditions = _conditions(mpec, mine)
        right = mpec.rows.upper[conditions]
        if not _has_point(mpec, mpec.rows.matrix[conditions], right, right, threads):
            raise UnboundedFollower(
                f"{players[player]}: its objective is unbounded wherever it can respond; bound its variables"
            )
    _refuse_hopeless_columns(mpec, threads)


def _refuse_hopeless_columns(mpec: MPEC, threads: int | None) -> None:
    """Raise for the first column without rows and bounds in which its follower's objective always falls."""
    answered = np.isin(mpec.stationarity.row, _conditions(mpec, np.arange(len(mpec.complementarity))))
    for condition in np.flatnonzero(~answered).tolist():
        row = mpec.stationarity.row[[condition]]
        right = mpec.rows.upper[row]
        if not _has_point(mpec, mpec.rows.matrix[row], right, right, threads):
            raise UnboundedFollower(
                f"{mpec.columns.names[int(mpec.stationarity.column[condition])]}: the objective of its follower is "
                "unbounded in it wherever it can respond; give it bounds"
            )


def _conditions(mpec: MPEC, entries: Integers) -> Integers:
    """Return the stationarity rows that the multipliers of ``entries`` enter."""
    block = mpec.rows.matrix[mpec.stationarity.row].tocsc()[:, mpec.complementarity.multiplier[entries]]
    return mpec.stationarity.row[np.unique(block.indices)]


def _has_point(mpec: MPEC, matrix: Matrix, lower: np.ndarray, upper: np.ndarray, threads: int | None) -> bool:
    size = len(mpec.columns)
    columns = Columns(mpec.columns.lower, mpec.columns.upper, np.zeros(size, bool), mpec.columns.names)
    rows = Rows(sparse.csr_array(matrix), lower.copy(), upper.copy(), Names(matrix.shape[0], str))
    program = MixedIntegerProgram(columns, rows, np.zeros(size), 0.0)
    return PersistentHighs(program, HighsOptions(threads=threads)).solve().status != "infeasible"
