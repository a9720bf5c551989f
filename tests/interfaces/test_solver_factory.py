"""What Pyomo users expect of ``SolverFactory("bilevel")``."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo
import pytest
from pyomo.opt import SolverStatus, TerminationCondition, check_optimal_termination

import bilevel as bl
from tests.problems.generated import coupled_game


def seller() -> pyo.ConcreteModel:
    """Leader: max (p - 1) q, 0 <= p <= 9. Buyer: min p q + 5 o, q + o >= 4, 0 <= q, o <= 10: all of it up to p = 5.

    Optimum: p = 5, q = 4, profit 16 (optimistic at the tie).
    """
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(0, 9))
    m.buyer = bl.Follower()
    m.buyer.q = pyo.Var(bounds=(0, 10))
    m.buyer.o = pyo.Var(bounds=(0, 10))
    m.buyer.need = pyo.Constraint(expr=m.buyer.q + m.buyer.o >= 4)
    m.buyer.bill = pyo.Objective(expr=m.p * m.buyer.q + 5 * m.buyer.o)
    m.profit = pyo.Objective(expr=m.p * m.buyer.q - m.buyer.q, sense=pyo.maximize)
    return m


def test_it_is_registered_and_available() -> None:
    solver = pyo.SolverFactory("bilevel")
    assert solver.available()
    assert len(solver.version()) >= 3


def test_optimal_game_has_bounds_sense_and_loaded_values() -> None:
    m = seller()
    results = pyo.SolverFactory("bilevel").solve(m)
    assert check_optimal_termination(results)
    assert results.problem.sense == pyo.maximize
    assert results.problem.lower_bound == pytest.approx(16)
    assert results.problem.upper_bound == pytest.approx(16, rel=1e-5)
    assert results.solver.wallclock_time > 0
    assert (m.p.value, m.buyer.q.value) == pytest.approx((5, 4))


def test_minimising_leader_has_its_objective_as_the_upper_bound() -> None:
    """The same leader, minimising the loss (1 - p) q: -16 from above."""
    m = seller()
    m.profit.deactivate()
    m.loss = pyo.Objective(expr=m.buyer.q - m.p * m.buyer.q)
    results = pyo.SolverFactory("bilevel").solve(m)
    assert results.problem.sense == pyo.minimize
    assert results.problem.upper_bound == pytest.approx(-16)
    assert results.problem.lower_bound <= results.problem.upper_bound + 1e-9


def test_solution_that_is_not_loaded_can_be_loaded_later() -> None:
    m = seller()
    m.p.set_value(2.5)
    results = pyo.SolverFactory("bilevel").solve(m, load_solutions=False)
    assert (m.p.value, m.buyer.q.value) == (2.5, None)
    m.solutions.load_from(results)
    assert (m.p.value, m.buyer.q.value) == pytest.approx((5, 4))


def test_infeasible_game_says_so() -> None:
    """The buyer's q <= 4 is never 5 for p >= 0: its best response is at most 4."""
    m = seller()
    m.more = pyo.Constraint(expr=m.buyer.q >= 5)
    m.dear = pyo.Constraint(expr=m.p >= 1)
    results = pyo.SolverFactory("bilevel").solve(m)
    assert results.solver.status == SolverStatus.warning
    assert results.solver.termination_condition == TerminationCondition.infeasible


def test_bounds_of_the_user_make_the_answer_feasible_not_optimal() -> None:
    """The need has the multiplier p up to p = 5: within 4.9 the best is p = 4.9, and nobody has proved that bound."""
    method = bl.KKT(complementarity=bl.BigM(bounds=4.9))
    results = pyo.SolverFactory("bilevel").solve(seller(), options={"method": method})
    assert results.solver.termination_condition == TerminationCondition.feasible
    assert results.problem.lower_bound == pytest.approx(4 * 3.9)


def test_tee_prints_progress_and_the_solution(capsys: pytest.CaptureFixture[str]) -> None:
    pyo.SolverFactory("bilevel").solve(seller(), tee=True)
    printed = capsys.readouterr().out
    assert "incumbent" in printed
    assert "optimal" in printed


