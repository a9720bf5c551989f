"""Bad input gets one sentence that names the component and the way out, and no answer."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import pyomo.environ as pyo
import pytest
from pyomo.common.errors import ApplicationError

import bilevel as bl


def game() -> pyo.ConcreteModel:
    """Sound: max p y - y, 0 <= p <= 2, where y maximises (1 - p) y over 0 <= y <= 4, y <= 3: p = 1, y = 0."""
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(0, 2))
    m.shop = bl.Follower()
    m.shop.y = pyo.Var(bounds=(0, 4))
    m.shop.limit = pyo.Constraint(expr=m.shop.y <= 3)
    m.shop.gain = pyo.Objective(expr=(1 - m.p) * m.shop.y, sense=pyo.maximize)
    m.profit = pyo.Objective(expr=m.p * m.shop.y - m.shop.y, sense=pyo.maximize)
    return m


def infeasible_follower(m: pyo.ConcreteModel) -> None:
    m.shop.floor = pyo.Constraint(expr=m.shop.y >= 3.5)


def unbounded_follower(m: pyo.ConcreteModel) -> None:
    m.shop.z = pyo.Var(domain=pyo.NonNegativeReals)
    m.shop.gain.deactivate()
    m.shop.more = pyo.Objective(expr=(1 - m.p) * m.shop.y + m.shop.z, sense=pyo.maximize)


def integer_follower(m: pyo.ConcreteModel) -> None:
    m.shop.y.domain = pyo.Integers


def nonconvex_follower(m: pyo.ConcreteModel) -> None:
    m.shop.gain.deactivate()
    m.shop.bowl = pyo.Objective(expr=m.shop.y**2, sense=pyo.maximize)


def quadratic_follower_row(m: pyo.ConcreteModel) -> None:
    m.shop.disc = pyo.Constraint(expr=m.shop.y**2 == 4)


def no_objective(m: pyo.ConcreteModel) -> None:
    m.shop.gain.deactivate()


def two_objectives(m: pyo.ConcreteModel) -> None:
    m.shop.second = pyo.Objective(expr=m.shop.y)


def leaders_objective_in_the_block(m: pyo.ConcreteModel) -> None:
    m.profit.deactivate()
    m.shop.profit = pyo.Objective(expr=m.p * m.shop.y, sense=pyo.maximize)


def unbounded_factor(m: pyo.ConcreteModel) -> None:
    """on * q in a row of the leader, where nothing bounds q."""
    m.on, m.q = pyo.Var(domain=pyo.Binary), pyo.Var()
    m.switch = pyo.Constraint(expr=m.on * m.q >= m.p)


def unexplained_product(m: pyo.ConcreteModel) -> None:
    """p**2 in the leader's objective to maximise: no identity holds it, and it is not concave."""
    m.profit.deactivate()
    m.square = pyo.Objective(expr=m.p**2 + m.shop.y, sense=pyo.maximize)


def row_with_product(m: pyo.ConcreteModel) -> None:
    m.shop.mixed = pyo.Constraint(expr=m.p * m.shop.y <= 2)


def not_a_number(m: pyo.ConcreteModel) -> None:
    m.budget = pyo.Constraint(expr=nan * m.p <= 1)


def infinite_coefficient(m: pyo.ConcreteModel) -> None:
    m.budget = pyo.Constraint(expr=inf * m.p + m.shop.y <= 1)


def contradicting_bounds(m: pyo.ConcreteModel) -> None:
    m.shop.y.setlb(5)


def contradicting_row(m: pyo.ConcreteModel) -> None:
    m.least = pyo.Param(initialize=3, mutable=True)
    m.shop.band = pyo.Constraint(expr=pyo.inequality(m.least, m.shop.y, 2))


def no_followers(m: pyo.ConcreteModel) -> None:
    m.shop.deactivate()
    m.profit.deactivate()
    m.cost = pyo.Objective(expr=m.p)


