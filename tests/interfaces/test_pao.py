"""Games declared with PAO, taken as they are; PAO's own method is the peer where it is right."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import linprog

import bilevel as bl

pao = pytest.importorskip("bilevel.io.pao", reason="PAO is not installed")
try:
    SubModel = pao.SubModel
except ImportError as absent:
    pytest.skip(str(absent), allow_module_level=True)

OPTIMA = {
    "bard511": -12,
    "bard511_list": -12,
    "barguel": 0,
    "besancon27": 0,
    "besancon27_shifted": 1.25,
    "gecco2013": 12,
    "getachew_ex1": -20,
    "getachew_ex2": -22,
    "mibs": -41,
    "moore": -22,
    "pao1": 12,
    "pao2": 18.5,
    "pao3": 16.5,
    "pineda": 102,
    "toyexample1": -22,
    "toyexample2": -20,
}
"""Optima of PAO's documented examples, as published and as PAO finds them where its own method ends."""

ONLY_ARRAYS, ONLY_PYOMO = ("bard511_list", "besancon27_shifted"), ("gecco2013",)
PYOMO = [name for name in OPTIMA if name not in ONLY_ARRAYS]
ARRAYS = [name for name in OPTIMA if name not in ONLY_PYOMO]
INTEGER_FOLLOWERS = ("mibs", "moore", "toyexample1", "toyexample2")


def example(form: str, name: str) -> Any:
    return import_module(f"pao.{form}.examples.{name}").create()


@pytest.mark.parametrize("name", PYOMO)
def test_documented_submodels_have_their_optimum_and_a_certificate(name: str) -> None:
    m = example("pyomo", name)
    solution = bl.solve(m)
    assert (solution.status, solution.certificate.holds) == ("optimal", True)
    assert (solution.objective, pyo.value(m.o)) == pytest.approx((OPTIMA[name], OPTIMA[name]), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", ARRAYS)
def test_documented_multilevel_problems_have_their_optimum_and_a_certificate(name: str) -> None:
    problem = example("mpr", name)
    solution = bl.solve(problem)
    assert (solution.status, solution.certificate.holds) == ("optimal", True)
    assert solution.objective == pytest.approx(OPTIMA[name], rel=1e-6, abs=1e-6)
    upper, values = problem.U, [level.x.values for level in problem.levels()]
    cost = [upper.c[level] if upper.c[level] is not None else [] for level in problem.levels()]
    paid = sum(c * x for costs, part in zip(cost, values, strict=True) for c, x in zip(costs, part, strict=False))
    assert paid + upper.d == pytest.approx(OPTIMA[name], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("form", ["pyomo", "mpr"])
def test_third_toy_example_has_an_infimum_that_is_not_attained(form: str) -> None:
    """-243.5 is published as an optimum; at that point the follower has a better answer."""
    solution = bl.solve(example(form, "toyexample3"))
    assert solution.status == "feasible"
    assert solution.certificate.holds
    assert solution.bound == pytest.approx(-243.5, rel=1e-6)
    assert -243.5 < solution.objective < -243.49


def evasion(m: pyo.ConcreteModel, sensor: tuple[int, int] | None) -> float:
    """Return what the smugglers of ``sip_example1`` evade by with a sensor on one edge: a linear program each.

    A unit leaves ``source``; of what enters an edge a share arrives, ``q`` under the sensor and ``p`` elsewhere, and
    each edge takes a unit at most. Only what leaves a node or reaches the target is conserved.
    """
    edges = list(m.Edgeset)
    share = np.array([m.q[edge] if edge == sensor else m.p[edge] for edge in edges])
    leaves = np.array([[edge[0] == i for edge in edges] for i in m.nodeset], float)
    arrives = np.array([[edge[1] == i for edge in edges] for i in m.nodeset]) * share
    total = 0.0
    for source, target in m.OmegaSet:
        kept = [i for i in range(len(leaves)) if i + 1 not in (source, target)]
        rows = np.vstack([leaves[[source - 1]], (leaves - arrives)[kept]])
        right = np.append(1.0, np.zeros(len(kept)))
        total -= m.P[source, target] * linprog(-arrives[target - 1], A_eq=rows, b_eq=right, bounds=(0, 1)).fun
    return total


def test_a_sensor_against_twelve_smugglers_is_placed_as_enumeration_does() -> None:
    """No multiplier of it has a bound; 17 decisions of the leader, each settled by one response."""
    m = example("pyomo", "sip_example1")
    solution = bl.solve(m)
    assert (solution.status, solution.certificate.holds) == ("optimal", True)
    worths = {edge: evasion(m, edge) for edge in (None, *m.Edgeset)}
    assert solution.objective == pytest.approx(min(worths.values()), rel=1e-6)
    assert [edge for edge in m.Edgeset if m.x[edge].value > 0.5] == [min(worths, key=worths.__getitem__)]


@pytest.mark.parametrize("form", ["pyomo", "mpr"])
def test_three_levels_are_refused_by_name(form: str) -> None:
    with pytest.raises(bl.NotApplicable, match="three levels"):
        bl.solve(example(form, "anadalingam"))


@pytest.mark.parametrize("name", [name for name in PYOMO if name not in INTEGER_FOLLOWERS])
def test_peer_agrees_where_its_method_applies(name: str) -> None:
    """PAO's big-M method with HiGHS, for continuous followers."""
    m = example("pyomo", name)
    bilinear = {"linearize_bigm": 100} if name in ("barguel", "pao3") else {}
    pao.import_pao().Solver("pao.pyomo.FA", mip_solver="appsi_highs").solve(m, **bilinear)
    assert pyo.value(m.o) == pytest.approx(OPTIMA[name], abs=1e-6)


def shared_row() -> tuple[pyo.ConcreteModel, float]:
    """What the peer calls optimal is 8: of the leader's row it keeps one follower.

    Two followers take what they may, y_i <= x_i; leader max y1 + y2 with 2 y1 + y2 <= 6, 0 <= x <= 4: 1 + 4 = 5.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var([1, 2], bounds=(0, 4))
    m.y = pyo.Var([1, 2], bounds=(0, 9))
    m.o = pyo.Objective(expr=m.y[1] + m.y[2], sense=pyo.maximize)
    m.c = pyo.Constraint(expr=2 * m.y[1] + m.y[2] <= 6)
    m.room = pyo.Constraint(expr=m.x[1] + m.x[2] <= 8)
    for i in (1, 2):
        m.add_component(f"L{i}", SubModel(fixed=m.x))
        lower = m.component(f"L{i}")
        lower.o = pyo.Objective(expr=m.y[i], sense=pyo.maximize)
        lower.c = pyo.Constraint(expr=m.y[i] <= m.x[i])
    return m, 5.0


def mixed_leader() -> tuple[pyo.ConcreteModel, float]:
    """The peer ends with an IndexError.

    Leader max n + y, n integer in [0, 3], x in [0, 2]; follower max y, y <= x + n: n = 3, y = 5, value 8.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 2))
    m.n = pyo.Var(bounds=(0, 3), domain=pyo.Integers)
    m.y = pyo.Var(bounds=(0, 100))
    m.o = pyo.Objective(expr=m.n + m.y, sense=pyo.maximize)
    m.room = pyo.Constraint(expr=m.x + m.n <= 5)
    m.L = SubModel(fixed=[m.x, m.n])
    m.L.o = pyo.Objective(expr=m.y, sense=pyo.maximize)
    m.L.c = pyo.Constraint(expr=m.y <= m.x + m.n)
    return m, 8.0


