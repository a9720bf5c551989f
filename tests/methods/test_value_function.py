"""Integer followers: responses in rounds, against enumeration, published optima and games worked by hand."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from tests.problems.external import declare_special, load_special
from tests.problems.interdiction import interdict, optimum_by_enumeration
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


@st.composite
def small_games(draw: st.DrawFn) -> dict[str, Any]:
    """Two leader and two follower integers in 0..3, three rows of the follower, one of the leader."""
    small = st.integers(-4, 4)
    vector = st.lists(small, min_size=4, max_size=4)
    return {
        "leader": draw(vector),
        "follower": draw(st.lists(small, min_size=2, max_size=2)),
        "rows": draw(st.lists(vector, min_size=3, max_size=3)),
        "sides": draw(st.lists(st.integers(-2, 9), min_size=3, max_size=3)),
        "upper_row": draw(vector),
        "upper_side": draw(st.integers(-1, 8)),
    }


def enumerated(data: dict[str, Any]) -> float | None:
    """Return the optimum over all leader decisions, None where none has a response that fits the leader's row."""
    grid = list(itertools.product(range(4), repeat=2))
    best = None
    for x in grid:
        points = [np.array([*x, *y]) for y in grid]
        fits = [z for z in points if all(np.dot(r, z) <= s for r, s in zip(data["rows"], data["sides"], strict=True))]
        if not fits:
            continue
        value = min(np.dot(data["follower"], z[2:]) for z in fits)
        for z in fits:
            if np.dot(data["follower"], z[2:]) == value and np.dot(data["upper_row"], z) <= data["upper_side"]:
                found = float(np.dot(data["leader"], z))
                best = found if best is None else min(best, found)
    return best


def declared(data: dict[str, Any]) -> pyo.ConcreteModel:
    m = game("random")
    m.x = pyo.Var(range(2), bounds=(0, 3), domain=pyo.Integers)
    m.follower.y = pyo.Var(range(2), bounds=(0, 3), domain=pyo.Integers)
    z = [m.x[0], m.x[1], m.follower.y[0], m.follower.y[1]]

    def form(coefficients: list[int]) -> Any:
        return sum(c * v for c, v in zip(coefficients, z[-len(coefficients) :], strict=True))

    rows(m.follower, *(form(r) + 0 * z[2] <= s for r, s in zip(data["rows"], data["sides"], strict=True) if any(r)))
    if any(data["upper_row"]):
        rows(m, form(data["upper_row"]) <= data["upper_side"])
    minimise(m.follower, form(data["follower"]))
    minimise(m, form(data["leader"]))
    return m


def consistent(data: dict[str, Any]) -> bool:
    """Whether rows without coefficients hold; they cannot be declared."""
    empty = [s for r, s in zip(data["rows"], data["sides"], strict=True) if not any(r)]
    return all(s >= 0 for s in empty) and (any(data["upper_row"]) or data["upper_side"] >= 0)


@settings(max_examples=60)
@given(small_games().filter(consistent))
def test_random_integer_games_agree_with_enumeration(data: dict[str, Any]):
    expected = enumerated(data)
    m = declared(data)
    if expected is None:
        assert bl.solve(m).status == "infeasible"
    else:
        assert proven(m) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_random_knapsack_interdiction_agrees_with_enumeration(seed: int):
    generator = np.random.default_rng(seed)
    n = 7
    profit, weight, cost = (generator.integers(1, 30, n) for _ in range(3))
    capacity, budget = int(weight.sum() // 2), int(cost.sum() // 3)
    m = interdict(profit, weight, cost, capacity, budget)
    assert proven(m) == pytest.approx(optimum_by_enumeration(profit, weight, cost, capacity, budget))


@st.composite
def mixed_games(draw: st.DrawFn) -> dict[str, Any]:
    """A leader's x in [0, 3], a follower's z in {0, 1, 2} and w in [0, 2], three rows of the follower."""
    small = st.integers(-3, 3)
    return {
        "leader": draw(st.lists(small, min_size=3, max_size=3)),
        "follower": draw(st.lists(small, min_size=2, max_size=2)),
        "rows": draw(st.lists(st.tuples(small, small, small), min_size=3, max_size=3)),
        "sides": draw(st.lists(st.integers(0, 5), min_size=3, max_size=3)),
    }


def value_at(data: dict[str, Any], x: float) -> float:
    """Return the leader's value at ``x``: for each z the follower moves w to an end of its interval."""
    best: list[tuple[float, float]] = []
    for z in range(3):
        low, high = 0.0, 2.0
        for (a, b, c), side in zip(data["rows"], data["sides"], strict=True):
            rest = side - a * x - b * z
            if c > 0:
                high = min(high, rest / c)
            elif c < 0:
                low = max(low, rest / c)
            elif rest < 0:
                high = -1.0
        if low <= high:
            cost, leader = data["follower"], data["leader"]
            best += [(cost[0] * z + cost[1] * w, leader[0] * x + leader[1] * z + leader[2] * w) for w in (low, high)]
    optimum = min((f for f, _ in best), default=np.inf)
    return min((F for f, F in best if f <= optimum + 1e-12), default=np.inf)


@settings(max_examples=40)
@given(mixed_games())
def test_random_mixed_games_with_a_continuous_leader(data: dict[str, Any]):
    """The bound is nowhere above the infimum over a fine grid, and the point is as good as it up to epsilon."""
    grid = np.arange(0, 3 * 60 + 1) / 60
    near = np.clip(np.concatenate([grid, grid - 1e-7, grid + 1e-7]), 0, 3)
    infimum = min(value_at(data, x) for x in near)
    m = game("mixed")
    x = m.x = pyo.Var(bounds=(0, 3))
    z = m.follower.z = pyo.Var(bounds=(0, 2), domain=pyo.Integers)
    w = m.follower.w = pyo.Var(bounds=(0, 2))
    kept = [(r, s) for r, s in zip(data["rows"], data["sides"], strict=True) if any(r)]
    rows(m.follower, *(r[0] * x + r[1] * z + r[2] * w <= s for r, s in kept))
    minimise(m.follower, data["follower"][0] * z + data["follower"][1] * w)
    minimise(m, data["leader"][0] * x + data["leader"][1] * z + data["leader"][2] * w)
    solution = bl.solve(m, gap=1e-5)
    assert solution.bound <= infimum + 1e-5
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective <= infimum + 1e-3
    assert solution.bound >= infimum - 0.06
