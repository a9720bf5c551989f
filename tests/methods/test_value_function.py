"""Integer followers: responses in rounds, against enumeration, published optima and games worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl
from tests.problems.external import declare_special, load_special
from tests.problems.library import game, maximise, minimise, rows


def proven(m: pyo.ConcreteModel, **options: Any) -> float:
    """Solve; the answer is proven and certified; return the objective."""
    solution = bl.solve(m, **options)
    assert solution.status == "optimal", solution
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.certificate.assumptions == ()
    return float(solution.objective)


def moore_bard() -> pyo.ConcreteModel:
    """Moore and Bard, Operations Research 38 (1990): the relaxation ends at (8, 1), the optimum is -22 at (2, 2)."""
    m = game("moore_bard")
    x = m.x = pyo.Var(domain=pyo.NonNegativeIntegers)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeIntegers)
    rows(m.follower, -25 * x + 20 * y <= 30, x + 2 * y <= 10, 2 * x - y <= 15, 2 * x + 10 * y >= 15)
    minimise(m.follower, y)
    minimise(m, -x - 10 * y)
    return m


def test_moore_and_bard():
    m = moore_bard()
    assert proven(m) == pytest.approx(-22)
    assert (m.x.value, m.follower.y.value) == pytest.approx((2, 2))


def test_the_automatic_method_is_the_value_function_where_a_follower_has_integers():
    assert "responses of integer followers" in bl.solve(moore_bard()).method


def test_rounds_are_reported_with_bounds_that_close():
    solution = bl.solve(moore_bard())
    lower = [r.lower for r in solution.iterations]
    upper = [r.upper for r in solution.iterations]
    assert lower == sorted(lower)
    assert upper == sorted(upper, reverse=True)
    assert (lower[-1], upper[-1]) == pytest.approx((-22, -22))


def test_a_limit_of_rounds_returns_the_bounds_so_far():
    """After one round of Moore and Bard the bound is the relaxation's, -42, and an incumbent is known."""
    solution = bl.solve(moore_bard(), method=bl.ValueFunction(max_iterations=1))
    assert solution.status == "feasible"
    assert solution.bound == pytest.approx(-42)
    assert solution.certificate is not None
    assert solution.certificate.holds


@pytest.mark.parametrize("name", [*(f"mibs_v{k}" for k in range(1, 7)), "mibs_docs_example2"])
def test_examples_of_mibs(name: str, cases_folder: Path):
    case = load_special(cases_folder / "special.json")[name]
    assert proven(declare_special(case)) == pytest.approx(case["expected"]["leader_obj"])


def test_mixed_follower_with_an_integer_leader():
    """x in {0..4}; follower max z + w, z integer, 2 z + w <= x + 1/2, w <= 1; leader min 3 z - 2 x... by hand below.

    x=0: z=0, w=1/2;  x=1: w=1, z=0 (3/2 - w = 1/2 left: z <= 1/4);  x=2: w=1/2, z=1 or w=1, z=0 (value 3/2 against 1);
    x=3: w=1, z=1;  x=4: w=1/2, z=2 (2 z + w <= 9/2). F = 3 z - 2 w - x: -1, -3, 0, -2, 1. Optimum -3 at x=1.
    """
    m = game("mixed")
    x = m.x = pyo.Var(bounds=(0, 4), domain=pyo.Integers)
    z = m.follower.z = pyo.Var(bounds=(0, 5), domain=pyo.Integers)
    w = m.follower.w = pyo.Var(bounds=(0, 1))
    rows(m.follower, 2 * z + w <= x + 0.5)
    maximise(m.follower, z + w)
    minimise(m, 3 * z - 2 * w - x)
    assert proven(m) == pytest.approx(-3)
    assert m.x.value == pytest.approx(1)


def test_mixed_follower_with_a_continuous_leader():
    """x in [0, 4]; follower max 2 z + w, z integer, z <= 2, z + w <= x, w <= 1/4; leader min (z + w) - 1/2 x - 1/4 [w].

    The follower takes z = floor(x) (up to 2), then w = min(1/4, x - z). F = z + 3/4 w - x / 2. On x in [2, 4] z = 2:
    at x = 4, F = 2 + 3/16 - 2 = 3/16; on [0, 1): x = 0 gives 0, slope 1/4 up to 1/4, then -1/2: towards x = 1 from
    below F -> 3/16 - 1/2 = -5/16, not attained. On [1, 2) towards 2: 1 + 3/16 - 1 = 3/16. The infimum is -5/16.
    """
    m = game("mixed_continuous")
    x = m.x = pyo.Var(bounds=(0, 4))
    z = m.follower.z = pyo.Var(bounds=(0, 2), domain=pyo.Integers)
    w = m.follower.w = pyo.Var(bounds=(0, 0.25))
    rows(m.follower, z + w <= x)
    maximise(m.follower, 2 * z + w)
    minimise(m, z + 0.75 * w - 0.5 * x)
    solution = bl.solve(m, gap=1e-4)
    assert solution.bound == pytest.approx(-5 / 16, abs=1e-6)
    assert solution.objective == pytest.approx(-5 / 16, abs=1e-4)
    assert solution.objective > -5 / 16
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert any("infimum" in note for note in solution.notes)


