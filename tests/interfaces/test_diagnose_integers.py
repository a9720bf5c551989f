"""Games with integer followers: each planted conflict is named, and how they are solved is explained."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.solvers import scip


def packing(capacity: float = 5.0) -> pyo.ConcreteModel:
    """The follower packs two items of weight 2 and 3, at most 2 of each, into what the leader gives, x in 0..5.

    Follower: max 2 a + 5 b, 2 a + 3 b <= x. Its responses (a, b) are (0, 0), (0, 0), (1, 0), (0, 1), (0, 1) and
    (1, 1) at x = 0..5. With continuous amounts it would only take b = x / 3. Leader: max 3 a + b - x: at x = 2 that
    is 1, at x = 5 it is -1.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 5), domain=pyo.Integers)
    m.packer = bl.Follower()
    m.packer.a = pyo.Var(bounds=(0, 2), domain=pyo.Integers)
    m.packer.b = pyo.Var(bounds=(0, 2), domain=pyo.Integers)
    m.packer.room = pyo.Constraint(expr=2 * m.packer.a + 3 * m.packer.b <= m.x)
    m.packer.gain = pyo.Objective(expr=2 * m.packer.a + 5 * m.packer.b, sense=pyo.maximize)
    m.profit = pyo.Objective(expr=3 * m.packer.a + m.packer.b - m.x, sense=pyo.maximize)
    m.limit = pyo.Constraint(expr=m.x <= capacity)
    return m


def the_finding(model: pyo.ConcreteModel) -> tuple[str, str, tuple[str, ...]]:
    diagnosis = bl.diagnose(model)
    assert diagnosis.verdict == "infeasible", str(diagnosis)
    assert len(diagnosis.findings) == 1, str(diagnosis)
    found = diagnosis.findings[0]
    return found.group, found.player, found.names


def test_a_game_with_a_solution_is_called_feasible():
    m = packing()
    assert (bl.diagnose(m).verdict, bl.diagnose(m).findings) == ("feasible", ())
    assert bl.solve(m).objective == pytest.approx(1)


def test_follower_rows_that_only_integers_break():
    """2 a + 2 b = 3 has fractional solutions and no integer one."""
    m = packing()
    m.packer.odd = pyo.Constraint(expr=2 * m.packer.a + 2 * m.packer.b == 3)
    assert the_finding(m) == ("integrality", "packer", ("packer.odd",))


def test_follower_that_can_never_respond():
    """It must pack 4 items, weighing at least 2 * 2 + 2 * 3 = 10 > 5."""
    m = packing()
    m.packer.least = pyo.Constraint(expr=m.packer.a + m.packer.b >= 4)
    group, player, names = the_finding(m)
    assert (group, player) == ("follower rows", "packer")
    assert {"packer.least", "packer.room", "upper bound of x"} <= set(names)


def test_rows_of_leader_and_follower_that_contradict_each_other():
    """One b needs 3, the leader gives at most 2."""
    m = packing(capacity=2)
    m.one = pyo.Constraint(expr=m.packer.b >= 1)
    group, player, names = the_finding(m)
    assert (group, player) == ("all rows", "leader, packer")
    assert set(names) == {"limit", "one", "packer.room", "lower bound of packer.a"}


def test_coupling_row_that_no_best_response_satisfies():
    """(2, 0) fits into 5, so that the rows can hold together; no best response has more than one a: 1 is missing."""
    m = packing()
    m.twice = pyo.Constraint(expr=m.packer.a >= 2)
    diagnosis = bl.diagnose(m)
    (found,) = diagnosis.findings
    assert (diagnosis.verdict, found.group, found.player, found.names) == (
        "infeasible",
        "coupling rows",
        "leader",
        ("twice",),
    )
    assert found.violations == pytest.approx((1,))
    assert "packer.a = 1" in found.sentence
    assert bl.solve(m).status == "infeasible"