BAD: list[tuple[Callable[[pyo.ConcreteModel], None], type[bl.BilevelError], str]] = [
    (infeasible_follower, bl.InfeasibleFollower, r"shop: its own rows cannot all hold.*; relax one of them"),
    (unbounded_follower, bl.UnboundedFollower, r"shop: its objective is unbounded.*; bound its variables"),
    (nonconvex_follower, bl.NotApplicable, r"shop\.y: .*not convex.*; make its quadratic terms positive semidefinite"),
    (quadratic_follower_row, bl.NotApplicable, r"shop\.disc: an equality of quadratic terms is not convex; write"),
    (no_objective, bl.InvalidGame, r"shop: a follower needs an active objective; declare one in its block"),
    (
        two_objectives,
        bl.InvalidGame,
        r"shop: a follower has one objective, but shop\.gain, shop\.second .*; deactivate",
    ),
    (
        leaders_objective_in_the_block,
        bl.InvalidGame,
        r"the leader has no active objective.*shop\.profit\); declare it on the",
    ),
    (unbounded_factor, bl.NoBound, r"q: no finite bound.*its product with on needs one; give bounds, or scale it"),
    (unexplained_product, bl.NotApplicable, r"leader's objective: no identity .* product p\*p; make a leader's column"),
    (row_with_product, bl.NotApplicable, r"shop\.mixed: the product p\*shop\.y .* only when .* integer; make it one"),
    (not_a_number, bl.InvalidGame, r"budget: the coefficient of p is not a finite number; give"),
    (infinite_coefficient, bl.InvalidGame, r"budget: the coefficient of p is not a finite number; give"),
    (contradicting_bounds, bl.InvalidGame, r"shop\.y: its lower bound 5 is above its upper bound 4; correct"),
    (contradicting_row, bl.InvalidGame, r"shop\.band: .*; "),
    (no_followers, bl.InvalidGame, r"the model declares no active follower; declare one with Follower"),
]


def test_the_game_without_a_fault_is_solved():
    assert bl.solve(game()).objective == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("spoil", "kind", "message"), BAD, ids=[spoil.__name__ for spoil, _, _ in BAD])
def test_bad_input_is_refused_by_name(
    spoil: Callable[[pyo.ConcreteModel], None], kind: type[bl.BilevelError], message: str
):
    m = game()
    spoil(m)
    with pytest.raises(kind, match=message) as refusal:
        bl.solve(m, solver="highs")
    assert type(refusal.value) is kind
    assert "\n" not in str(refusal.value)
    assert m.p.value is None, "no answer may be loaded"
    assert m.shop.y.value is None


@pytest.mark.parametrize("method", [bl.KKT(), bl.StrongDuality(), bl.Branching()])
def test_an_integer_follower_is_refused_by_optimality_conditions(method: bl.KKT | bl.StrongDuality | bl.Branching):
    m = game()
    integer_follower(m)
    with pytest.raises(
        bl.NotApplicable,
        match=r"shop\.y: follower shop decides an integer variable.*, or use bl.ValueFunction",
    ):
        bl.solve(m, method=method)
    assert m.p.value is None


def test_a_follower_that_is_infeasible_or_unbounded_is_refused_by_every_method():
    for method in (bl.KKT(), bl.StrongDuality(), bl.Branching()):
        for spoil, kind in ((infeasible_follower, bl.InfeasibleFollower), (unbounded_follower, bl.UnboundedFollower)):
            m = game()
            spoil(m)
            with pytest.raises(kind, match=r"^shop: "):
                bl.solve(m, method=method)


@pytest.mark.parametrize("solver", ["appsi_highs", "highs"])
def test_a_plain_pyomo_solver_refuses_a_game(solver: str):
    m = game()
    with pytest.raises((ValueError, RuntimeError, ApplicationError, NotImplementedError)):
        pyo.SolverFactory(solver).solve(m)
    assert m.p.value is None


