"""Optimality residuals at a point: is it feasible for the leader, and a KKT point of each follower.

For a follower ``p`` with objective ``f_p`` (in its own sense; ``s = +1`` where it minimises, ``-1`` where it
maximises), own columns ``y``, own rows and bounds, everything else held::

    a <= g(y) <= b   : lambda        l <= y <= u   : mu_lower, mu_upper

    primal feasibility   rows, bounds and integrality hold
    dual feasibility     s lambda >= 0 unless b is finite,  s lambda <= 0 unless a is finite,
                         s mu_lower >= 0 (0 unless l is finite),  s mu_upper <= 0 (0 unless u is finite)
    stationarity         grad f_p - sum_j lambda_j grad g_j - mu_lower - mu_upper = 0
    complementarity      lambda_j times the slack of the side that its sign names, and so for the bounds

Multipliers carry the user's sign, ``d(own optimum in own sense)/d(right-hand side)``, which is why
stationarity has no ``s``. The four are necessary and sufficient for a convex follower with linear rows
(Karush 1939; Kuhn and Tucker, Proc. Second Berkeley Symposium, 1951).

Residuals are relative: to one plus the largest term of the row, of the stationarity condition or of the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import (
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    Names,
    Product,
    Role,
    Rows,
)


@dataclass(frozen=True, slots=True)
class Residual:
    """The largest residual of one kind and the component it belongs to (empty where all are zero)."""

    value: float = 0.0
    where: str = ""


@dataclass(frozen=True, slots=True)
class FollowerResiduals:
    """Residuals of one follower; the last three are None where it is integer or not convex: no conditions suffice."""

    follower: str
    primal: Residual
    dual: Residual | None
    stationarity: Residual | None
    complementarity: Residual | None

    def kinds(self) -> Iterator[tuple[str, Residual]]:
        """Yield the name and the residual of each kind that applies."""
        for kind in ("primal", "dual", "stationarity", "complementarity"):
            residual = getattr(self, kind)
            if residual is not None:
                yield kind, residual


@dataclass(frozen=True, slots=True)
class LeaderResiduals:
    """Residuals of the upper level: rows, bounds, integrality and the columns that stand for multipliers."""

    rows: Residual
    bounds: Residual
    integrality: Residual
    multipliers: Residual

    def kinds(self) -> Iterator[tuple[str, Residual]]:
        """Yield the name and the residual of each kind."""
        for kind in ("rows", "bounds", "integrality", "multipliers"):
            yield kind, getattr(self, kind)


@dataclass(frozen=True, slots=True)
class PrimalDualPoint:
    """Values of the columns ``(n,)`` and multipliers of rows ``(m,)``, lower and upper bounds ``(n,)``."""

    columns: Floats
    rows: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, program: BilevelProgram, point: Floats) -> PrimalDualPoint:
        """Split ``point`` of length ``n + m + 2 n``.

        Raises
        ------
        ValueError
            If the length is another.
        """
        if point.shape != (program.point_size,):
            raise ValueError(f"the point has shape {point.shape}, expected ({program.point_size},)")
        n, m = len(program.columns), len(program.rows)
        return cls(*np.split(point, [n, n + m, 2 * n + m]))


@np.errstate(invalid="ignore")  # what is not a number is reported, as an infinite residual
def residuals(
    program: BilevelProgram, point: Floats, nonconvex: Booleans | None = None
) -> tuple[FollowerResiduals, ...]:
    """Return the residuals of each follower at ``point`` ``(n + m + 2 n,)``, in the order of the players.

    Players of the mask ``nonconvex`` ``(P,)`` are checked for feasibility only, as those with integer columns are.
    """
    at = PrimalDualPoint.of(program, point)
    followers = np.flatnonzero(program.roles == Role.FOLLOWER)
    alone = np.zeros(len(program.players), dtype=bool) if nonconvex is None else nonconvex.copy()
    alone[program.column_owner[program.columns.integer]] = True
    owner = np.concatenate([program.row_owner, *[program.column_owner] * 2])
    names = multiplier_names(program)
    feasibility = _worst(
        np.concatenate([_row_violations(program.rows, at.columns), *_bound_violations(program.columns, at.columns)]),
        owner, names, program,
    )  # fmt: skip
    integrality = _worst(
        _integrality_violations(program.columns, at.columns), program.column_owner, program.columns.names, program
    )
    gradient, scale = _stationarity(program, at)
    stationarity = _worst(np.abs(gradient) / scale, program.column_owner, program.columns.names, program)
    dual = _worst(_dual_violations(program, at, scale), owner, names, program)
    complementarity = _worst(_complementarity(program, at), owner, names, program)
    return tuple(
        FollowerResiduals(
            program.players[int(p)],
            max(feasibility[p], integrality[p], key=lambda residual: residual.value),
            None if alone[p] else dual[p],
            None if alone[p] else stationarity[p],
            None if alone[p] else complementarity[p],
        )
        for p in followers
    )


@np.errstate(invalid="ignore")
def leader_residuals(program: BilevelProgram, point: Floats) -> LeaderResiduals:
    """Return the residuals of the rows and columns that belong to no follower at ``point`` ``(n + m + 2 n,)``."""
    at = PrimalDualPoint.of(program, point)
    columns, others = program.columns, ~program.follower_columns
    declared = program.multipliers
    value = np.asarray(declared.matrix @ point[len(columns) :])
    deviation = np.abs(at.columns[declared.column] - value) / (1 + np.abs(value))
    lower, upper = _bound_violations(columns, at.columns)
    both = columns.names
    return LeaderResiduals(
        _worst_of(np.where(program.follower_rows, 0.0, _row_violations(program.rows, at.columns)), program.rows.names),
        _worst_of(np.where(others, np.maximum(lower, upper), 0.0), both),
        _worst_of(np.where(others, _integrality_violations(columns, at.columns), 0.0), both),
        _worst_of(deviation, both.take(declared.column)),
    )


def jacobian(linear: Matrix, products: Product, point: Floats) -> Matrix:
    """Return the derivatives ``(k, n)`` of ``linear @ z + products(z)`` at ``point`` ``(n,)``."""
    if not len(products):
        return linear
    data = np.concatenate([products.value * point[products.right], products.value * point[products.left]])
    index = np.tile(products.index, 2)
    column = np.concatenate([products.left, products.right])
    return sparse.csr_array(linear + sparse.coo_array((data, (index, column)), shape=linear.shape).tocsr())


@np.errstate(invalid="ignore")
def row_scales(rows: Rows, point: Floats) -> Floats:
    """Return one plus the largest absolute term of each row ``(m,)`` at ``point``."""
    largest = np.zeros(len(rows))
    matrix = rows.matrix.tocoo()
    np.maximum.at(largest, matrix.row, np.abs(matrix.data * point[matrix.col]))
    products = rows.products
    np.maximum.at(largest, products.index, np.abs(products.value * point[products.left] * point[products.right]))
    return 1 + largest


def _row_violations(rows: Rows, point: Floats) -> Floats:
    activity = rows.activity(point)
    violation = np.maximum(np.maximum(rows.lower - activity, activity - rows.upper), 0.0)
    return violation / row_scales(rows, point)


def _bound_violations(columns: Columns, point: Floats) -> tuple[Floats, Floats]:
    scale = 1 + np.abs(point)
    return np.maximum(columns.lower - point, 0.0) / scale, np.maximum(point - columns.upper, 0.0) / scale


def _integrality_violations(columns: Columns, point: Floats) -> Floats:
    return np.where(columns.integer, np.abs(point - np.rint(point)), 0.0)


def _own_jacobian(program: BilevelProgram, point: Floats) -> tuple[Integers, Integers, Floats]:
    """Return the entries ``(row, column, derivative)`` whose row and column have the same owner."""
    entries = jacobian(program.rows.matrix, program.rows.products, point).tocoo()
    own = program.row_owner[entries.row] == program.column_owner[entries.col]
    return entries.row[own], entries.col[own], entries.data[own]


def _stationarity(program: BilevelProgram, at: PrimalDualPoint) -> tuple[Floats, Floats]:
    """Return the derivative of the owner's Lagrangian by each column ``(n,)`` and one plus its largest term."""
    n = len(program.columns)
    objective = jacobian(program.objectives.linear, program.objectives.products, at.columns).tocoo()
    own = objective.row == program.column_owner[objective.col]
    cost = np.bincount(objective.col[own], weights=objective.data[own], minlength=n)
    row, column, derivative = _own_jacobian(program, at.columns)
    terms = at.rows[row] * derivative
    priced = np.bincount(column, weights=terms, minlength=n)
    largest = np.maximum(np.abs(cost), np.maximum(np.abs(at.lower), np.abs(at.upper)))
    np.maximum.at(largest, column, np.abs(terms))
    return cost - priced - at.lower - at.upper, 1 + largest