def test_options_of_the_solver_hold_for_each_solve() -> None:
    solver = pyo.SolverFactory("bilevel")
    solver.options["method"] = bl.StrongDuality()
    with pytest.raises(bl.NotApplicable, match="binary factor"):
        solver.solve(seller())
    assert check_optimal_termination(solver.solve(seller(), options={"method": "auto"}))


def test_unknown_option_is_refused_by_name() -> None:
    with pytest.raises(bl.InvalidGame, match="mipgap"):
        pyo.SolverFactory("bilevel").solve(seller(), options={"mipgap": 0.1})


def test_errors_come_through_unchanged() -> None:
    """A buyer that minimises -q^2 beside its bill is not convex."""
    m = seller()
    m.buyer.bill.set_value(m.p * m.buyer.q + 5 * m.buyer.o - m.buyer.q**2)
    with pytest.raises(bl.NotApplicable, match=r"buyer\.q"):
        pyo.SolverFactory("bilevel").solve(m, options={"method": bl.KKT()})


def test_follower_that_can_never_respond_is_named_whatever_bounds_are_given() -> None:
    """Rows q + o <= 3 beside q + o >= 4."""
    m = seller()
    m.buyer.less = pyo.Constraint(expr=m.buyer.q + m.buyer.o <= 3)
    method = bl.KKT(complementarity=bl.BigM(bounds=100))
    with pytest.raises(bl.InfeasibleFollower, match="buyer"):
        pyo.SolverFactory("bilevel").solve(m, options={"method": method})


def test_import_suffixes_get_the_followers_multipliers() -> None:
    """At p = 5 one more unit of need costs the buyer 5, the price of both goods; no bound is worth any."""
    m = seller()
    m.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    m.rc = pyo.Suffix(direction=pyo.Suffix.IMPORT_EXPORT)
    m.dual[m.buyer.need] = 99.0
    solver = pyo.SolverFactory("bilevel")
    solver.solve(m, load_solutions=False)
    assert m.dual[m.buyer.need] == 99.0
    solver.solve(m)
    assert dict(m.dual) == {m.buyer.need: pytest.approx(5)}
    assert m.p not in m.rc
    assert (m.rc[m.buyer.q], m.rc[m.buyer.o]) == pytest.approx((0, 0), abs=1e-6)


def test_other_suffixes_stay_as_they_are() -> None:
    m = seller()
    m.dual = pyo.Suffix(direction=pyo.Suffix.LOCAL)
    pyo.SolverFactory("bilevel").solve(m)
    assert not len(m.dual)


@pytest.mark.parametrize("how", [{"timelimit": 1.0}, {"time_limit": 1.0}, {"options": {"time_limit": 1.0}}], ids=str)
def test_time_limit_has_the_names_of_pyomos_solvers(how: dict[str, Any]) -> None:
    """100 pairs of right-hand sides take longer to prove."""
    m = coupled_game(100, 1).model()
    results = pyo.SolverFactory("bilevel").solve(m, **how)
    assert results.solver.termination_condition == TerminationCondition.maxTimeLimit
    assert results.solver.status == SolverStatus.aborted


def test_habits_without_a_meaning_here_are_taken() -> None:
    m = seller()
    habits: dict[str, Any] = {"keepfiles": True, "symbolic_solver_labels": True, "logfile": None, "suffixes": []}
    results = pyo.SolverFactory("bilevel").solve(m, **habits)
    assert check_optimal_termination(results)
    assert results.problem.lower_bound == pytest.approx(16)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"logfile": "log.txt"}, r"logfile='log\.txt': it has no meaning here"),
        ({"suffixes": ["dual"]}, r"suffixes=\['dual'\]: it has no meaning here"),
        ({"gap": 0.1}, r"gap=0\.1: there is no such keyword; what bl\.solve takes goes into options=\{'gap'"),
        ({"keepfile": True}, "keepfile=True: there is no such keyword"),
    ],
)
def test_other_keywords_are_refused_by_name(how: dict[str, Any], message: str) -> None:
    m = seller()
    with pytest.raises(bl.InvalidGame, match=message):
        pyo.SolverFactory("bilevel").solve(m, **how)
    assert m.p.value is None
