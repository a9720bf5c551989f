"""The location-transportation problem of Zeng & Zhao (Operations Research Letters 41, 2013, section 4).

min  400 y1 + 414 y2 + 326 y3 + 18 z1 + 25 z2 + 20 z3 + max_g min_x sum c_ij x_ij
     z_i <= 800 y_i,  sum_j x_ij <= z_i,  sum_i x_ij >= d_j + 40 g_j,   d = (206, 274, 220)
     g in [0, 1]^3,  g1 + g2 + g3 <= 1.8,  g1 + g2 <= 1.2

The total demand is at most 700 + 40 * 1.8 = 772, so the row z1 + z2 + z3 >= 772 cuts nothing off that survives. The
optimum is 33680 at z = (255.2, 0, 516.8) or another plan of the same cost. At g = 0 alone it is 30536, and that plan
has no recourse elsewhere.
"""

from __future__ import annotations

import itertools

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import LinearConstraint, linprog, milp

from bilevel.game import Recourse, Uncertain
from bilevel.language.read import Game, read
from bilevel.robust.answer import RobustAnswer
from bilevel.robust.ccg import CCG, solve_robust
from bilevel.robust.iterations import Iteration
from bilevel.uncertainty import Polyhedron

SITES = CUSTOMERS = range(3)
OPENING = np.array([400.0, 414.0, 326.0])
CAPACITY_COST = np.array([18.0, 25.0, 20.0])
TRANSPORT = np.array([[22.0, 33.0, 24.0], [33.0, 23.0, 30.0], [20.0, 25.0, 27.0]])
DEMAND = np.array([206.0, 274.0, 220.0])
OPTIMUM = 33680.0


def shares() -> Polyhedron:
    return Polyhedron(rows=[({0: 1, 1: 1, 2: 1}, "<=", 1.8), ({0: 1, 1: 1}, "<=", 1.2)], bounds=(0, 1))


def transportation(*, least_total: float | None = None) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.open = pyo.Var(SITES, domain=pyo.Binary)
    m.size = pyo.Var(SITES, bounds=(0, 800))
    m.only_open = pyo.Constraint(SITES, rule=lambda m, i: m.size[i] <= 800 * m.open[i])
    if least_total is not None:
        m.total = pyo.Constraint(expr=sum(m.size[i] for i in SITES) >= least_total)
    m.share = Uncertain(CUSTOMERS, within=shares())
    m.later = Recourse()
    m.later.ship = pyo.Var(SITES, CUSTOMERS, bounds=(0, None))
    m.later.stock = pyo.Constraint(SITES, rule=lambda b, i: sum(b.ship[i, j] for j in CUSTOMERS) <= m.size[i])
    m.later.need = pyo.Constraint(
        CUSTOMERS, rule=lambda b, j: sum(b.ship[i, j] for i in SITES) >= DEMAND[j] + 40 * m.share[j]
    )
    building = sum(OPENING[i] * m.open[i] + CAPACITY_COST[i] * m.size[i] for i in SITES)
    shipping = sum(TRANSPORT[i, j] * m.later.ship[i, j] for i in SITES for j in CUSTOMERS)
    m.cost = pyo.Objective(expr=building + shipping)
    return m


def shipping_cost(size: np.ndarray, share: np.ndarray) -> float:
    """Cheapest transport by an independent solver, infinite where there is none."""
    out, into = np.kron(np.eye(3), np.ones(3)), np.kron(np.ones(3), np.eye(3))
    sides = np.concatenate([size, -(DEMAND + 40 * share)])
    answer = linprog(TRANSPORT.ravel(), A_ub=np.vstack([out, -into]), b_ub=sides)
    return float(answer.fun) if answer.status == 0 else np.inf


def corners() -> list[np.ndarray]:
    """Vertices by brute force: every choice of three active rows that is a point of the set."""
    rows = np.vstack([np.eye(3), -np.eye(3), [1, 1, 1], [1, 1, 0]])
    sides = np.array([1, 1, 1, 0, 0, 0, 1.8, 1.2])
    found = []
    for active in itertools.combinations(range(8), 3):
        if abs(np.linalg.det(rows[list(active)])) > 1e-9:
            point = np.linalg.solve(rows[list(active)], sides[list(active)])
            if np.all(rows @ point <= sides + 1e-9):
                found.append(point)
    return found


def plan_of(game: Game, answer: RobustAnswer) -> tuple[np.ndarray, np.ndarray]:
    assert answer.point is not None
    values = answer.point[: len(game.variables)]
    return np.round(values[:3]), values[3:6]


@pytest.mark.parametrize("method", [CCG(oracle="vertices"), CCG(oracle="game"), CCG(stored="prices")])
@pytest.mark.parametrize("least_total", [None, 772])
def test_the_optimum_is_the_published_one(method: CCG, least_total: float | None):
    game = read(transportation(least_total=least_total))
    answer = solve_robust(game, method)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(OPTIMUM, rel=1e-6)
    assert answer.bound == pytest.approx(OPTIMUM, rel=2e-6)


