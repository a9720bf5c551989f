"""Games written down as terms: ``{"x": 2, "x*y": 1, "": 3}`` is ``2 x + x y + 3``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from reformulations.programs import (
    BilevelProgram,
    Columns,
    MixedIntegerProgram,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
)

INF = np.inf
Terms = Mapping[str, float]


def forms(terms: list[Terms], names: list[str]) -> tuple[sparse.csr_array, Product, np.ndarray]:
    linear, products, constant = np.zeros((len(terms), len(names))), [], np.zeros(len(terms))
    for i, form in enumerate(terms):
        for term, value in form.items():
            factors = [names.index(factor) for factor in term.split("*") if factor]
            if len(factors) == 2:
                products.append((i, *factors, value))
            elif factors:
                linear[i, factors[0]] += value
            else:
                constant[i] += value
    index, left, right, value = (np.array(part) for part in zip(*products, strict=True)) if products else [[]] * 4
    return sparse.csr_array(linear), Product.of(index, left, right, value), constant


def game(
    players: Mapping[str, tuple[str, Terms]],
    columns: Mapping[str, tuple[str, float, float]],
    rows: Mapping[str, tuple[str, Terms, float, float]],
    integer: tuple[str, ...] = (),
    stands_for: Mapping[str, str] | None = None,
) -> BilevelProgram:
    """Build a game: players by name (sense, objective), the first leads; columns and rows with their owner.

    ``stands_for`` maps a column to the row whose multiplier it is.
    """
    owners, names, stands_for = list(players), list(columns), stands_for or {}
    matrix, products, _ = forms([row[1] for row in rows.values()], names)
    linear, priced, constant = forms([terms for _, terms in players.values()], names)
    size = len(rows) + 2 * len(names)
    declared = np.zeros((len(stands_for), size))
    for k, row in enumerate(stands_for.values()):
        declared[k, list(rows).index(row)] = 1.0
    return BilevelProgram(
        players=owners,
        roles=np.array([Role.LEADER] + [Role.FOLLOWER] * (len(owners) - 1), dtype=np.int64),
        columns=Columns(
            np.array([float(column[1]) for column in columns.values()]),
            np.array([float(column[2]) for column in columns.values()]),
            np.array([name in integer for name in names]),
            Names.of(names),
        ),
        column_owner=np.array([owners.index(column[0]) for column in columns.values()], dtype=np.int64),
        rows=Rows(
            matrix,
            np.array([float(row[2]) for row in rows.values()]),
            np.array([float(row[3]) for row in rows.values()]),
            Names.of(list(rows)),
            products,
        ),
        row_owner=np.array([owners.index(row[0]) for row in rows.values()], dtype=np.int64),
        objectives=Objectives(
            np.array([{"min": 1.0, "max": -1.0}[sense] for sense, _ in players.values()]), constant, linear, priced
        ),
        multipliers=MultiplierColumns(
            np.array([names.index(name) for name in stands_for], dtype=np.int64), sparse.csr_array(declared)
        ),
    )


def point(program: BilevelProgram, **values: float) -> np.ndarray:
    """Return a point: columns and rows by name, bounds as ``lower_y`` and ``upper_y``; the rest is zero."""
    names, rows = list(program.columns.names), list(program.rows.names)
    where = {name: i for i, name in enumerate(names)}
    where |= {name: len(names) + i for i, name in enumerate(rows)}
    where |= {f"lower_{name}": len(names) + len(rows) + i for i, name in enumerate(names)}
    where |= {f"upper_{name}": 2 * len(names) + len(rows) + i for i, name in enumerate(names)}
    result = np.zeros(program.point_size)
    for name, value in values.items():
        result[where[name]] = value
    return result


def mixed_integer_program(
    cost: Terms, columns: Mapping[str, tuple[float, float]], rows: Mapping[str, tuple[Terms, float, float]], **more: Any
) -> MixedIntegerProgram:
    """Build a program that minimises ``cost``; ``integer=("x",)`` names integer columns."""
    names = list(columns)
    matrix, _, _ = (
        forms([row[0] for row in rows.values()], names) if rows else (sparse.csr_array((0, len(names))), 0, 0)
    )
    linear, products, constant = forms([cost], names)
    return MixedIntegerProgram(
        Columns(
            np.array([float(low) for low, _ in columns.values()]),
            np.array([float(high) for _, high in columns.values()]),
            np.array([name in more.get("integer", ()) for name in names], dtype=bool),
            Names.of(names),
        ),
        Rows(
            matrix,
            np.array([float(row[1]) for row in rows.values()]),
            np.array([float(row[2]) for row in rows.values()]),
            Names.of(list(rows)),
        ),
        linear.toarray().ravel(),
        float(constant[0]),
        products,
    )
