"""SCIP as an optional solver: programs, encodings, nonconvex leaders, and life without it."""

from __future__ import annotations

import sys

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse

import bilevel as bl
from bilevel.solvers import scip
from bilevel.solvers.outcome import HighsOptions, MipProgress
from reformulations.programs import Columns, Names, Product, Rows
from reformulations.spatial import Indicators, SpatialProgram
from tests.problems.generated import price_game

INF = np.inf


def program(  # noqa: PLR0917
    lower: list[float],
    upper: list[float],
    cost: list[float],
    products: tuple[tuple[int, int, float], ...] = (),
    rows: tuple[tuple[list[float], float, float], ...] = (),
    row_products: tuple[tuple[int, int, int, float], ...] = (),
    integer: tuple[int, ...] = (),
    exclusive: tuple[tuple[int, int], ...] = (),
    indicators: Indicators | None = None,
) -> SpatialProgram:
    n = len(cost)
    whole = np.zeros(n, bool)
    whole[list(integer)] = True
    matrix = sparse.csr_array(np.array([row for row, _, _ in rows]).reshape(len(rows), n))
    return SpatialProgram(
        Columns(np.array(lower, float), np.array(upper, float), whole, Names(n, lambda i: f"z{i}")),
        Rows(
            matrix,
            np.array([low for _, low, _ in rows], float),
            np.array([high for _, _, high in rows], float),
            Names(len(rows), lambda i: f"row {i}"),
            terms([(i, a, b, value) for i, a, b, value in row_products]),
        ),
        np.array(cost, float),
        0.5,
        terms([(0, a, b, value) for a, b, value in products]),
        np.array(exclusive, np.int64).reshape(-1, 2),
        indicators or Indicators.none(),
    )


def terms(entries: list[tuple[int, int, int, float]]) -> Product:
    if not entries:
        return Product.none()
    index, left, right, value = (np.array(part) for part in zip(*entries, strict=True))
    return Product.of(index, left, right, value)


def test_the_global_minimum_of_a_product_over_a_box() -> None:
    """Min z0 + 0.5 - z0 z1 over [-5, 4]^2: -5 + 0.5 - 25 at (-5, -5), and only 4 + 0.5 - 16 at (4, 4)."""
    outcome = scip.solve(program([-5, -5], [4, 4], [1, 0], products=((0, 1, -1.0),)))
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(-29.5)
    assert outcome.point == pytest.approx(np.array([-5, -5]))
    assert -29.5 - 1e-4 <= outcome.bound <= outcome.objective


def test_products_in_rows() -> None:
    """Max z0 + 2 z1 with z0 z1 <= 4 in [0, 4]^2: 1 + 8 at (1, 4), more than 4 + 2 at (4, 1)."""
    outcome = scip.solve(
        program([0, 0], [4, 4], [-1, -2], rows=(([0, 0], -INF, 4),), row_products=((0, 0, 1, 1.0),)),
        HighsOptions(gap=1e-8),
    )
    assert outcome.objective == pytest.approx(0.5 - 9, abs=1e-6)
    assert outcome.point == pytest.approx(np.array([1, 4]), abs=1e-6)


def test_of_two_exclusive_columns_one_is_zero() -> None:
    outcome = scip.solve(program([0, 0], [3, 2], [-1, -1], exclusive=((0, 1),)))
    assert outcome.point == pytest.approx(np.array([3, 0]))