def test_the_plan_has_recourse_at_every_vertex_and_its_worst_case_is_the_objective():
    game = read(transportation())
    answer = solve_robust(game)
    opened, size = plan_of(game, answer)
    worst = max(shipping_cost(size + 1e-6, corner) for corner in corners())
    assert OPENING @ opened + CAPACITY_COST @ size + worst == pytest.approx(answer.objective, rel=1e-6)


def test_the_extensive_form_over_all_vertices_has_the_same_optimum():
    vertices = corners()
    blocks, width = len(vertices), 7 + 9 * len(vertices)
    assert blocks == 12
    rows, sides = [], []
    for i in SITES:
        row = np.zeros(width)
        row[3 + i], row[i] = 1, -800
        rows.append(row)
        sides.append(0.0)
    for k, corner in enumerate(vertices):
        start = 7 + 9 * k
        for i in SITES:
            row = np.zeros(width)
            row[start + 3 * i : start + 3 * i + 3], row[3 + i] = 1, -1
            rows.append(row)
            sides.append(0.0)
        for j in CUSTOMERS:
            row = np.zeros(width)
            row[start + j : start + 9 : 3] = -1
            rows.append(row)
            sides.append(-(DEMAND[j] + 40 * corner[j]))
        row = np.zeros(width)
        row[start : start + 9], row[6] = TRANSPORT.ravel(), -1
        rows.append(row)
        sides.append(0.0)
    cost = np.concatenate([OPENING, CAPACITY_COST, [1], np.zeros(9 * blocks)])
    integrality = np.zeros(width)
    integrality[:3] = 1
    upper = np.concatenate([np.ones(3), np.full(3, 800), [np.inf], np.full(9 * blocks, np.inf)])
    answer = milp(
        cost,
        constraints=LinearConstraint(np.array(rows), -np.inf, np.array(sides)),
        integrality=integrality,
        bounds=(0, upper),
    )
    assert answer.fun == pytest.approx(OPTIMUM, rel=1e-6)


@pytest.mark.parametrize("oracle", ["vertices", "game"])
def test_first_bounds_with_the_redundant_row_are_the_published_ones(oracle: str):
    """Without a stored scenario the first plan is z = (772, 0, 0): 400 + 18 * 772 = 14296, worst transport 20942."""
    answer = solve_robust(read(transportation(least_total=772)), CCG(oracle=oracle, start="none"))
    first = answer.iterations[0]
    assert (first.lower, first.upper) == (pytest.approx(14296), pytest.approx(35238))


def test_the_false_optimum_of_the_nominal_scenario_is_answered_by_a_violation():
    """The master of g = 0 has 30536 = its own worst case there; no recourse exists at other vertices."""
    game = read(transportation())
    answer = solve_robust(game, CCG(start=np.zeros(3)))
    first = answer.iterations[0]
    assert first.lower == pytest.approx(30536)
    assert first.upper == np.inf
    assert first.kind == "feasibility"
    assert answer.objective == pytest.approx(OPTIMUM)


def test_bounds_are_monotone_and_every_round_is_reported():
    reports: list[object] = []
    answer = solve_robust(read(transportation()), CCG(start="none"), progress=reports.append)
    seen = [report for report in reports if isinstance(report, Iteration)]
    assert seen == list(answer.iterations)
    assert all(np.diff([round_.lower for round_ in seen]) >= 0)
    upper = [round_.upper for round_ in seen if np.isfinite(round_.upper)]
    assert all(np.diff(upper) <= 0)
    assert seen[-1].gap <= 1e-6


def test_a_maximising_leader_sees_bounds_in_its_own_sense():
    m = transportation()
    m.profit = pyo.Objective(expr=-m.cost.expr, sense=pyo.maximize)
    m.cost.deactivate()
    answer = solve_robust(read(m))
    assert answer.objective == pytest.approx(-OPTIMUM)
    last = answer.iterations[-1]
    assert last.lower <= last.upper
    assert last.upper == pytest.approx(-OPTIMUM)
    assert answer.bound == pytest.approx(-OPTIMUM)


def test_the_point_holds_plan_worst_case_and_recourse_of_the_whole_game():
    game = read(transportation())
    answer = solve_robust(game)
    assert answer.point is not None
    assert answer.scenario is not None
    values = answer.point[: len(game.variables)]
    assert game.program.objectives.value(values)[0] == pytest.approx(answer.objective)
    activity = game.program.rows.activity(values)
    assert np.all(activity >= game.program.rows.lower - 1e-6)
    assert np.all(activity <= game.program.rows.upper + 1e-6)
    assert values[6:9] == pytest.approx(answer.scenario)


def test_the_table_of_rounds_prints_as_text():
    table = str(solve_robust(read(transportation()), CCG(start=np.zeros(3))).iterations)
    assert "leaves no recourse" in table
    assert "worst case" in table
    assert "30536" in table


def test_rounds_are_plotted_with_bounds_and_answers():
    figure = solve_robust(read(transportation()), CCG(start=np.zeros(3))).iterations.plot()
    bounds, answers = figure.axes
    lower, upper = (line.get_ydata() for line in bounds.get_lines()[:2])
    assert lower[0] == pytest.approx(30536)
    assert np.isnan(upper[0])
    assert upper[-1] == pytest.approx(OPTIMUM)
    assert len(answers.get_lines()) == 3
