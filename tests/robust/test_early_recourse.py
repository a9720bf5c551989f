"""Recourse that is not convex and need not wait for nature: blocks whose cost keeps its direction."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.uncertainty import Box, CVaR, DistributionBall, Polyhedron, Scenarios, Wasserstein
from reformulations.programs import Floats

LORRIES, SHORT = range(3), range(6)


class Case:
    """Stock z in 0..4 at 2; in scenario k a lorry brings 2 at a, a unit short costs b; a lorry needs z >= 1."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.demand, self.lorry, self.short = (random.integers(1, high, 3) for high in (7, 9, 6))
        weight = random.integers(1, 5, 3)
        reference = [float(w) for w in weight / weight.sum()]
        self.within = [
            DistributionBall(reference, l1=0.4, linf=0.3),
            Wasserstein(reference, lambda one, other: abs(one - other), radius=0.5),
            CVaR(reference, tail=0.6),
        ][seed % 3]

    def model(self) -> pyo.ConcreteModel:
        m, index = pyo.ConcreteModel(), range(3)
        m.stock = pyo.Var(bounds=(0, 4), domain=pyo.Integers)
        m.share = bl.Uncertain(index, within=self.within)

        @m.Recourse(index)
        def day(day: pyo.Block, k: int) -> None:
            day.lorries = pyo.Var(bounds=(0, 2), domain=pyo.Integers)
            day.short = pyo.Var(bounds=(0, 5), domain=pyo.Integers)
            day.need = pyo.Constraint(expr=m.stock + 2 * day.lorries + day.short >= self.demand[k])
            day.loaded = pyo.Constraint(expr=day.lorries <= 2 * m.stock)

        m.cost = pyo.Objective(expr=2 * m.stock + sum(m.share[k] * self.cost_of(m.day[k], k) for k in index))
        return m

    def cost_of(self, day: pyo.Block, k: int) -> Any:
        return float(self.lorry[k]) * day.lorries + float(self.short[k]) * day.short

    def later(self, stock: int, share: Floats) -> float:
        """Cost of the best joint decision of all blocks once nature has moved, by trying all of them."""
        ways = [
            [
                share[k] * (self.lorry[k] * lorries + self.short[k] * short)
                for lorries, short in product(LORRIES, SHORT)
                if stock + 2 * lorries + short >= self.demand[k] and lorries <= 2 * stock
            ]
            for k in range(3)
        ]
        return min((sum(chosen) for chosen in product(*ways)), default=np.inf)

    def best(self) -> float:
        """The best stock against vertices of the set and mixtures of them."""
        corners = self.within.on(range(3), "share").vertices(1000)
        random = np.random.default_rng(1)
        points = [*corners, *(random.dirichlet(np.ones(len(corners))) @ corners for _ in range(3))]
        return min(2 * z + max(self.later(z, u) for u in points) for z in range(5))


@pytest.mark.parametrize("seed", range(6))
def test_probabilities_over_blocks_of_integers_equal_all_decisions_at_all_vertices(seed: int) -> None:
    case = Case(seed)
    m = case.model()
    for costs in ("auto", "generated"):
        solution = bl.solve(m, method=bl.CCG(costs=costs))
        assert solution.status == "optimal"
        assert solution.objective == pytest.approx(case.best())
        assert solution.certificate is not None
        assert solution.certificate.worst_case is not None
        assert solution.certificate.worst_case.complete
    assert bl.explain(m).refusal is None
    m.profit = pyo.Objective(expr=20 - m.cost.expr, sense=pyo.maximize)
    m.cost.deactivate()
    assert bl.solve(m).objective == pytest.approx(20 - case.best())


def ways(cost: Callable[[Any], Any], within: object, count: int = 1) -> pyo.ConcreteModel:
    """One of two ways, a = 1 or b = 1; ``cost`` of the model."""
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(range(count), within=within)
    m.later = bl.Recourse()
    m.later.a, m.later.b = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Binary)
    m.later.one = pyo.Constraint(expr=m.later.a + m.later.b == 1)
    m.cost = pyo.Objective(expr=m.z + cost(m))
    return m


def test_prices_in_proportion_are_not_only_probabilities() -> None:
    """(1 + u)(3 a + 2 b): b, at u = 2: 6. Listed points are no convex set, nor need they be."""
    for within in (Box(0, 2), Scenarios([0, 2]), Box(-1, 2)):
        solution = bl.solve(ways(lambda m: (1 + m.u[0]) * (3 * m.later.a + 2 * m.later.b), within))
        assert (solution.status, solution.method.split(";")[0]) == ("optimal", "one static program")
        assert solution.objective == pytest.approx(6)