def _dual_violations(program: BilevelProgram, at: PrimalDualPoint, scale: Floats) -> Floats:
    """Return wrong-signed multipliers ``(m + 2 n,)``, by the largest relative part they have in a stationarity."""
    sense = program.objectives.sense
    rows, columns = program.rows, program.columns
    multiplier = at.rows * sense[program.row_owner]
    wrong = np.where(np.isfinite(rows.lower), 0.0, np.maximum(multiplier, 0.0))
    wrong += np.where(np.isfinite(rows.upper), 0.0, np.maximum(-multiplier, 0.0))
    row, column, derivative = _own_jacobian(program, at.columns)
    weight = np.zeros(len(rows))
    np.maximum.at(weight, row, np.abs(derivative) / scale[column])
    weight[weight == 0] = 1.0
    column_sense = sense[program.column_owner]
    fixed = columns.lower == columns.upper
    lower = _wrong_bound_multiplier(at.lower * column_sense, np.isfinite(columns.lower), fixed)
    upper = _wrong_bound_multiplier(-at.upper * column_sense, np.isfinite(columns.upper), fixed)
    return np.concatenate([np.where(np.isnan(multiplier), np.inf, wrong * weight), lower / scale, upper / scale])


def _wrong_bound_multiplier(multiplier: Floats, present: Booleans, fixed: Booleans) -> Floats:
    """Return how far multipliers are from nonnegative, and from zero where the bound is absent.

    The bounds of a fixed column are one equality, whose multiplier has no sign.
    """
    wrong = np.where(present, np.maximum(-multiplier, 0.0), np.abs(multiplier))
    return np.where(fixed, 0.0, wrong)


