"""Nature in the price of recourse and in its rows at once: the worst case may be anywhere in the set."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from bilevel.robust.bilinear_adversary import BilinearAdversary
from bilevel.robust.late_adversary import Worst
from reformulations.uncertainty import Box

pytest.importorskip("pyscipopt", reason="continuous sets with uncertain prices are for SCIP, an extra")


def need_and_price(within: object, most: float | None = None) -> pyo.ConcreteModel:
    """Min 2 z + max_{0<=u<=2} min {(3 - u) r : r >= 2 + u - z, 0 <= r <= most}: scarce is cheap and plenty is dear.

    (3 - u) (2 + u - z) is largest at u = (1 + z) / 2, inside the set, with (5 - z)^2 / 4; least in all at z = 1: 2 + 4.
    At the ends it is 3 (2 - z) and 4 - z, which makes 5 at z = 1.
    """
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 4))
    m.u = bl.Uncertain(within=within)
    m.later = bl.Recourse()
    m.later.r = pyo.Var(bounds=(0, most))
    m.later.need = pyo.Constraint(expr=m.later.r >= 2 + m.u - m.z)
    m.cost = pyo.Objective(expr=2 * m.z + (3 - m.u) * m.later.r)
    return m


def test_the_worst_case_is_inside_the_set() -> None:
    m = need_and_price(bl.uncertainty.Box(0, 2), 9)
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(6, rel=1e-5)
    assert (pyo.value(m.z), pyo.value(m.u)) == (pytest.approx(1, abs=1e-2), pytest.approx(1, abs=1e-2))
    assert any("SCIP" in note for note in solution.notes)
    assert solution.certificate is not None
    assert solution.certificate.holds


def test_a_price_that_nature_overlooks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were u = 0, z = 2 would cost 4; u = 1.5 makes that 4 + 1.5 * 1.5, and both ends less."""

    def worst(
        self: BilinearAdversary, point: np.ndarray, gap: float, deadline: float | None = None, known: float = 0
    ) -> Worst:
        late = self.evaluation.answer(point, np.zeros(1))
        return Worst(np.zeros(1), late, late.cost)

    monkeypatch.setattr(BilinearAdversary, "worst", worst)
    monkeypatch.setattr(Box, "nominal", lambda self: self.low)
    solution = bl.solve(need_and_price(bl.uncertainty.Box(0, 2), 9))
    assert solution.status != "optimal"
    assert solution.certificate is not None
    assert solution.certificate.worst_case is not None
    assert solution.certificate.worst_case.worst == pytest.approx(6.25, abs=0.02)
    assert not solution.certificate.holds


def test_listed_scenarios_need_no_global_search() -> None:
    solution = bl.solve(need_and_price(bl.uncertainty.Scenarios([0.0, 2.0])))
    assert solution.objective == pytest.approx(5)


def test_recourse_that_is_missing_in_some_scenarios_is_hedged() -> None:
    """With r at most 2.5, u = 2 wants z >= 1.5: 3 + 3.5^2 / 4."""
    assert bl.solve(need_and_price(bl.uncertainty.Box(0, 2), 2.5)).objective == pytest.approx(6.0625, rel=1e-5)


def test_uncertain_technology_is_taken_in_a_list_only() -> None:
    """Each unit of r serves u: at u = 1 and 2, with r at (3 - u), a need of 2 costs 4 and 1."""
    m = need_and_price(bl.uncertainty.Scenarios([1.0, 2.0]), 9)
    m.z.fix(0)
    m.later.need.set_value(m.u * m.later.r >= 2)
    assert bl.solve(m).objective == pytest.approx(4)
    m.u.within = bl.uncertainty.Box(1, 2)
    with pytest.raises(bl.NotApplicable, match=r"later\.need: .*uncertainty in the recourse's technology"):
        bl.solve(m)


@dataclass(frozen=True)
class Case:
    """Min z + max_{0<=u<=2} sum_i min {(b_i + c_i u) r_i : h_i + n_i u - z <= r_i <= 4, r_i >= 0}, z in {0, 1, 2}."""

    price: np.ndarray
    slope: np.ndarray
    need: np.ndarray
    growth: np.ndarray


@st.composite
def cases(draw: st.DrawFn) -> Case:
    pairs = [np.array([draw(st.integers(-3, 3)) for _ in range(2)], float) for _ in range(4)]
    return Case(*pairs)


def turning_points(case: Case, z: float) -> np.ndarray:
    """Return where the worst case may be: ends, kinks of price and need, and tops of the quadratics between them."""
    found = [0.0, 2.0]
    level = case.need - z
    for slope, constant in ((case.slope, case.price), (case.growth, level), (case.growth, level - 4)):
        found += [-c / s for s, c in zip(slope, constant, strict=True) if s != 0]
    # a good costs nothing, (b + c u) (h - z + n u), or 4 (b + c u)
    costs = [
        ((0.0, 0.0), (c * n, b * n + c * h), (0.0, 4 * c))
        for b, c, h, n in zip(case.price, case.slope, level, case.growth, strict=True)
    ]
    for one, two in product(*costs):
        square, linear = one[0] + two[0], one[1] + two[1]
        found += [-linear / (2 * square)] if square != 0 else []
    points = np.array(found)
    return points[(points >= 0) & (points <= 2)][:, np.newaxis]


def check(case: Case) -> None:
    """A good of price p takes its least amount where p > 0, 4 where not: exact, at all points where that may turn."""
    m, goods = pyo.ConcreteModel(), range(2)
    price, slope, need, growth = (part.tolist() for part in (case.price, case.slope, case.need, case.growth))
    m.z = pyo.Var(domain=pyo.Integers, bounds=(0, 2))
    m.u = bl.Uncertain(within=bl.uncertainty.Box(0, 2))
    m.later = bl.Recourse()
    m.later.r = pyo.Var(goods, bounds=(0, 4))
    m.later.need = pyo.Constraint(goods, rule=lambda b, i: b.r[i] >= need[i] + growth[i] * m.u - m.z)
    m.cost = pyo.Objective(expr=m.z + sum((price[i] + slope[i] * m.u) * m.later.r[i] for i in goods))
    costs = []
    for z in range(3):
        u = turning_points(case, z)
        least, prices = np.maximum(case.need + case.growth * u - z, 0), case.price + case.slope * u
        cost = np.where(least > 4 + 1e-9, np.inf, np.where(prices > 0, prices * least, prices * 4)).sum(axis=1)
        costs.append(z + cost.max())
    solution = bl.solve(m)
    if np.isinf(min(costs)):
        assert solution.status == "infeasible"
        return
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(min(costs), rel=1e-6, abs=1e-6)


@given(cases())
@settings(max_examples=5, deadline=None)
def test_random_prices_and_needs_agree_with_all_turning_points(case: Case) -> None:
    check(case)


@pytest.mark.long
@given(cases())
@settings(max_examples=300, deadline=None)
def test_many_random_prices_and_needs_agree_with_all_turning_points(case: Case) -> None:
    check(case)
