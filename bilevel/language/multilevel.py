"""PAO's compact representation of a game, ``LinearMultilevelProblem`` and ``QuadraticMultilevelProblem``, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from bilevel.errors import InvalidGame, NotApplicable
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Columns,
    Floats,
    Matrix,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
)

CLASSES = ("LinearMultilevelProblem", "QuadraticMultilevelProblem")


def is_multilevel(model: Any) -> bool:
    """Return whether a model is PAO's compact representation; PAO itself is not imported for that."""
    return type(model).__module__ == "pao.mpr.repn" and type(model).__name__ in CLASSES


def levels_of(problem: Any) -> list[Any]:
    """Return the levels of a problem, the leader's first.

    Raises
    ------
    InvalidGame
        Without a level of the leader or of a follower.
    NotApplicable
        With more than two levels.
    """
    if problem.U is None or not len(problem.U.LL):
        raise InvalidGame("the multilevel problem needs add_upper(...), and add_lower(...) on what that returns")
    for lower in problem.U.LL:
        for third in list(lower.LL)[:1]:
            raise NotApplicable(third.name, f"it lies below {lower.name}, which makes three levels; games have two")
    return [problem.U, *problem.U.LL]


def program_of(problem: Any) -> BilevelProgram:
    """Return a problem as arrays; columns and rows come level by level, as they stand there.

    ::

        level k:  min or max  c_k' x + x' P_k x + d_k   s.t.  A_k x + x' Q_k x <= b_k  (or ==)

    over ``x`` of all levels; the columns of a level are reals, integers and binaries, in this order.

    Raises
    ------
    InvalidGame
        When the shapes of the data do not fit together.
    NotApplicable
        With more than two levels.
    """
    levels = levels_of(problem)
    counts = np.array([level.x.num for level in levels])
    starts = dict(zip([level.id for level in levels], (counts.cumsum() - counts).tolist(), strict=True))
    rows = np.array([level.b.size for level in levels])
    numbers = np.arange(len(levels))
    return BilevelProgram(
        players=("leader", *_unique([str(level.name) for level in levels[1:]])),
        roles=np.where(numbers == LEADER, Role.LEADER, Role.FOLLOWER).astype(np.int64),
        columns=_columns(levels),
        column_owner=numbers.repeat(counts),
        rows=_rows(levels, starts, int(counts.sum())),
        row_owner=numbers.repeat(rows),
        objectives=Objectives(
            np.array([1.0 if level.minimize else -1.0 for level in levels]),
            np.array([float(level.d) for level in levels]),
            sparse.csr_array(np.vstack([_cost(level, levels) for level in levels])),
            _products([(k, k_terms) for k, level in enumerate(levels) for k_terms in _objective_terms(level)], starts),
        ),
        multipliers=MultiplierColumns(
            np.empty(0, np.int64), sparse.csr_array((0, int(rows.sum()) + 2 * int(counts.sum())))
        ),
    )


def _columns(levels: list[Any]) -> Columns:
    lower, upper, whole, names = [], [], [], []
    for level in levels:
        x = level.x
        binary = np.arange(x.num) >= x.nxR + x.nxZ
        lower.append(np.where(binary, np.maximum(x.lower_bounds, 0.0), x.lower_bounds))
        upper.append(np.where(binary, np.minimum(x.upper_bounds, 1.0), x.upper_bounds))
        whole.append(np.arange(x.num) >= x.nxR)
        names += [f"{level.name}.x[{j}]" for j in range(x.num)]
    columns = Columns(
        np.concatenate(lower).astype(np.float64),
        np.concatenate(upper).astype(np.float64),
        np.concatenate(whole),
        Names.of(_unique(names)),
    )
    for j in np.flatnonzero(~(columns.lower <= columns.upper))[:1]:
        raise InvalidGame(f"{names[j]}: its bounds {columns.lower[j]:g} and {columns.upper[j]:g} leave no value")
    return columns


def _rows(levels: list[Any], starts: dict[int, int], n: int) -> Rows:
    matrix = sparse.csr_array(sparse.vstack([_matrix(level, levels) for level in levels], format="csr"))
    upper = np.concatenate([level.b for level in levels]).astype(np.float64)
    equal = np.concatenate([np.full(level.b.size, bool(level.equalities)) for level in levels])
    names = [f"{level.name}.row[{i}]" for level in levels for i in range(level.b.size)]
    terms: list[tuple[int, tuple[int, int, Any]]] = []
    first = 0
    for level in levels:
        terms += [(first + i, term) for i, term in _row_terms(level)]
        first += level.b.size
    matrix.sum_duplicates()
    products = _products(terms, starts)
    if matrix.shape != (first, n):
        raise InvalidGame(f"the rows have {matrix.shape[1]} columns, the levels {n}; check the shapes of A")
    return Rows(matrix, np.where(equal, upper, -np.inf), upper, Names.of(_unique(names)), products)


def _cost(level: Any, levels: list[Any]) -> Floats:
    parts = []
    for other in levels:
        given = level.c[other]
        part = np.zeros(other.x.num) if given is None or np.size(given) == 0 else np.asarray(given, np.float64)
        if part.shape != (other.x.num,):
            raise InvalidGame(f"{level.name}.c[{other.name}]: {part.size} coefficients for {other.x.num} variables")
        parts.append(part)
    return np.concatenate(parts)


def _matrix(level: Any, levels: list[Any]) -> Matrix:
    parts = []
    for other in levels:
        given = level.A[other]
        shape = (level.b.size, other.x.num)
        if given is not None and given.shape != shape:
            raise InvalidGame(
                f"{level.name}.A[{other.name}]: it is {given.shape[0]} x {given.shape[1]}, "
                f"and {level.name}.b with {other.name}.x are {shape[0]} x {shape[1]}"
            )
        parts.append(sparse.csr_array(shape) if given is None else sparse.csr_array(given))
    return sparse.csr_array(sparse.hstack(parts, format="csr"))


def _objective_terms(level: Any) -> list[tuple[int, int, Any]]:
    """Return ``(level, level, matrix)`` of the quadratic terms of an objective; linear problems have none."""
    return [(left, right, level.P[left, right]) for left, right in getattr(level, "P", ())]


def _row_terms(level: Any) -> list[tuple[int, tuple[int, int, Any]]]:
    found = []
    for left, right in getattr(level, "Q", ()):
        matrices = level.Q[left, right]
        if len(matrices) != level.b.size:
            raise InvalidGame(f"{level.name}.Q: {len(matrices)} matrices for {level.b.size} rows")
        found += [(i, (left, right, matrix)) for i, matrix in enumerate(matrices) if matrix is not None]
    return found


def _products(terms: list[tuple[int, tuple[int, int, Any]]], starts: dict[int, int]) -> Product:
    """Return the products of numbered expressions from the matrices of each pair of levels."""
    index, left, right, value = [], [], [], []
    for number, (one, two, given) in terms:
        matrix = sparse.coo_array(given)
        index.append(np.full(matrix.nnz, number))
        left.append(starts[one] + matrix.coords[0])
        right.append(starts[two] + matrix.coords[1])
        value.append(matrix.data)
    if not terms:
        return Product.none()
    parts = [np.concatenate(part).astype(np.int64) for part in (index, left, right)]
    return Product.of(parts[0], parts[1], parts[2], np.concatenate(value).astype(np.float64))


def _unique(names: list[str]) -> list[str]:
    """Return names that differ, by their position where two are the same."""
    return names if len(set(names)) == len(names) else [f"{name} #{k}" for k, name in enumerate(names)]
