"""A set described by linear rows, with columns of its own where the description needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.optimize import linprog

from reformulations.programs import Floats, Matrix

_INFEASIBLE, _UNBOUNDED, _UNDECIDED = 2, 3, 4
_TOLERANCE = 1e-9
"""Feasibility tolerance asked of the linear solver, primal and dual; its own default is 1e-7."""


class EntryError(ValueError):
    """What is wrong with one entry of a vector, by its number; whoever knows the user's key says that in its place."""

    def __init__(self, before: str, entry: int, after: str) -> None:
        super().__init__(f"{before}{entry}{after}")
        self.before, self.entry, self.after = before, entry, after


def frozen_vector(what: str, values: ArrayLike) -> Floats:
    """Return a read-only copy ``(n,)`` of finite ``values``.

    Raises
    ------
    ValueError
        If ``values`` are not a vector, and as :class:`EntryError` if an entry is not finite; the message begins with
        ``what``.
    """
    vector = np.array(values, dtype=np.float64)
    if vector.ndim != 1:
        raise ValueError(f"{what} has shape {vector.shape}, expected a vector")
    bad = np.flatnonzero(~np.isfinite(vector))
    if len(bad):
        raise EntryError(f"{what}[", int(bad[0]), f"] is {vector[bad[0]]}, expected a finite number")
    vector.flags.writeable = False
    return vector


def same_length(first: str, one: Floats, second: str, other: Floats) -> None:
    """Raise ValueError unless two vectors have as many entries as each other."""
    if one.shape != other.shape:
        raise ValueError(f"{first} has {len(one)} entries, but {second} has {len(other)}")


def cost_vector(cost: ArrayLike, dimension: int) -> Floats:
    """Return ``cost`` as a finite vector ``(dimension,)``, or raise ValueError."""
    vector = np.asarray(cost, dtype=np.float64)
    if vector.shape != (dimension,):
        raise ValueError(f"cost has shape {vector.shape}, expected ({dimension},)")
    bad = np.flatnonzero(~np.isfinite(vector))
    if len(bad):
        raise ValueError(f"cost[{bad[0]}] is {vector[bad[0]]}, expected a finite number")
    return vector


@dataclass(frozen=True, slots=True, eq=False)
class LinearSet:
    """The set of ``u = z[:dimension]`` with ``lower <= matrix @ z <= upper``, ``column_lower <= z <= column_upper``.

    ``matrix`` is ``(r, n + extra)`` with ``n = dimension``; the last ``extra`` columns are auxiliary (the positive and
    negative part of a deviation, the weights of a convex hull) and belong to whoever embeds the set as rows.
    """

    matrix: Matrix
    lower: Floats
    upper: Floats
    column_lower: Floats
    column_upper: Floats
    dimension: int

    def __post_init__(self) -> None:
        rows, columns = self.matrix.shape
        for item, length in (("lower", rows), ("upper", rows), ("column_lower", columns), ("column_upper", columns)):
            if getattr(self, item).shape != (length,):
                raise ValueError(f"{item} has shape {getattr(self, item).shape}, expected ({length},)")
            getattr(self, item).flags.writeable = False
        for array in (self.matrix.data, self.matrix.indices, self.matrix.indptr):
            array.flags.writeable = False

    def maximiser(self, cost: ArrayLike) -> Floats:
        """Return a vertex ``z`` of the lifted set, ``(n + extra,)``, that maximises ``cost @ z[:n]``.

        Raises
        ------
        ValueError
            If the set is empty (``the set is empty``) or the maximum is infinite (``the set is unbounded``).
        """
        padded = np.zeros(self.matrix.shape[1])
        padded[: self.dimension] = cost_vector(cost, self.dimension)
        # the solver's dual tolerance is absolute, so the cost is brought to unit size
        largest = np.max(np.abs(padded), initial=0.0)
        scaled = -padded / (largest if largest > 0 else 1.0)
        status, point, message = self._minimise(scaled, presolve=True)
        if point is None:
            # presolve has been seen to call feasible programs infeasible: ask once more before believing it
            status, point, message = self._minimise(scaled, presolve=False)
        if point is not None:
            return point
        if status == _INFEASIBLE or (status == _UNDECIDED and self._is_empty()):
            raise ValueError("the set is empty: no point satisfies its rows and bounds")
        if status in (_UNBOUNDED, _UNDECIDED):
            raise ValueError("the set is unbounded: the maximum is infinite")
        raise ValueError(f"no maximum over the set was found: {message}")

    def _is_empty(self) -> bool:
        return self._minimise(np.zeros(self.matrix.shape[1]), presolve=False)[0] == _INFEASIBLE

    def _minimise(self, cost: Floats, *, presolve: bool) -> tuple[int, Floats | None, str]:
        equal = self.lower == self.upper
        above, below = ~equal & np.isfinite(self.upper), ~equal & np.isfinite(self.lower)
        # the dual simplex method ends at a vertex, an interior point does not
        answer = linprog(
            cost,
            A_ub=sparse.vstack([self.matrix[above], -self.matrix[below]], format="csr"),
            b_ub=np.concatenate([self.upper[above], -self.lower[below]]),
            A_eq=self.matrix[equal],
            b_eq=self.lower[equal],
            bounds=list(zip(self.column_lower.tolist(), self.column_upper.tolist(), strict=True)),
            method="highs-ds",
            options={
                "presolve": presolve,
                "primal_feasibility_tolerance": _TOLERANCE,
                "dual_feasibility_tolerance": _TOLERANCE,
            },
        )
        point = np.asarray(answer.x, dtype=np.float64) if answer.status == 0 else None
        return int(answer.status), point, str(answer.message)