def test_an_infimum_that_is_not_attained_is_not_called_optimal_at_a_tight_gap():
    """Follower z = floor(x), leader max x - 2 z on [0, 3/2]: the supremum 1 is approached as x -> 1 from below."""
    m = game("floor")
    x = m.x = pyo.Var(bounds=(0, 1.5))
    z = m.follower.z = pyo.Var(bounds=(0, 3), domain=pyo.Integers)
    rows(m.follower, z <= x)
    maximise(m.follower, z)
    maximise(m, x - 2 * z)
    solution = bl.solve(m, gap=1e-9)
    assert solution.status == "feasible"
    assert solution.bound == pytest.approx(1, abs=1e-7)
    assert 1 - 1e-4 < solution.objective < 1 - 1e-6
    assert any("infimum" in note for note in solution.notes)


def test_a_kink_of_a_continuous_follower_part_is_attained():
    """x in [0, 2]; follower z in {0, 1} with z >= 1 (so z = 1), min w, w >= x - 1, w >= 1 - x; leader min x + 3 w.

    w = |x - 1|: F = x + 3 |x - 1| has its minimum 1 at the kink x = 1, where two optimal bases meet.
    The leader of F = -x - 3 w + 2 would like w large: it may not choose it, max w is at the ends, F = -3 at x = 2.
    """
    for sign, expected in ((1.0, 1.0), (-1.0, -5.0)):
        m = game("kink")
        x = m.x = pyo.Var(bounds=(0, 2))
        z = m.follower.z = pyo.Var(domain=pyo.Binary)
        w = m.follower.w = pyo.Var(bounds=(0, 5))
        rows(m.follower, z >= 1, w >= x - z, w >= z - x)
        minimise(m.follower, w)
        minimise(m, sign * (x + 3 * w))
        assert proven(m) == pytest.approx(expected, abs=1e-6)


def test_upper_rows_with_follower_columns_that_no_response_at_the_first_decisions_fits():
    """Follower max y, y <= x, y integer, so y = x; the leader asks for y <= 2 and x <= 5 and wants x large: 2."""
    m = game("coupling")
    x = m.x = pyo.Var(bounds=(0, 5), domain=pyo.Integers)
    y = m.follower.y = pyo.Var(bounds=(0, 9), domain=pyo.Integers)
    rows(m.follower, y <= x)
    rows(m, y <= 2)
    maximise(m.follower, y)
    maximise(m, x)
    assert proven(m) == pytest.approx(2)


def test_ties_are_broken_for_the_leader():
    """Follower min 0 over y in {0..3}, y <= x: the leader takes y = x = 3, F = -3."""
    m = game("ties")
    x = m.x = pyo.Var(bounds=(0, 3), domain=pyo.Integers)
    y = m.follower.y = pyo.Var(bounds=(0, 3), domain=pyo.Integers)
    rows(m.follower, y <= x)
    minimise(m.follower, 0 * y)
    minimise(m, -y)
    solution = bl.solve(m)
    assert solution.objective == pytest.approx(-3)
    assert (solution.certificate.tie.optimistic, solution.certificate.tie.pessimistic) == pytest.approx((-3, 0))


def test_a_game_without_a_bilevel_feasible_point_is_infeasible():
    """Follower max y over {0, 1} plays 1, the leader's row asks for 0, which the relaxation can give."""
    m = game("infeasible")
    x = m.x = pyo.Var(domain=pyo.Binary)
    y = m.follower.y = pyo.Var(domain=pyo.Binary)
    rows(m.follower, x + y <= 2)
    rows(m, y <= 0)
    maximise(m.follower, y)
    minimise(m, x)
    solution = bl.solve(m)
    assert (solution.status, solution.objective) == ("infeasible", None)


def test_two_followers_that_do_not_interact_and_leader_prices():
    """Each follower n max (v_n - p) y_n over y_n in {0..2}, p in {0..4} the leader's, v = (1, 3); revenue p sum y.

    p=1: ties give 2 * (2 + 2) * 1 / 2 = 4;  p=3: only the second, 3 * 2 = 6;  the leader takes 6.
    """
    m = pyo.ConcreteModel()
    p = m.p = pyo.Var(bounds=(0, 4), domain=pyo.Integers)
    values = {1: 1, 2: 3}

    @m.Follower([1, 2])
    def buyer(block, n):
        block.y = pyo.Var(bounds=(0, 2), domain=pyo.Integers)
        block.goal = pyo.Objective(expr=(values[n] - p) * block.y, sense=pyo.maximize)

    m.goal = pyo.Objective(expr=p * (m.buyer[1].y + m.buyer[2].y), sense=pyo.maximize)
    assert proven(m) == pytest.approx(6)
    assert m.p.value == pytest.approx(3)


