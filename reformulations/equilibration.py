"""Units in which the data of a game or a program are near one: factors by least squares of logarithms.

With coefficients ``a_ij`` of rows and of followers' objectives (``i``) on columns (``j``), factors ``exp(rho_i)`` and
``exp(gamma_j)``::

    min  sum_ij (log |a_ij| + rho_i + gamma_j)^2  +  sum over finite sides s_i of  w (log |s_i| + rho_i)^2
                                                  +  sum over finite bounds b_j of  w (log |b_j| - gamma_j)^2

A product of two columns has both of their ``gamma``. Integer columns keep their unit, nature's too, in which its set is
given, and so does the leader's objective, in whose unit the gap is asked for. Source: A. R. Curtis and J. K. Reid, On
the automatic scaling of matrices for Gaussian elimination, IMA J. Appl. Math. 10 (1972).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import lsqr

from reformulations.arrays import Columns, Floats, Integers, Matrix, Product, Rows
from reformulations.program_units import ProgramUnits
from reformulations.programs import LEADER, BilevelProgram, MixedIntegerProgram, Role
from reformulations.scaling import Scaled

SMALLEST, LARGEST = 5e-4, 2e3
"""Data within this range are left in the user's units."""

WEIGHT = 0.1
"""Of a side or a bound beside a coefficient."""

DAMPING = 1e-3
"""Pull of the factors towards one, which decides where the data leave them open."""

FARTHEST = 40
"""Powers of two; beyond that units change nothing for the better."""

REMAINDER = 1e-14
"""Coefficients up to this part of the largest of their row, and of one, are what rounding leaves of a sum."""

Terms = tuple[Floats, Integers, Integers, Integers]
"""Logarithms, and the unknowns that are added to each: of the row, of the column, of a second column or -1."""


def better_units(program: BilevelProgram) -> Scaled | None:
    """Return factors, powers of two, that bring badly scaled data near one; None where they are within range."""
    m, n, players = len(program.rows), len(program.columns), len(program.players)
    followers = np.arange(players) != LEADER
    terms = _without_remainders(
        _linear(program.rows.matrix, 0, m + players),
        _bilinear(program.rows.products, 0, m + players),
        _linear(_only(program.objectives.linear, followers), m, m + players),
        _bilinear(program.objectives.products.take(followers[program.objectives.products.index]), m, m + players),
    )
    if _are_near_one(terms):
        return None
    sides = _sides(program.rows, program.columns, m + players)
    powers = _powers(_least_squares(terms, sides, m + players + n, _fixed(program)))
    return Scaled(powers[:m], powers[m + players :], powers[m : m + players])


def better_program_units(program: MixedIntegerProgram) -> ProgramUnits | None:
    """Return factors, powers of two, that bring a program's data near one; None where they are within range."""
    m, n = len(program.rows), len(program.columns)
    cost: Matrix = sparse.csr_array(program.cost[np.newaxis])
    terms = _without_remainders(
        _linear(program.rows.matrix, 0, m + 1),
        _bilinear(program.rows.products, 0, m + 1),
        _linear(cost, m, m + 1),
        _bilinear(program.products, m, m + 1),
    )
    if _are_near_one(terms):
        return None
    fixed = np.concatenate([np.zeros(m + 1, bool), program.columns.integer])
    powers = _powers(_least_squares(terms, _sides(program.rows, program.columns, m + 1), m + 1 + n, fixed))
    return ProgramUnits(powers[:m], powers[m + 1 :], float(powers[m]))


@np.errstate(invalid="ignore")  # what is not a number asks for no unit
def _without_remainders(*parts: Terms) -> Terms:
    """Put terms together and leave out those below :data:`REMAINDER` of the largest in their row, or of one."""
    logs, rows, columns, others = (np.concatenate(each) for each in zip(*parts, strict=True))
    largest = np.zeros(rows.max(initial=0) + 1)
    np.maximum.at(largest, rows, logs)
    counts = logs > largest[rows] + np.log(REMAINDER)
    return logs[counts], rows[counts], columns[counts], others[counts]


def _are_near_one(terms: Terms) -> bool:
    sizes = terms[0]
    return not len(sizes) or bool(sizes.min() >= np.log(SMALLEST) and sizes.max() <= np.log(LARGEST))


def _powers(factors: Floats) -> Floats:
    """Return the nearest powers of two of logarithms."""
    return np.asarray(np.exp2(np.clip(np.rint(factors / np.log(2.0)), -FARTHEST, FARTHEST)))


def _only(matrix: Matrix, rows: np.ndarray) -> Matrix:
    return sparse.csr_array(sparse.diags_array(rows.astype(float)) @ matrix)


def _linear(matrix: Matrix, first: int, columns: int) -> Terms:
    entries = matrix.tocoo()
    used = entries.data != 0
    row, column = entries.row[used].astype(np.int64), entries.col[used].astype(np.int64)
    return np.log(np.abs(entries.data[used])), first + row, columns + column, np.full(len(row), -1)


def _bilinear(products: Product, first: int, columns: int) -> Terms:
    return np.log(np.abs(products.value)), first + products.index, columns + products.left, columns + products.right


def _sides(rows: Rows, boxes: Columns, columns: int) -> tuple[Floats, Integers, Floats]:
    """Return logarithms of finite sides and bounds, the unknown of each, and its sign."""
    found = []
    for first, sign, lower, upper in (
        (0, 1.0, rows.lower, rows.upper),
        (columns, -1.0, boxes.lower, boxes.upper),
    ):
        largest = np.maximum(
            np.where(np.isfinite(lower), np.abs(lower), 0), np.where(np.isfinite(upper), np.abs(upper), 0)
        )
        known = np.flatnonzero(largest > 0)
        found.append((np.log(largest[known]), first + known, np.full(len(known), sign)))
    logs, unknowns, signs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return logs, unknowns, signs


def _fixed(program: BilevelProgram) -> np.ndarray:
    """Return which unknowns are zero: the leader's objective, integer columns and nature's."""
    objectives = np.arange(len(program.players)) == LEADER
    columns = program.columns.integer | (program.roles[program.column_owner] == Role.NATURE)
    return np.concatenate([np.zeros(len(program.rows), bool), objectives, columns])


def _least_squares(terms: Terms, sides: tuple[Floats, Integers, Floats], count: int, fixed: np.ndarray) -> Floats:
    logs, rows, columns, others = terms
    number = np.arange(len(logs))
    second = others >= 0
    side_logs, unknowns, signs = sides
    last = len(logs) + np.arange(len(side_logs))
    entries = (
        np.concatenate([np.ones(2 * len(logs) + int(second.sum())), WEIGHT * signs]),
        (
            np.concatenate([number, number, number[second], last]),
            np.concatenate([rows, columns, others[second], unknowns]),
        ),
    )
    matrix = sparse.coo_array(entries, shape=(len(logs) + len(side_logs), count)).tocsc()[:, np.flatnonzero(~fixed)]
    right = -np.concatenate([logs, WEIGHT * side_logs])
    found = np.zeros(count)
    found[~fixed] = lsqr(matrix, right, damp=DAMPING, atol=1e-3, btol=1e-3)[0]
    return found
