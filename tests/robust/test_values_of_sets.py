"""Sets made of parameters, series and iterators: what is labelled goes to its key; parameters count as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.errors import InvalidGame
from bilevel.uncertainty import Box, Budget, CVaR, DistributionBall, Polyhedron, Scenarios, Wasserstein


class Series:
    """Values by label that iterates over its values, as a series of pandas does; no mapping."""

    def __init__(self, values: Mapping[Any, float]) -> None:
        self._values = dict(values)

    def keys(self) -> list[Any]:
        return list(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[float]:
        return iter(self._values.values())

    def __getitem__(self, key: Any) -> float:
        return self._values[key]


def stocks(within: object) -> pyo.ConcreteModel:
    """Min a + 10 b : a >= u_a, b >= u_b, which costs the largest u_a and ten times the largest u_b."""
    m = pyo.ConcreteModel()
    m.stock = pyo.Var(["a", "b"], bounds=(0, 20))
    m.u = bl.Uncertain(["a", "b"], within=within)
    m.need = pyo.Constraint(["a", "b"], rule=lambda m, k: m.stock[k] >= m.u[k])
    m.cost = pyo.Objective(expr=m.stock["a"] + 10 * m.stock["b"])
    return m


def data() -> pyo.ConcreteModel:
    p = pyo.ConcreteModel()
    p.two = pyo.Param(initialize=2, mutable=True)
    p.most = pyo.Param(["b", "a"], initialize={"b": 1, "a": 2}, mutable=True)
    p.still = pyo.Param(["b", "a"], initialize={"b": 1, "a": 2})
    p.choice = pyo.Var(initialize=3)
    return p


P = data()


@pytest.mark.parametrize(
    ("within", "cost"),
    [
        (Box(0, Series({"b": 1, "a": 2})), 2 + 10),
        (Box(0, P.most), 2 + 10),
        (Box(0, P.still), 2 + 10),
        (Box(0, P.two), 2 + 20),
        (Box(0, [P.two, P.most["b"] + 2]), 2 + 30),
        (Budget(P.two, {k: 2 * P.most[k] for k in P.most}, P.two - 1), 2 + 4 + 10 * (2 + 2)),
        (Scenarios([P.most, Series({"b": 2, "a": 1})]), 2 + 20),
        (Polyhedron(rows=[(P.most, "<=", P.two)], bounds=(0, P.two)), 1 + 20),
        (Polyhedron(rows=iter([({"a": 1, "b": 1}, "<=", 1)]), bounds=(0, 3)), 1 + 10),
    ],
)
def test_values_go_to_their_keys(within: object, cost: float) -> None:
    """The largest value of each entry, by hand; of the rows 2 a + b <= 2 and a + b <= 1 as well."""
    assert bl.solve(stocks(within)).objective == pytest.approx(cost)


def test_mutable_parameters_are_read_when_the_game_is_solved() -> None:
    p = data()
    m = stocks(Box(0, p.two))
    assert bl.solve(m).objective == pytest.approx(22)
    p.two = 3
    assert bl.solve(m).objective == pytest.approx(33)


def test_counts_go_to_their_outcomes() -> None:
    """As counted most frequent first: b 70 times of 100, a 30. Worst mean of u_a: 0.3 and half the L1 radius."""
    ball = DistributionBall.from_counts(Series({"b": 70, "a": 30}))
    assert ball.l1 is not None
    assert ball.linf is not None
    assert ball.on(["a", "b"], "share").support([1, 0]) == pytest.approx(0.3 + min(ball.l1 / 2, ball.linf))
    np.testing.assert_allclose(ball.on(["a", "b"], "share").nominal(), [0.3, 0.7])


def test_radii_and_shares_may_be_parameters() -> None:
    """One half each: L1 0.2 moves 0.1; distance 1 at radius 0.1 moves 0.1; a tail of 0.5 may be all on one."""
    p = pyo.ConcreteModel()
    p.radius, p.tail = pyo.Param(initialize=0.1, mutable=True), pyo.Param(initialize=0.5, mutable=True)
    for within, most in (
        (DistributionBall(0.5, l1=2 * p.radius), 0.6),
        (Wasserstein(0.5, lambda one, other: 0 if one == other else 10 * p.radius, p.radius), 0.6),
        (CVaR(0.5, p.tail), 1.0),
    ):
        assert within.on(["a", "b"], "share").support([0, 1]) == pytest.approx(most)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box(0, P.choice), r"u: Box\(high\): it depends on choice; only a Polyhedron moves"),
        (lambda: Box(0, {1, 2}), r"u: Box\(high\): a set has no order"),
        (lambda: Box(0, None), r"u: Box\(high\): None is no number"),
        (lambda: Box(0, {"a": 1, "b": "much"}), r"u: Box\(high\)\['b'\]: 'much' is no number"),
        (lambda: Budget(1, 1, None), r"u: Budget\(budget\): None is no number"),
        (lambda: Scenarios(iter([[1, 2]])), r"u: Scenarios\(points\) is .* give a sequence"),
        (lambda: Wasserstein(0.5, {("a", "b"): 1}, 1), r"u: Wasserstein\(distance\), row 0\['a'\]"),
        (lambda: Polyhedron(rows=[({"a": 1}, "<=")]), r"Polyhedron: row 0 is .* give \(\{key: coefficient"),
        (lambda: Polyhedron(bounds=(0, 1, 2)), r"Polyhedron: the bounds \(0, 1, 2\) are no pair"),
        (lambda: Box, "u: type is no uncertainty set"),
        (lambda: DistributionBall.from_counts([-1, 2]), "count of 0 is -1, expected a whole number"),
        (lambda: DistributionBall.from_counts(5), "5 are no counts"),
        (lambda: DistributionBall.from_counts([1, 2], confidence="much"), "confidence: 'much' is no number"),
        (lambda: Box({"b": 3, "a": 0}, 1), "u: column 'b' of the set has its lower side 3 above its upper side 1"),
        (lambda: Box(0, {"a": 1, "b": np.inf}), r"u: high\['b'\] is inf"),
        (lambda: Scenarios({"x": [1, np.nan]}), r"u: scenario x\['b'\] is nan"),
        (lambda: Scenarios({"x": [1, 2], "y": [1, 1]}, {"x": 2, "y": -1}), r"u: probability\['y'\] is -1"),
        (lambda: CVaR({"a": 1.5, "b": -0.5}, 0.5), r"u: reference\['b'\] is -0.5"),
        (
            lambda: Polyhedron(bounds={"a": (0, 1), "b": (0, "x")}),
            "u: the bound of 'b' in Polyhedron: 'x' is no number",
        ),
        (lambda: Polyhedron(rows=[({"a": 1}, "<=", "x")], bounds=(0, 1)), "u: the side of row 0 .* 'x' is no number"),
    ],
)
def test_what_is_no_value_is_refused_by_name(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidGame, match=message):
        bl.solve(stocks(make()))


def test_a_table_of_scenarios_says_which_way_it_lies() -> None:
    """Scenarios in rows, a 1 or 5, b 2 or 1: 5 + 20; read by columns they would cost 2 + 50."""
    pandas = pytest.importorskip("pandas", reason="series and tables are those of pandas, which is not installed")
    table = pandas.DataFrame([[1, 2], [5, 1]], columns=["a", "b"], index=["a", "b"])
    with pytest.raises(InvalidGame, match=r"u: Scenarios\(points\) is a table"):
        bl.solve(stocks(Scenarios(table)))
    assert bl.solve(stocks(Scenarios(table.to_dict("index")))).objective == pytest.approx(25)
    assert bl.solve(stocks(Scenarios(table.to_dict()))).objective == pytest.approx(52)


def test_a_penalty_may_be_a_parameter() -> None:
    """A stock of 1 at most, demand up to 2, the unit that is missing at 10: 1 + 10."""
    m = pyo.ConcreteModel()
    m.price = pyo.Param(initialize=10, mutable=True)
    m.stock = pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(within=Box(0, m.price / 5))
    m.later = bl.Recourse()
    m.later.sold = pyo.Var(bounds=(0, None))
    m.later.room = pyo.Constraint(expr=m.later.sold <= m.stock)
    m.later.need = pyo.Constraint(expr=m.later.sold >= m.u)
    m.cost = pyo.Objective(expr=1 * m.stock)
    for penalty in (m.price, {m.later.need: m.price}):
        assert bl.solve(m, method=bl.CCG(penalty=penalty)).objective == pytest.approx(11)
    with pytest.raises(InvalidGame, match=r"CCG\(penalty=...\): later.need: 'much' is no number"):
        bl.solve(m, method=bl.CCG(penalty={m.later.need: "much"}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": bl.CCG(oracle="all")}, r"CCG\(oracle='all'\): give one of \"auto\", \"vertices\", \"game\""),
        ({"method": bl.CCG(costs="all")}, r"CCG\(costs='all'\): give one of"),
        ({"method": bl.CCG(max_iterations=0)}, r"CCG\(max_iterations=0\): give a whole number from 1 up"),
        ({"method": bl.CCG(gap=float("nan"))}, "gap=nan: give a number from 0 up"),
        ({"gap": -1}, "gap=-1: give a number from 0 up"),
        ({"method": bl.CCG(master_gap=-1)}, r"CCG\(master_gap=-1\)"),
        ({"method": bl.CCG(master_seconds=0)}, r"CCG\(master_seconds=0\): give seconds above 0"),
        ({"method": bl.CCG(oracle_seconds=-1)}, r"CCG\(oracle_seconds=-1\): give seconds above 0"),
        ({"method": bl.CCG(start={"a": 1})}, r"CCG\(start=...\): give numbers in the order of nature"),
        ({"executor": 4}, "executor=4: give a concurrent.futures.Executor"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidGame, match=message):
        bl.solve(stocks(Box(0, 1)), **options)


@pytest.mark.parametrize("given", ["much", None, [0.9]])
def test_radii_of_no_confidence_are_refused(given: Any) -> None:
    for radii in (
        lambda: bl.uncertainty.weissman_l1(2, 10, given),
        lambda: bl.uncertainty.hoeffding_linf(2, 10, given),
        lambda: bl.uncertainty.bootstrap_radii([1, 2], given, seed=0),
        lambda: bl.uncertainty.literature_radii(2, 10, 0.9, given),
    ):
        with pytest.raises(ValueError, match=r"confidence is .*, expected a number between 0 and 1"):
            radii()


def test_a_scalar_is_called_by_its_name() -> None:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4))
    m.u = bl.Uncertain(within=Polyhedron(bounds=(0, None)))
    m.need = pyo.Constraint(expr=m.x >= m.u)
    m.cost = pyo.Objective(expr=1 * m.x)
    with pytest.raises(InvalidGame, match="u: column u of the polyhedron has no upper bound"):
        bl.solve(m)
    m.u.within = Box(0, ["much"])
    with pytest.raises(InvalidGame, match=r"u: Box\(high\): 'much' is no number"):
        bl.solve(m)


def test_products_that_a_static_program_cannot_hold_are_named_by_what_is_uncertain() -> None:
    m = pyo.ConcreteModel()
    m.r, m.q = pyo.Var(bounds=(0, 1)), pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(["a", "b"], within=Box(0, 2))
    m.cost = pyo.Objective(expr=10 * m.r * (1 - m.r) + m.u["a"] * m.r - m.u["b"] * m.q)
    with pytest.raises(bl.NotApplicable, match=r"condition of nature by u\[a\] in the worst case"):
        bl.solve(m)


def test_integer_recourse_without_a_bound_is_named() -> None:
    m = pyo.ConcreteModel()
    m.u = bl.Uncertain(within=Box(0, 2))
    m.later = bl.Recourse()
    m.later.lorries, m.later.short = pyo.Var(domain=pyo.Integers, bounds=(0, 1)), pyo.Var(bounds=(0, None))
    m.later.need = pyo.Constraint(expr=m.later.lorries + m.later.short >= m.u)
    m.cost = pyo.Objective(expr=m.later.lorries + 3 * m.later.short)
    with pytest.raises(bl.NotApplicable, match=r"later.short.*give this variable finite bounds"):
        bl.solve(m)
    m.later.short.setub(5)
    assert bl.solve(m).objective == pytest.approx(1 + 3)