def integer_and_continuous_followers() -> pyo.ConcreteModel:
    """x in 0..3: i in argmax {i <= x + 1/2} = x is integer, y in argmin {-2 y : y <= 4 - x} = 4 - x is not.

    F = i + 3 y = 12 - 2 x, least at x = 3 with F = 6, and dy'/d(4) = -2 for the follower.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Integers, bounds=(0, 3))
    m.whole, m.flow = bl.Follower(), bl.Follower()
    m.whole.i = pyo.Var(domain=pyo.Integers, bounds=(0, 9))
    m.whole.cap = pyo.Constraint(expr=m.whole.i <= m.x + 0.5)
    m.whole.goal = pyo.Objective(expr=m.whole.i, sense=pyo.maximize)
    m.flow.y = pyo.Var(bounds=(0, 9))
    m.flow.cap = pyo.Constraint(expr=m.flow.y <= 4 - m.x)
    m.flow.cost = pyo.Objective(expr=-2 * m.flow.y)
    m.cost = pyo.Objective(expr=m.whole.i + 3 * m.flow.y)
    return m


def test_a_continuous_follower_beside_one_with_integers_has_its_multipliers():
    m = integer_and_continuous_followers()
    solution = bl.solve(m)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(6))
    assert solution.multiplier(m.flow.cap) == pytest.approx(-2)


def test_continuous_followers_solved_by_their_responses_have_their_multipliers():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Integers, bounds=(0, 3))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 9))
    m.f.cap = pyo.Constraint(expr=m.f.y <= 4 - m.x)
    m.f.cost = pyo.Objective(expr=-2 * m.f.y)
    m.cost = pyo.Objective(expr=m.x + 3 * m.f.y)
    assert proven(m, method=bl.ValueFunction()) == pytest.approx(6)


def test_a_leaders_binary_times_a_followers_integer_in_a_row():
    """Follower max y, 2 x y + y <= 6 (y in 0..6): y = 6 at x = 0, 2 at x = 1. Leader min y + 3 x: 5 at x = 1."""
    m = game("product")
    x = m.x = pyo.Var(domain=pyo.Binary)
    y = m.follower.y = pyo.Var(bounds=(0, 6), domain=pyo.Integers)
    rows(m.follower, 2 * x * y + y <= 6)
    maximise(m.follower, y)
    minimise(m, y + 3 * x)
    assert proven(m) == pytest.approx(5)


def test_an_unbounded_leader_variable_is_refused_by_name():
    m = game("unbounded")
    x = m.x = pyo.Var(domain=pyo.NonNegativeIntegers)
    m.cap = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var(bounds=(0, 3), domain=pyo.Integers)
    rows(m.follower, y - x <= 0)
    maximise(m.follower, y)
    minimise(m, -x)
    with pytest.raises(bl.NotApplicable, match="unbounded even if the followers respond at will"):
        bl.solve(m)


def test_a_follower_without_a_best_response_is_named():
    m = game("no_best")
    x = m.x = pyo.Var(domain=pyo.Binary)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeIntegers)
    rows(m.follower, y >= x)
    maximise(m.follower, y)
    minimise(m, y)
    with pytest.raises(bl.UnboundedFollower, match="follower"):
        bl.solve(m)


def test_followers_that_use_each_others_integers_are_refused():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Binary)
    m.first, m.second = bl.Follower(), bl.Follower()
    for block in (m.first, m.second):
        block.y = pyo.Var(domain=pyo.Binary)
        block.goal = pyo.Objective(expr=block.y)
    m.second.row = pyo.Constraint(expr=m.second.y + m.first.y >= m.x)
    m.goal = pyo.Objective(expr=m.x)
    with pytest.raises(bl.NotApplicable, match=r"second.*another follower"):
        bl.solve(m)


def test_branch_and_cut_is_refused_where_a_continuous_variable_of_the_leader_acts():
    m = game("continuous")
    m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var(domain=pyo.Binary)
    rows(m.follower, y <= m.x)
    maximise(m.follower, y)
    minimise(m, y - m.x)
    with pytest.raises(bl.NotApplicable, match=r'x: ValueFunction\(search="tree"\) needs bounded integer'):
        bl.solve(m, method=bl.ValueFunction(search="tree"))
