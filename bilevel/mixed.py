"""Mixed equilibrium of a finite game of two players."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from bilevel.errors import InvalidGame, SolverFailure
from bilevel.game import Follower
from bilevel.methods import KKT
from bilevel.solve import solve
from reformulations.programs import Floats


@dataclass(frozen=True, slots=True)
class MixedEquilibrium:
    """Strategies of two players, none of whom gains by another one.

    Attributes
    ----------
    row, column
        Probabilities of the rows ``(m,)`` and of the columns ``(n,)``.
    payoffs
        Expected payoffs of the two players.
    regrets
        What each could gain by its best row or column, computed from the payoffs given, so from nothing that the
        solver says.
    """

    row: Floats
    column: Floats
    payoffs: tuple[float, float]
    regrets: tuple[float, float]


def mixed_equilibrium(row_payoff: Any, column_payoff: Any, *, threads: int | None = None) -> MixedEquilibrium:
    """Return a Nash equilibrium in mixed strategies of a finite game of two players; there always is one (Nash 1951).

    ::

        x in argmax { x' A y : sum x = 1, x >= 0 },    y in argmax { x' B y : sum y = 1, y >= 0 }

    Two followers that are each other's prices; their KKT conditions with a binary variable a strategy (played, or no
    better than its value) are the mixed-integer program of Sandholm, Gilpin and Conitzer, AAAI 2005, first formulation.
    Where a game has several equilibria, the one that is found is any.

    Parameters
    ----------
    row_payoff, column_payoff
        ``A`` and ``B``, both ``(m, n)``, to be maximised.
    threads
        Of HiGHS.

    Raises
    ------
    InvalidGame
        When the payoffs are not two finite matrices of one shape.
    SolverFailure
        When the solver gives no equilibrium.
    """
    A, B = np.asarray(row_payoff, np.float64), np.asarray(column_payoff, np.float64)
    if A.ndim != 2 or not A.size or A.shape != B.shape or not (np.isfinite(A).all() and np.isfinite(B).all()):  # noqa: PLR2004 - a matrix
        raise InvalidGame(f"payoffs of shapes {A.shape} and {B.shape}: give two finite matrices of one shape")
    rows, columns = range(A.shape[0]), range(A.shape[1])
    m = pyo.ConcreteModel("mixed equilibrium")
    m.row, m.column = Follower(), Follower()
    for player, choices in ((m.row, rows), (m.column, columns)):
        player.plays = pyo.Var(choices, bounds=(0, 1))
        player.one = pyo.Constraint(expr=pyo.quicksum(player.plays.values()) == 1)
    for player, payoff in ((m.row, A), (m.column, B)):
        # adding a constant to a player's payoffs moves no equilibrium; scaled to 1, one tolerance suits all games
        scaled = (payoff - payoff.min()) / max(float(np.ptp(payoff)), 1e-300)
        value = pyo.quicksum(scaled[i, j] * m.row.plays[i] * m.column.plays[j] for i in rows for j in columns)
        player.payoff = pyo.Objective(expr=value, sense=pyo.maximize)
    m.any = pyo.Objective(expr=0 * m.row.plays[0])
    solution = solve(m, method=KKT(), threads=threads)
    if solution.point is None:
        raise SolverFailure(f"no mixed equilibrium was found (status {solution.status}); rescale the payoffs")
    x, y = (_distribution([solution.value(p) for p in player.plays.values()]) for player in (m.row, m.column))
    payoffs = float(x @ A @ y), float(x @ B @ y)
    regrets = float((A @ y).max()) - payoffs[0], float((x @ B).max()) - payoffs[1]
    return MixedEquilibrium(x, y, payoffs, (max(regrets[0], 0.0), max(regrets[1], 0.0)))


def _distribution(values: list[float]) -> Floats:
    positive: Floats = np.maximum(np.array(values, np.float64), 0.0)
    return np.asarray(positive / positive.sum(), np.float64)