def large_multiplier() -> tuple[pyo.ConcreteModel, float]:
    """The peer, whose M is 1e5, finds no point.

    Follower min 1e6 s + y, s + y >= 1, y <= x: what x leaves costs a million. Leader min x + 10 s, x <= 1: x = 1.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.y, m.s = pyo.Var(bounds=(0, None)), pyo.Var(bounds=(0, None))
    m.o = pyo.Objective(expr=m.x + 10 * m.s)
    m.L = SubModel(fixed=m.x)
    m.L.o = pyo.Objective(expr=1e6 * m.s + m.y)
    m.L.need = pyo.Constraint(expr=m.s + m.y >= 1)
    m.L.cap = pyo.Constraint(expr=m.y <= m.x)
    return m, 1.0


def neighbours() -> tuple[pyo.ConcreteModel, float]:
    """What the peer calls optimal is 6: it drops y1 from the second follower's row.

    First: max y1, y1 <= x. Second: max y2, y2 + y1 <= 4. Leader max y2 + x/2, 0 <= x <= 4: y2 = 4 - x, value 4.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4))
    m.y = pyo.Var([1, 2], bounds=(0, 10))
    m.o = pyo.Objective(expr=m.y[2] + 0.5 * m.x, sense=pyo.maximize)
    m.L1 = SubModel(fixed=m.x)
    m.L1.o = pyo.Objective(expr=m.y[1], sense=pyo.maximize)
    m.L1.c = pyo.Constraint(expr=m.y[1] <= m.x)
    m.L2 = SubModel(fixed=[m.x, m.y[1]])
    m.L2.o = pyo.Objective(expr=m.y[2], sense=pyo.maximize)
    m.L2.c = pyo.Constraint(expr=m.y[2] + m.y[1] <= 4)
    return m, 4.0


WRONG = [shared_row, mixed_leader, large_multiplier, neighbours]


