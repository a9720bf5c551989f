"""The part of one follower has all that concerns it, and nothing of the others."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from bilevel.language.read import read
from bilevel.solvers.highs import PersistentHighs
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.neighbourhoods import Neighbourhood, Neighbourhoods
from reformulations.programs import MPEC
from reformulations.relaxation import Relaxation, relaxation


def declared() -> pyo.ConcreteModel:
    """Each market n: min p[n] y[n], y[n] >= 1, 0 <= y[n] <= 9.

    The second has y[2] + z >= 3 too. The leader's rows link p[1] with q, y[1] with q, and z with r.

    A row over y[1] and y[2] belongs to neither.
    """
    m = pyo.ConcreteModel()
    m.p = pyo.Var([1, 2], bounds=(1, 5))
    m.q, m.r, m.z = pyo.Var(bounds=(0, 7)), pyo.Var(bounds=(0, 7)), pyo.Var(bounds=(0, 2))

    @m.Follower([1, 2])
    def market(market: pyo.Block, n: int) -> None:
        market.y = pyo.Var(bounds=(0, 9))
        market.least = pyo.Constraint(expr=market.y >= 1)
        if n == 2:
            market.shared = pyo.Constraint(expr=market.y + m.z >= 3)
        market.bill = pyo.Objective(expr=m.p[n] * market.y)

    m.linked = pyo.Constraint(expr=m.p[1] + m.q <= 6)
    m.balanced = pyo.Constraint(expr=m.z + m.r == 2)
    m.both = pyo.Constraint(expr=m.market[1].y + m.market[2].y <= 12)
    m.capped = pyo.Constraint(expr=m.market[1].y - m.q <= 8)
    m.cost = pyo.Objective(expr=m.q + m.r)
    return m


MODEL = declared()
"""It names the rows and columns, so it has to stay."""


def two_markets() -> MPEC:
    """Return the optimality conditions of both markets."""
    return KKT().apply(Canonical().apply(read(MODEL).program).program).program


def parts() -> tuple[Neighbourhood, Neighbourhood]:
    index = Neighbourhoods.of(two_markets())
    return index.part(0), index.part(1)


def test_part_has_the_columns_that_rows_link_to_its_follower() -> None:
    first, second = parts()
    primal = [[name for name in part.program.columns.names if "multiplier" not in name] for part in (first, second)]
    assert primal == [["p[1]", "q", "market[1].y"], ["p[2]", "r", "z", "market[2].y"]]


def test_part_has_the_rows_over_these_columns_only() -> None:
    first, second = parts()
    assert set(first.program.rows.names) == {"linked", "capped", "market[1].least", "stationarity of market[1].y"}
    assert set(second.program.rows.names) == {
        "balanced",
        "market[2].least",
        "market[2].shared",
        "stationarity of market[2].y",
    }


def test_rows_keep_their_coefficients_and_complementarities_their_rows() -> None:
    _, second = parts()
    program, pairs = second.program, second.program.complementarity
    shared = list(pairs.names).index("market[2].shared")
    assert program.rows.names[int(pairs.row[shared])] == "market[2].shared"
    assert program.columns.names[int(pairs.multiplier[shared])] == "multiplier of market[2].shared"
    slack = pairs.slack[[shared]].toarray().ravel()
    assert {program.columns.names[j]: slack[j] for j in np.flatnonzero(slack).tolist()} == {"market[2].y": 1, "z": 1}


@pytest.mark.parametrize("position", [0, 1])
def test_relaxation_of_a_part_bounds_as_well_as_that_of_the_whole(position: int) -> None:
    whole = two_markets()
    part = Neighbourhoods.of(whole).part(position)
    player = int(part.program.complementarity.owner[0])
    box = (whole.columns.lower, np.minimum(whole.columns.upper, 50.0))
    large = relaxation(whole, player, *box)
    small = relaxation(part.program, player, box[0][part.columns], box[1][part.columns])
    for k in range(len(large.entries)):
        assert greatest(small, k) == pytest.approx(greatest(large, k))


def greatest(relaxed: Relaxation, k: int) -> float:
    solver = PersistentHighs(relaxed.program)
    solver.change_cost(np.array([relaxed.multiplier[k]]), np.array([-1.0]))
    return -solver.solve().bound