@pytest.mark.parametrize(("seed", "profit"), [(0, 273.1999), (2, 216.655533)])
def test_rows_on_condition_keep_the_optimum_of_a_price_game(seed: int, profit: float) -> None:
    """T12K2: by its own settings SCIP 10.0 ends at 267.8404 with seed 0, and calls it optimal."""
    solution = bl.solve(price_game("T12K2", seed).model(), method=bl.KKT(bl.Indicator()), threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(profit, rel=1e-6)


def test_a_row_on_condition_holds_where_its_binary_says_so() -> None:
    """Max z0 - 5 z1: at z1 = 0 the row z0 <= 2 holds, at z1 = 1 z0 <= 9: 2 against 4."""
    switch = Indicators(np.array([1]), np.array([False]), sparse.csr_array([[1.0, 0.0]]), np.array([2.0]))
    outcome = scip.solve(program([0, 0], [9, 1], [-1, 5], integer=(1,), indicators=switch))
    assert outcome.point == pytest.approx(np.array([9, 1]))
    cheaper = scip.solve(program([0, 0], [6, 1], [-1, 5], integer=(1,), indicators=switch))
    assert cheaper.point == pytest.approx(np.array([2, 0]))


@pytest.mark.parametrize("presolve", [True, False])
def test_infeasible_and_unbounded_are_told_apart(presolve: bool) -> None:  # noqa: FBT001
    options = HighsOptions(presolve=presolve)
    nowhere = scip.solve(program([0], [1], [-1], rows=(([1], 2, INF),)), options)
    assert (nowhere.status, nowhere.point, nowhere.bound) == ("infeasible", None, INF)
    endless = scip.solve(program([0], [INF], [-1]), options)
    assert (endless.status, endless.point, endless.bound) == ("unbounded", None, -INF)


def test_a_row_without_columns_is_true_or_not() -> None:
    assert scip.solve(program([0], [1], [-1], rows=(([0], -1, 1),))).objective == pytest.approx(-0.5)
    assert scip.solve(program([0], [1], [-1], rows=(([0], 1, 2),))).status == "infeasible"


def test_a_start_is_taken_and_progress_is_reported() -> None:
    """Knapsack with 12 items: the first incumbent reported is at least as good as the start."""
    weights = [float(3 + (7 * k) % 11) for k in range(12)]
    knapsack = program(
        [0] * 12, [1] * 12, [-(w + 2) for w in weights], rows=((weights, -INF, 30),), integer=tuple(range(12))
    )
    start = np.zeros(12)
    start[:3] = 1
    seen: list[MipProgress] = []
    outcome = scip.solve(knapsack, HighsOptions(progress=seen.append, gap=1e-9), start)
    found = [report.incumbent for report in seen if np.isfinite(report.incumbent)]
    assert found[0] <= knapsack.objective(start) + 1e-9
    assert found[-1] == pytest.approx(outcome.objective)
    assert all(report.bound <= outcome.objective + 1e-6 for report in seen)


def test_an_error_in_progress_ends_the_search() -> None:
    def stop(_: MipProgress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        scip.solve(program([-5, -5], [4, 4], [1, 0], products=((0, 1, -1.0),)), HighsOptions(progress=stop))


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(bl.SolverFailure, match="not a number"):
        scip.solve(program([0], [1], [np.nan]))


def duopoly() -> pyo.ConcreteModel:
    """Price 13 - Q - q, cost 1: the follower answers q = (12 - Q) / 2, so Q (12 - Q) / 2 is most at Q = 6: 18."""
    m = pyo.ConcreteModel()
    m.quantity = pyo.Var(bounds=(0, 12))
    m.follower = bl.Follower()
    m.follower.quantity = pyo.Var(bounds=(0, 12))
    price = 13 - m.quantity - m.follower.quantity
    m.follower.goal = pyo.Objective(expr=-(price - 1) * m.follower.quantity)
    m.goal = pyo.Objective(expr=(price - 1) * m.quantity, sense=pyo.maximize)
    return m


def concave(row: bool = False) -> pyo.ConcreteModel:  # noqa: FBT001, FBT002
    """Min 2 y - x^2, y >= x the follower's: 2 x - x^2 is 0 at 0, 1 at 1, -3 at 3; with x y <= 1 it is 0."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 3))
    m.follower = bl.Follower()
    m.follower.y = pyo.Var(bounds=(0, 9))
    m.follower.row = pyo.Constraint(expr=m.follower.y >= m.x)
    m.follower.goal = pyo.Objective(expr=m.follower.y)
    m.goal = pyo.Objective(expr=2 * m.follower.y - m.x**2)
    if row:
        m.row = pyo.Constraint(expr=m.x * m.follower.y <= 1)
    return m


@pytest.mark.parametrize(
    "method", ["auto", bl.KKT(), bl.KKT(bl.SOS1()), bl.KKT(bl.Indicator())], ids=["auto", "big-M", "SOS1", "indicator"]
)
@pytest.mark.parametrize(("declare", "optimum"), [(duopoly, 18.0), (concave, -3.0), (lambda: concave(True), 0.0)])
def test_leaders_that_are_not_convex_are_solved_and_certified(declare, optimum: float, method) -> None:
    solution = bl.solve(declare(), method=method, solver="scip")
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(optimum, abs=1e-5)
    assert solution.certificate.holds


def test_the_automatic_choice_takes_scip_for_what_highs_cannot_do_and_says_so() -> None:
    solution = bl.solve(concave())
    assert solution.objective == pytest.approx(-3)
    assert "SCIP; chosen because products are left that HiGHS cannot take" in solution.method
    assert "products are left that HiGHS cannot take" in bl.explain(concave()).method
    assert any("spatial branch and bound by SCIP" in note for note in solution.notes)


def test_highs_alone_refuses() -> None:
    with pytest.raises(bl.NotApplicable, match="no identity of the optimality conditions"):
        bl.solve(concave(), solver="highs")


def test_mixed_integer_leader_with_a_concave_cost() -> None:
    """Max (k - 2)^2 + y, k in 0..5 and y <= 5 - k the follower's best: 4 + 5 at k = 0, 9 + 0 at k = 5."""
    m = pyo.ConcreteModel()
    m.k = pyo.Var(bounds=(0, 5), domain=pyo.Integers)
    m.follower = bl.Follower()
    m.follower.y = pyo.Var(bounds=(0, 9))
    m.follower.row = pyo.Constraint(expr=m.follower.y <= 5 - m.k)
    m.follower.goal = pyo.Objective(expr=m.follower.y, sense=pyo.maximize)
    m.goal = pyo.Objective(expr=(m.k - 2) ** 2 + m.follower.y, sense=pyo.maximize)
    for solver in ("auto", "scip"):
        assert bl.solve(m, solver=solver).objective == pytest.approx(9)


def test_a_price_in_the_followers_row() -> None:
    """Budget p y <= 6 with y <= 4: revenue p y is 6 from p = 1.5 on; the leader's cost p makes p = 1.5 the best."""
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(1, 3))
    m.follower = bl.Follower()
    m.follower.y = pyo.Var(bounds=(0, 4))
    m.follower.budget = pyo.Constraint(expr=m.p * m.follower.y <= 6)
    m.follower.goal = pyo.Objective(expr=m.follower.y, sense=pyo.maximize)
    m.goal = pyo.Objective(expr=m.p * m.follower.y - m.p, sense=pyo.maximize)
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(4.5, abs=1e-5)
    assert solution.certificate.holds


def test_infeasible_and_unbounded_games_are_called_so() -> None:
    m = concave()
    m.more = pyo.Constraint(expr=m.follower.y >= m.x + 1)
    assert bl.solve(m, solver="scip").status == "infeasible"
    m = pyo.ConcreteModel()
    m.x = pyo.Var()
    m.follower = bl.Follower()
    m.follower.y = pyo.Var()
    m.follower.row = pyo.Constraint(expr=m.follower.y >= m.x)
    m.follower.goal = pyo.Objective(expr=m.follower.y)
    m.goal = pyo.Objective(expr=m.follower.y)
    assert bl.solve(m, method=bl.KKT(bl.SOS1())).status == "unbounded"


def test_contradictory_requests_are_refused() -> None:
    with pytest.raises(bl.InvalidGame, match=r'solver="highs" takes no KKT\(complementarity=SOS1\(\)\)'):
        bl.solve(concave(), method=bl.KKT(bl.SOS1()), solver="highs")
    with pytest.raises(bl.InvalidGame, match=r"bl\.Branching\(\) is solved by HiGHS"):
        bl.solve(concave(), method=bl.Branching(), solver="scip")
    with pytest.raises(bl.InvalidGame, match='give "auto", "highs" or "scip"'):
        bl.solve(concave(), solver="cplex")


def test_a_binary_times_a_multiplier_without_a_bound_is_exact_by_default() -> None:
    """The follower buys y >= 1 at the price q >= 0, which is need's multiplier: max on q - q^2/10 is 5/2 at q = 5."""
    m = pyo.ConcreteModel()
    m.on, m.q = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, None))
    m.buyer = bl.Follower()
    m.buyer.y = pyo.Var(bounds=(0, None))
    m.buyer.need = pyo.Constraint(expr=m.buyer.y >= 1)
    m.buyer.bill = pyo.Objective(expr=m.q * m.buyer.y)
    m.price = bl.Multiplier(m.buyer.need)
    m.gain = pyo.Objective(expr=m.on * m.price - 0.1 * m.q**2, sense=pyo.maximize)
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.certificate.assumptions == ()
    assert (solution.objective, m.q.value, m.on.value) == pytest.approx((2.5, 5, 1), abs=1e-4)
    with pytest.raises(bl.NoBound, match=r"price: no finite bound .* its product with on needs one"):
        bl.solve(m, solver="highs")