@pytest.mark.parametrize("make", WRONG, ids=lambda make: make.__name__)
def test_games_that_trouble_the_peer_are_right_here(make: Callable[[], tuple[pyo.ConcreteModel, float]]) -> None:
    m, optimum = make()
    solution = bl.solve(m)
    assert (solution.status, solution.certificate.holds) == ("optimal", True)
    assert solution.objective == pytest.approx(optimum)


def test_one_line_is_changed() -> None:
    """PAO's first example with ``from bilevel.io.pao import *`` where it says ``from pao.pyomo import *``."""
    program = """
import pyomo.environ as pe
from bilevel.io.pao import *
M = pe.ConcreteModel()
M.x = pe.Var(bounds=(0, None))
M.y = pe.Var(bounds=(0, None))
M.o = pe.Objective(expr=M.x - 4 * M.y)
M.L = SubModel(fixed=M.x)
M.L.o = pe.Objective(expr=M.y)
M.L.c1 = pe.Constraint(expr=-M.x - M.y <= -3)
M.L.c2 = pe.Constraint(expr=-2 * M.x + M.y <= 0)
M.L.c3 = pe.Constraint(expr=2 * M.x + M.y <= 12)
M.L.c4 = pe.Constraint(expr=3 * M.x - 2 * M.y <= 4)
with Solver("pao.pyomo.FA", mip_solver="glpk") as solver:
    results = solver.solve(M, tee=False, linearize_bigm=1e6)
"""
    names: dict[str, Any] = {}
    exec(program, names)
    assert (names["M"].x.value, names["M"].y.value) == pytest.approx((4, 4))
    assert pyo.check_optimal_termination(names["results"])
    assert names["results"].problem.lower_bound == pytest.approx(-12, rel=1e-5)


def test_solver_takes_multilevel_problems_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    problem = example("mpr", "pao1")
    results = pao.Solver("pao.mpr.FA").solve(problem, tee=True, time_limit=60)
    assert pyo.check_optimal_termination(results)
    assert (problem.U.x.values, problem.U.LL.x.values) == ([6.0, 4.0], [2.0])
    assert "optimal" in capsys.readouterr().out
    with pytest.raises(bl.NotApplicable, match="load_solutions=False"):
        pao.Solver("pao.mpr.FA").solve(problem, load_solutions=False)


def test_other_solvers_are_the_peers_own() -> None:
    assert type(pao.Solver("appsi_highs")).__module__ == "pao.common.solver"


def submodel(fixed: Any) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.x, m.y = pyo.Var(bounds=(0, 1)), pyo.Var(bounds=(0, 1))
    m.o = pyo.Objective(expr=m.x + m.y)
    m.L = SubModel(fixed=fixed(m))
    m.L.o = pyo.Objective(expr=m.y - m.x * m.y)
    m.L.c = pyo.Constraint(expr=m.y >= m.x)
    return m


def test_submodel_that_does_not_say_what_is_fixed_is_refused() -> None:
    with pytest.raises(bl.InvalidGame, match=r"L: .*SubModel\(fixed="):
        bl.solve(submodel(lambda _: None))


def test_what_is_fixed_must_be_a_variable() -> None:
    with pytest.raises(bl.InvalidGame, match=r"L: fixed=.* is no variable"):
        bl.solve(submodel(lambda m: [(m.x,), "x"]))


def test_variable_of_two_submodels_is_refused() -> None:
    m = submodel(lambda m: m.x)
    m.L2 = SubModel(fixed=m.x)
    m.L2.o = pyo.Objective(expr=m.y)
    with pytest.raises(bl.InvalidGame, match="y: L and L2 both use it"):
        bl.solve(m)


def test_everything_else_takes_these_models_too() -> None:
    """x + y, y >= x, follower min (1 - x) y: y = x, and the leader takes x = 0."""
    m = submodel(lambda m: [m.x])
    assert pyo.check_optimal_termination(pyo.SolverFactory("bilevel").solve(m))
    assert list(bl.compile(m).game.program.players) == ["leader", "L"]
    assert "L" in str(bl.explain(example("mpr", "pao2")))
    assert bl.diagnose(example("mpr", "pao1")) is not None


def test_shapes_that_do_not_fit_are_named() -> None:
    problem = example("mpr", "bard511")
    problem.U.LL.A[problem.U] = [[1.0], [2.0]]
    with pytest.raises(bl.InvalidGame, match=r"U\.LL\[0\]\.A\[U\]: it is 2 x 1"):
        bl.solve(problem)


def test_their_image_is_solved_by_solvers_of_pyomo() -> None:
    m = example("pyomo", "pao2")
    pyo.TransformationFactory("bilevel.kkt").apply_to(m)
    pyo.SolverFactory("appsi_highs").solve(m)
    assert pyo.value(m.o) == pytest.approx(18.5)
    assert (m.x.value, m.z[1].value) == pytest.approx((2, 5.5))