def _complementarity(program: BilevelProgram, at: PrimalDualPoint) -> Floats:
    """Return multiplier times slack ``(m + 2 n,)``, relative to one plus multiplier times the row's scale."""
    rows, columns = program.rows, program.columns
    multiplier = at.rows * program.objectives.sense[program.row_owner]
    activity = rows.activity(at.columns)
    slack = np.where(multiplier > 0, activity - rows.lower, rows.upper - activity)
    scale = 1 + np.abs(at.columns)
    return np.concatenate(
        [
            _relative_product(multiplier, slack, row_scales(rows, at.columns)),
            _relative_product(at.lower, at.columns - columns.lower, scale),
            _relative_product(at.upper, columns.upper - at.columns, scale),
        ]
    )


def _relative_product(multiplier: Floats, slack: Floats, scale: Floats) -> Floats:
    """Return ``|multiplier * slack| / (1 + |multiplier| * scale)``; absent sides are a matter of dual feasibility."""
    finite = np.where(np.isfinite(slack), np.abs(slack), 0.0)
    return np.abs(multiplier) * finite / (1 + np.abs(multiplier) * scale)


def multiplier_names(program: BilevelProgram) -> Names:
    """Return what the ``m + 2 n`` multipliers of a game belong to: its rows, lower and upper bounds."""
    names = program.columns.names
    lower = Names(len(names), lambda i: f"lower bound of {names[i]}")
    return program.rows.names + lower + Names(len(names), lambda i: f"upper bound of {names[i]}")


def _worst_of(values: Floats, names: Names) -> Residual:
    """Return the largest of ``values`` with its name; what is not a number counts as infinite."""
    if not len(values):
        return Residual()
    clean = np.where(np.isnan(values), np.inf, values)
    worst = int(np.argmax(clean))
    return Residual(float(clean[worst]), names[worst]) if clean[worst] > 0 else Residual()


def _worst(values: Floats, owner: Integers, names: Names, program: BilevelProgram) -> list[Residual]:
    """Return the largest of ``values`` of each player."""
    clean = np.where(np.isnan(values), np.inf, values)
    order = np.lexsort((clean, owner))
    last = np.searchsorted(owner[order], np.arange(len(program.players)), side="right") - 1
    worst = []
    for p, position in enumerate(last):
        index = int(order[position]) if position >= 0 else -1
        mine = index >= 0 and owner[index] == p and clean[index] > 0
        worst.append(Residual(float(clean[index]), names[index]) if mine else Residual())
    return worst