@pytest.mark.parametrize(
    ("cost", "within", "value"),
    [
        (lambda m: m.u[0] * (m.later.a + 2 * m.later.b), [[-1], [1]], 1),
        (lambda m: m.u[0] * m.later.a + m.later.b, [[0], [1], [3]], 1),
        (lambda m: m.u[0] * m.later.a + m.u[1] * m.later.b, [[2, 0], [0, 2], [1, 1]], 1),
    ],
)
def test_integers_wait_for_prices_that_change_what_is_best(
    cost: Callable[[Any], Any], within: list[list[float]], value: float
) -> None:
    """By hand over the points: max min(u, 2 u), max min(u, 1), max min(u_0, u_1); decided early 1, 1 and 2 or more."""
    listed = bl.solve(ways(cost, Scenarios(within), len(within[0])))
    assert listed.objective == pytest.approx(value)
    assert not listed.method.startswith("one static program")
    low, high = np.min(within, axis=0), np.max(within, axis=0)
    hull = Polyhedron(rows=[], bounds={k: (low[k], high[k]) for k in range(len(low))})
    waiting = ways(cost, hull, len(low))
    with pytest.raises(bl.NotApplicable):
        bl.solve(waiting, method=bl.CCG(costs="dualised"))
    with pytest.raises(bl.NotApplicable, match=r"u\[0\].*later\.a.*one nonnegative uncertain quantity"):
        bl.solve(waiting)
    assert "nature multiplies recourse" in str(bl.explain(waiting).refusal)


def test_a_row_over_blocks_makes_one_block_of_them() -> None:
    """One lorry for two days that cost their shares otherwise: at odds 1 : 1 half a day's cost, decided early 0.6.

    Shares within 0.1 of one half. Late: the dearer day gets the lorry, max_u min(u, 1 - u) = 0.5.
    """

    def shares(points: object) -> pyo.ConcreteModel:
        m = pyo.ConcreteModel()
        m.z = pyo.Var(bounds=(0, 1))
        m.u = bl.Uncertain(range(2), within=points)

        @m.Recourse(range(2))
        def day(day: pyo.Block, k: int) -> None:
            day.lorry, day.short = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, 1))
            day.need = pyo.Constraint(expr=day.lorry + day.short >= 1)

        m.room = pyo.Constraint(expr=m.day[0].lorry + m.day[1].lorry <= 1)
        m.cost = pyo.Objective(expr=m.z + m.u[0] * m.day[0].short + m.u[1] * m.day[1].short)
        return m

    assert bl.solve(shares(Scenarios([[0.4, 0.6], [0.5, 0.5], [0.6, 0.4]]))).objective == pytest.approx(0.5)
    with pytest.raises(bl.NotApplicable):
        bl.solve(shares(DistributionBall(0.5, l1=0.2)), method=bl.CCG(costs="dualised"))
    m = shares(DistributionBall(0.5, l1=0.2))
    m.room.deactivate()
    assert bl.solve(m).objective == pytest.approx(0)


def test_a_follower_that_responds_to_recourse_is_not_decided_early() -> None:
    """w = min(r, 1 - r) at 10 keeps r at an end: max_u min(u, 2 - u) = 1, decided early 2, which was called optimal."""
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(within=Box(0, 2))
    m.later = bl.Recourse()
    m.later.r = pyo.Var(bounds=(0, 1))
    m.later.f = bl.Follower()
    m.later.f.w = pyo.Var(bounds=(0, 1))
    m.later.f.left = pyo.Constraint(expr=m.later.f.w <= m.later.r)
    m.later.f.right = pyo.Constraint(expr=m.later.f.w <= 1 - m.later.r)
    m.later.f.most = pyo.Objective(expr=m.later.f.w, sense=pyo.maximize)
    m.cost = pyo.Objective(expr=m.z + 10 * m.later.f.w + m.u * m.later.r + (2 - m.u) * (1 - m.later.r))
    with pytest.raises(bl.NotApplicable, match=r"later\.f\.left"):
        bl.solve(m)
    m.cost.set_value(m.z + 10 * m.later.f.w + m.u * m.later.r)
    with pytest.raises(bl.NotApplicable, match=r"later\.f\.left"):
        bl.solve(m)
    # 3 + 10 w - r is least at r = 1 whatever u is: 2 u
    m.cost.set_value(m.z + m.u * (3 + 10 * m.later.f.w - m.later.r))
    assert bl.solve(m).objective == pytest.approx(4)


def test_a_follower_that_decides_before_nature_cannot_foresee_recourse() -> None:
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(within=Box(0, 2))
    m.later = bl.Recourse()
    m.later.r = pyo.Var(bounds=(0, 1))
    m.early = bl.Follower()
    m.early.y = pyo.Var(bounds=(0, 1))
    m.early.room = pyo.Constraint(expr=m.early.y <= m.later.r)
    m.early.most = pyo.Objective(expr=m.early.y, sense=pyo.maximize)
    m.cost = pyo.Objective(expr=m.z + m.u * m.later.r - m.early.y)
    with pytest.raises(bl.NotApplicable, match=r"early\.room"):
        bl.solve(m)
