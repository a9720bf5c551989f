"""The range of followers' multipliers over all optimal ones: where a price is degenerate, an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bilevel.errors import NotApplicable, SolverFailure
from bilevel.printing import interval, number
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations import refusal
from reformulations.dual_faces import dual_face
from reformulations.programs import BilevelProgram, Floats, Integers

MOST_PRICES = 200
"""With more multipliers in a game, a certificate leaves out their ranges."""

_NEAR = 1e-5
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A variable that stands for a multiplier: its value, and the ends of the optimal multipliers."""

    name: str
    value: float
    lower: float
    upper: float

    @property
    def is_degenerate(self) -> bool:
        """Whether another multiplier would be as optimal for the follower."""
        return self.upper - self.lower > _NEAR * (1 + abs(self.value))

    def __str__(self) -> str:
        """Say what the multiplier may be."""
        ends = interval(self.lower, self.upper)
        return f"{self.name} = {number(self.value)}, and any value in {ends} is a multiplier there"


def multiplier_ranges(program: BilevelProgram, point: Floats, targets: Integers, threads: int | None = None) -> Floats:
    """Return the least and greatest value ``(k, 2)`` of some multipliers over all optimal ones of their followers.

    Two linear programs each, over :func:`reformulations.dual_faces.dual_face`: the follower's own rows at the
    decisions of the others. Infinite where a side cannot move any further without leaving the follower no response.

    Parameters
    ----------
    program
        The game as declared.
    point
        ``(n + m + 2 n,)``, at which every follower responds optimally.
    targets
        Positions ``(k,)`` among the ``m + 2 n`` multipliers.
    threads
        Of HiGHS.

    Raises
    ------
    NotApplicable
        For followers with integer variables.
    SolverFailure
        When the point is not optimal for its follower, so that no multipliers belong to it.
    """
    owner = np.concatenate([program.row_owner, program.column_owner, program.column_owner])[targets]
    found = np.zeros((len(targets), 2))
    for player in np.unique(owner).tolist():
        try:
            face = dual_face(program, point, player)
        except refusal.NotApplicable as refused:
            raise NotApplicable(refused.where, refused.reason) from refused
        position = np.full(program.point_size - len(program.columns), -1, np.int64)
        position[face.targets] = np.arange(len(face.targets))
        solver = PersistentHighs(face.program, HighsOptions(threads=threads, time_limit=_SECONDS))
        for k in np.flatnonzero(owner == player).tolist():
            column = int(position[targets[k]])
            if column >= 0:
                found[k] = [direction * _least(solver, column, direction) for direction in (1.0, -1.0)]
    return found + 0.0  # no negative zeros


def _least(solver: PersistentHighs, column: int, direction: float) -> float:
    solver.change_cost(np.array([column]), np.array([direction]))
    outcome = solver.solve()
    solver.change_cost(np.array([column]), np.zeros(1))
    if outcome.status == "unbounded":
        return -np.inf
    if outcome.objective is None:
        raise SolverFailure(
            f"the optimal multipliers, drawn within tolerances, are {outcome.status.replace('_', ' ')}; "
            "look at the certificate: a follower does not respond optimally, or its data are badly scaled"
        )
    return outcome.objective


def price_lines(program: BilevelProgram, point: Floats, threads: int | None = None) -> tuple[PriceLine, ...]:
    """Return one line for each column that stands for a multiplier; none where that cannot be found out."""
    declared = program.multipliers
    if not 0 < len(declared) <= MOST_PRICES:
        return ()
    try:
        ranges = multiplier_ranges(program, point, declared.matrix.indices.astype(np.int64), threads)
    except (NotApplicable, SolverFailure):
        return ()
    names = program.columns.names.take(declared.column)
    return tuple(
        PriceLine(name, float(point[column]), float(low), float(high))
        for name, column, (low, high) in zip(names, declared.column.tolist(), ranges.tolist(), strict=True)
    )