def test_without_scip_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyscipopt", None)  # as Python marks a module that cannot be imported
    extra = r'pip install "bilevel-compiler\[scip\]"'
    for request in ({}, {"solver": "scip"}, {"method": bl.KKT(bl.SOS1())}):
        with pytest.raises(bl.NotApplicable, match=extra):
            bl.solve(concave(), **request)
    assert "SCIP would solve it" in bl.explain(concave()).refusal
    with pytest.raises(bl.NotApplicable, match=extra):
        scip.solve(program([0], [1], [1]))


def test_without_scip_everything_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyscipopt", None)
    m = concave()
    m.goal.set_value(2 * m.follower.y - 3 * m.x)
    assert bl.solve(m).objective == pytest.approx(-3)


def test_the_program_is_written_and_stated_in_pyomo(tmp_path) -> None:
    compiled = bl.compile(concave(row=True), method=bl.KKT(bl.SOS1()))
    model = compiled.to_pyomo()
    assert len(model.exclusive) == len(compiled.program.exclusive)
    compiled.write(str(tmp_path / "game.lp"))
    assert "S1::" in (tmp_path / "game.lp").read_text()
    with pytest.raises(bl.NotApplicable, match="Pyomo states no row on condition"):
        bl.compile(concave(), method=bl.KKT(bl.Indicator())).to_pyomo()