def test_of_two_coupling_rows_the_one_that_no_response_satisfies():
    """Only (0, 1) is a best response at x = 3 and x = 4, where (1, 0) fits as well; b <= 1 holds anyway."""
    m = packing(capacity=4)
    m.few = pyo.Constraint(expr=m.packer.b <= 1)
    m.light = pyo.Constraint(expr=m.packer.a >= 1)
    assert bl.diagnose(m).verdict == "feasible"
    m.more = pyo.Constraint(expr=m.x >= 3)
    assert the_finding(m) == ("coupling rows", "leader", ("light",))


def test_follower_without_a_best_response_names_the_variable():
    """Nothing bounds the integer u, each unit of which earns 1."""
    m = packing()
    m.packer.u = pyo.Var(bounds=(0, None), domain=pyo.Integers)
    m.packer.gain.deactivate()
    m.packer.more = pyo.Objective(expr=2 * m.packer.a + m.packer.u, sense=pyo.maximize)
    assert the_finding(m) == ("follower objective", "packer", ("packer.u",))


def test_leader_that_improves_without_end_whatever_the_follower_does():
    m = packing()
    m.debt = pyo.Var(bounds=(0, None))
    m.profit.deactivate()
    m.gain = pyo.Objective(expr=m.packer.a + m.debt, sense=pyo.maximize)
    diagnosis = bl.diagnose(m)
    assert diagnosis.verdict == "unbounded"
    assert diagnosis.findings[0].names == ("debt",)


def test_leader_that_only_the_responses_bound_is_told_what_to_bound():
    """Followers at will would pack u without end; a best response has u = 0, which costs the follower 1 each."""
    m = packing()
    m.packer.u = pyo.Var(bounds=(0, None), domain=pyo.Integers)
    m.packer.gain.deactivate()
    m.packer.less = pyo.Objective(expr=2 * m.packer.a - m.packer.u, sense=pyo.maximize)
    m.profit.deactivate()
    m.gain = pyo.Objective(expr=m.packer.u, sense=pyo.maximize)
    diagnosis = bl.diagnose(m)
    assert diagnosis.verdict == "feasible"
    assert "bound packer.u" in str(diagnosis)


def test_what_cannot_be_searched_is_said(monkeypatch: pytest.MonkeyPatch):
    """A follower's own product is not linear: SCIP looks at it, where it is installed."""
    m = packing()
    m.packer.gain.deactivate()
    m.packer.both = pyo.Objective(expr=m.packer.a * m.packer.b)
    assert bl.diagnose(m).verdict == "feasible"
    monkeypatch.setattr(scip, "is_installed", lambda: False)
    diagnosis = bl.diagnose(m)
    assert (diagnosis.verdict, diagnosis.findings) == ("unknown", ())
    assert "packer" in str(diagnosis)


def test_explanation_says_how_an_integer_game_is_solved_and_why():
    explanation = bl.explain(packing())
    assert explanation.refusal is None
    assert explanation.method.startswith("bl.ValueFunction: responses of followers, which decide integers (packer.a)")
    assert "the followers' variables are all integer" in explanation.method
    assert explanation.notes == ()
    game, relaxed = explanation.sizes
    assert (game.columns, game.integers, game.rows) == (3, 3, 2)
    assert (relaxed.columns, relaxed.rows) == (4, 3)


def test_explanation_of_a_continuous_leader_says_that_the_bound_may_not_be_attained():
    m = packing()
    m.x.domain = pyo.Reals
    explanation = bl.explain(m)
    assert "x, with which the leader acts on followers, is not a bounded integer" in explanation.method
    assert explanation.notes[0].startswith("x: continuous")
    refused = bl.explain(m, method=bl.ValueFunction(search="tree")).refusal
    assert refused is not None
    assert refused.startswith("x")


def test_explanation_of_interdiction_names_branch_and_cut():
    m = packing()
    m.profit.deactivate()
    m.harm = pyo.Objective(expr=2 * m.packer.a + 5 * m.packer.b)
    assert "branch and cut" in bl.explain(m).method
    assert "only wants what the followers do not" in bl.explain(m).method
    assert "asked for" in bl.explain(m, method=bl.ValueFunction(search="rounds")).method
