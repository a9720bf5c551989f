"""The Karush-Kuhn-Tucker system of the followers as rows and complementarities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import (
    MPEC,
    CanonicalGame,
    Columns,
    Complementarity,
    LowerLevel,
    MultiplierColumns,
    Names,
    Rows,
    Stationarity,
    widened,
)
from reformulations.recovery import Recovery, Reduced


@dataclass(frozen=True, slots=True)
class KKT:
    """Replace every follower by its optimality conditions, jointly.

    Source, each follower: ``min f(y, x)  s.t.  V y + U x >= w : lambda`` (``==``: lambda free).
    Image, added to the upper level::

        V y + U x >= w
        grad_y f(y, x) - V' lambda == 0
        0 <= lambda  _|_  V y + U x - w >= 0

    The columns of other followers are parameters, so several followers give the equilibrium
    conditions of their (generalised) Nash game. Exact when every follower is convex in its own
    columns and its rows are linear (Karush 1939; Kuhn & Tucker 1951): linear rows need no further
    constraint qualification.
    """

    def apply(self, game: CanonicalGame) -> Reduced[MPEC]:
        """Return the MPEC; its columns are the game's followed by one multiplier a lower-level row."""
        lower, n = game.lower, len(game.columns)
        p, size = len(lower), len(game.columns) + len(lower)
        columns = game.columns.append(_multiplier_columns(lower))
        stationarity = _stationarity_rows(lower, game.columns.names)
        feasibility = np.flatnonzero(~lower.from_bound)
        rows = (
            game.rows.append(
                Rows(
                    sparse.csr_array(lower.matrix[feasibility]),
                    lower.offset[feasibility],
                    np.where(lower.equality, lower.offset, np.inf)[feasibility],
                    lower.names.take(feasibility),
                )
            )
            .append(stationarity)
            .append(_alias_rows(game.aliases, game.columns.names, n))
        )
        first = len(game.rows) + len(feasibility)
        aliases = sparse.hstack([sparse.csr_array((len(game.aliases), n)), game.aliases.matrix], format="csr")
        mpec = MPEC(
            columns=columns,
            rows=rows,
            cost=np.concatenate([game.cost, np.zeros(p)]),
            constant=game.constant,
            products=game.products,
            complementarity=Complementarity(
                slack=widened(lower.matrix, size),
                offset=lower.offset,
                multiplier=np.arange(n, size),
                row=np.where(lower.from_bound, -1, len(game.rows) + np.cumsum(~lower.from_bound) - 1),
                equality=lower.equality,
                opposite=lower.opposite,
                owner=lower.owner,
                names=lower.names,
            ),
            stationarity=Stationarity(first + np.arange(len(lower.columns)), lower.columns),
            aliases=MultiplierColumns(game.aliases.column, sparse.csr_array(aliases)),
        )
        return Reduced(mpec, Recovery.identity(size))


def _multiplier_columns(lower: LowerLevel) -> Columns:
    p = len(lower)
    return Columns(
        np.where(lower.equality, -np.inf, 0.0),
        np.full(p, np.inf),
        np.zeros(p, bool),
        Names(p, lambda i: f"multiplier of {lower.names[i]}"),
    )


def _stationarity_rows(lower: LowerLevel, names: Names) -> Rows:
    matrix = sparse.hstack([lower.gradient, -lower.own.T], format="csr")
    picked = names.take(lower.columns)
    return Rows(
        sparse.csr_array(matrix),
        -lower.cost,
        -lower.cost,
        Names(len(picked), lambda i: f"stationarity of {picked[i]}"),
    )


def _alias_rows(aliases: MultiplierColumns, names: Names, n: int) -> Rows:
    k = len(aliases)
    entries = (np.ones(k), (np.arange(k), aliases.column))
    left = sparse.coo_array(entries, shape=(k, n)).tocsr()
    matrix = sparse.hstack([left, -aliases.matrix], format="csr")
    picked = names.take(aliases.column)
    zero = np.zeros(k)
    return Rows(sparse.csr_array(matrix), zero, zero, Names(k, lambda i: f"definition of {picked[i]}"))