def test_multipliers_without_a_bound_are_refused_by_row_and_given_ones_are_named():
    """max p y, p >= 0 unbounded, where y minimises p y over 0 <= y <= 1: the multiplier of y >= 0 is p."""
    m = game()
    m.p.setub(None)
    with pytest.raises(bl.NoBound, match=r"lower bound of shop\.y: no finite bound.*give bl\.BigM\(bounds=\.\.\.\)"):
        bl.solve(m, method=bl.KKT())
    solution = bl.solve(m, method=bl.KKT(complementarity=bl.BigM(bounds=50.0)))
    assert solution.status == "feasible"
    assert any("50" in assumption for assumption in solution.certificate.assumptions)


def all_that_glitters() -> pyo.ConcreteModel:
    """Pineda and Morales (2019): max x + y, 0 <= x <= 2, y least with y >= 0, y >= 100 (x - 1): 102, multiplier 100."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 2))
    m.follower = bl.Follower()
    m.follower.y = pyo.Var()
    m.follower.positive = pyo.Constraint(expr=m.follower.y >= 0)
    m.follower.steep = pyo.Constraint(expr=m.x - 0.01 * m.follower.y <= 1)
    m.follower.goal = pyo.Objective(expr=m.follower.y)
    m.goal = pyo.Objective(expr=m.x + m.follower.y, sense=pyo.maximize)
    return m


@pytest.mark.parametrize("big_m", [50.0, 99.0])
def test_a_given_bound_that_is_too_small_is_never_called_optimal(big_m: float):
    """With a bound below 100 the program has (1, 0) only, worth 1: a feasible point, whose assumption is named."""
    solution = bl.solve(all_that_glitters(), method=bl.KKT(complementarity=bl.BigM(bounds=big_m)))
    assert solution.status == "feasible"
    assert solution.objective == pytest.approx(1.0)
    assert any(f"{big_m:g}" in assumption for assumption in solution.certificate.assumptions)
    assert "assumed" in str(solution)


def test_a_given_bound_that_suffices_is_not_called_optimal_either():
    solution = bl.solve(all_that_glitters(), method=bl.KKT(complementarity=bl.BigM(bounds=500.0)))
    assert solution.objective == pytest.approx(102.0)
    assert solution.status in ("feasible", "optimal")
    assert (solution.status == "optimal") == (solution.certificate.assumptions == ())


def interdiction(items: int = 20, shops: int = 3) -> pyo.ConcreteModel:
    """Block items within a budget, to the loss of several shops that each pack a continuous knapsack."""
    m = pyo.ConcreteModel()
    m.item = pyo.RangeSet(items)
    m.block = pyo.Var(m.item, domain=pyo.Binary)
    m.shop = bl.Follower(range(1, shops + 1))
    gain = {(k, i): (23 * i * k + 7 * k * k + i * i) % 37 + 21 for k in m.shop.index_set() for i in m.item}
    for k in m.shop.index_set():
        take = m.shop[k].take = pyo.Var(m.item, bounds=(0, 1))
        m.shop[k].weight = pyo.Constraint(expr=sum((17 * i * k % 31 + 20) * take[i] for i in m.item) <= 12 * items)
        m.shop[k].blocked = pyo.Constraint(m.item, rule=lambda s, i: s.take[i] + m.block[i] <= 1)
        m.shop[k].gain = pyo.Objective(expr=sum(gain[k, i] * take[i] for i in m.item), sense=pyo.maximize)
    m.budget = pyo.Constraint(expr=sum((13 * i % 29 + 15) * m.block[i] for i in m.item) <= 9 * items)
    m.loss = pyo.Objective(expr=sum(gain[k, i] * m.shop[k].take[i] for k, i in gain))
    return m


@pytest.mark.parametrize("method", [bl.KKT(), bl.Branching()])
def test_a_time_limit_gives_incumbent_bound_and_gap(method: bl.KKT | bl.Branching):
    solution = bl.solve(interdiction(), method=method, time_limit=6.0)
    assert solution.status == "time_limit"
    assert solution.seconds < 30.0
    assert solution.bound is not None
    assert solution.objective is not None
    assert solution.bound < solution.objective
    assert solution.gap == pytest.approx((solution.objective - solution.bound) / max(1.0, abs(solution.objective)))
    assert solution.certificate.holds
    assert not solution.certificate.is_proven
