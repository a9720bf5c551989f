"""Each planted conflict is named, and nothing else."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl


def market(need: float = 4.0) -> pyo.ConcreteModel:
    """A plant of the leader offers q <= 10 at price p; the market covers its need from it, or at 5 elsewhere.

    Market: min p q + 5 o, q + o >= need, q, o >= 0. For p < 5 it takes all from the leader. Leader: max (p - 1) q.
    """
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(0, 9))
    m.market = bl.Follower()
    m.market.q = pyo.Var(bounds=(0, 10))
    m.market.o = pyo.Var(bounds=(0, 100))
    m.market.need = pyo.Constraint(expr=m.market.q + m.market.o >= need)
    m.market.bill = pyo.Objective(expr=m.p * m.market.q + 5 * m.market.o)
    m.profit = pyo.Objective(expr=m.p * m.market.q - m.market.q, sense=pyo.maximize)
    return m


def the_finding(model: pyo.ConcreteModel) -> tuple[str, str, tuple[str, ...]]:
    diagnosis = bl.diagnose(model)
    assert diagnosis.verdict == "infeasible", str(diagnosis)
    assert len(diagnosis.findings) == 1, str(diagnosis)
    found = diagnosis.findings[0]
    return found.group, found.player, found.names


def test_a_game_with_a_solution_is_called_feasible():
    diagnosis = bl.diagnose(market())
    assert (diagnosis.verdict, diagnosis.findings) == ("feasible", ())
    assert "feasible" in str(diagnosis)


def test_contradictory_leader_rows():
    """Rows p <= 3 and p + x >= 15 with x <= 9: three sides, the follower has nothing to do with it."""
    m = market()
    m.x = pyo.Var(bounds=(0, 9))
    m.cap = pyo.Constraint(expr=m.p <= 3)
    m.floor = pyo.Constraint(expr=m.p + m.x >= 15)
    m.harmless = pyo.Constraint(expr=m.p + m.x >= 1)
    assert the_finding(m) == ("all rows", "leader", ("cap", "floor", "upper bound of x"))


def test_contradictory_follower_rows():
    """Rows q >= 8 and q <= 7 in the market itself."""
    m = market()
    m.market.least = pyo.Constraint(expr=m.market.q >= 8)
    m.market.most = pyo.Constraint(expr=m.market.q <= 7)
    assert the_finding(m) == ("follower rows", "market", ("market.least", "market.most"))


def test_follower_that_the_leader_s_box_shuts_out():
    """The market needs q >= 20 - p, but p <= 9 and q <= 10."""
    m = market()
    m.market.least = pyo.Constraint(expr=m.market.q + m.p >= 20)
    assert the_finding(m) == (
        "follower rows",
        "market",
        ("market.least", "upper bound of p", "upper bound of market.q"),
    )


def test_rows_of_two_players_that_contradict_each_other():
    """The market serves at least 4 + p of its need, the leader allows p >= 6 only and q + o <= 9."""
    m = market()
    m.market.more = pyo.Constraint(expr=m.market.q + m.market.o >= 4 + m.p)
    m.pricey = pyo.Constraint(expr=m.p >= 6)
    m.limit = pyo.Constraint(expr=m.market.q + m.market.o <= 9)
    assert the_finding(m) == ("all rows", "leader, market", ("pricey", "limit", "market.more"))


def test_only_the_follower_at_fault_is_named():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))

    @m.Follower([1, 2, 3])
    def ev(ev, n):
        ev.y = pyo.Var(bounds=(0, 5))
        ev.least = pyo.Constraint(expr=ev.y >= (7 if n == 2 else 1))
        ev.cost = pyo.Objective(expr=ev.y)

    m.cost = pyo.Objective(expr=m.x)
    assert the_finding(m) == ("follower rows", "ev[2]", ("ev[2].least", "upper bound of ev[2].y"))


def test_follower_without_a_best_response_names_the_variable():
    """Nothing bounds u from above, and each unit earns 2 whatever p is."""
    m = market()
    m.market.u = pyo.Var(bounds=(0, None))
    m.market.bill.deactivate()
    m.market.gain = pyo.Objective(expr=m.p * m.market.q + 5 * m.market.o - 2 * m.market.u)
    assert the_finding(m) == ("follower objective", "market", ("market.u",))


def test_direction_of_two_variables_that_only_move_together():
    """Max a - b with a <= b + 3 is bounded; max 2 a - b along a = b is not."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.f = bl.Follower()
    m.f.a, m.f.b, m.f.c = pyo.Var(bounds=(0, None)), pyo.Var(bounds=(0, None)), pyo.Var(bounds=(0, None))
    m.f.tie = pyo.Constraint(expr=m.f.a <= m.f.b + 3)
    m.f.gain = pyo.Objective(expr=2 * m.f.a - m.f.b - m.f.c, sense=pyo.maximize)
    m.cost = pyo.Objective(expr=m.x)
    group, player, names = the_finding(m)
    assert (group, player, set(names)) == ("follower objective", "f", {"f.a", "f.b"})


def test_follower_that_is_unbounded_for_some_prices_only_is_no_fault():
    """Min p y, y >= 0, -1 <= p <= 1: the leader must choose p >= 0, and can."""
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(-1, 1))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, None))
    m.f.cost = pyo.Objective(expr=m.p * m.f.y)
    m.goal = pyo.Objective(expr=m.p)
    assert bl.diagnose(m).verdict == "feasible"


def test_prices_at_which_the_follower_has_no_best_response():
    """Min p y, y >= 0: the leader's own row p <= -0.5 leaves no price at which y stays finite."""
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(-1, 1))
    m.negative = pyo.Constraint(expr=m.p <= -0.5)
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, None))
    m.f.cost = pyo.Objective(expr=m.p * m.f.y)
    m.goal = pyo.Objective(expr=m.p)
    group, _, names = the_finding(m)
    assert (group, names) == ("stationarity", ("negative", "stationarity of f.y"))


def test_coupling_row_that_no_best_response_satisfies():
    """With p <= 3 < 5: the market buys 4 from the leader and nothing elsewhere, who asks o >= 1.5: 1.5 is missing."""
    m = market()
    m.cheap = pyo.Constraint(expr=m.p <= 3)
    m.elsewhere = pyo.Constraint(expr=m.market.o >= 1.5)
    diagnosis = bl.diagnose(m)
    (found,) = diagnosis.findings
    assert (found.group, found.player, found.names) == ("coupling rows", "leader", ("elsewhere",))
    assert found.violations == pytest.approx((1.5,))
    assert "market.o = 0" in found.sentence


def test_two_coupling_rows_that_both_have_to_give_way():
    """Two markets as above; the leader asks o >= 1 of the first and o >= 2 of the second, q >= 1 of both."""
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(0, 3))

    @m.Follower([1, 2])
    def market(market, n):
        market.q, market.o = pyo.Var(bounds=(0, 10)), pyo.Var(bounds=(0, 10))
        market.need = pyo.Constraint(expr=market.q + market.o >= 4)
        market.bill = pyo.Objective(expr=m.p * market.q + 5 * market.o)

    m.elsewhere = pyo.Constraint([1, 2], rule=lambda m, n: m.market[n].o >= n)
    m.here = pyo.Constraint([1, 2], rule=lambda m, n: m.market[n].q >= 1)
    m.profit = pyo.Objective(expr=m.p, sense=pyo.maximize)
    diagnosis = bl.diagnose(m)
    (found,) = diagnosis.findings
    assert found.names == ("elsewhere[1]", "elsewhere[2]")
    assert found.violations == pytest.approx((1, 2))


def test_condition_on_a_total_is_named_instead_of_the_row_that_defines_the_total():
    """The total q + o is 4 at every best response with p > 0; the leader asks total >= 6."""
    m = market()
    m.worth = pyo.Constraint(expr=m.p >= 1)
    m.total = pyo.Var()
    m.adds = pyo.Constraint(expr=m.total == m.market.q + m.market.o)
    m.ask = pyo.Constraint(expr=m.total >= 6)
    assert the_finding(m) == ("coupling rows", "leader", ("ask",))


def test_one_row_is_blamed_where_one_is_enough():
    """The follower chooses y = 5; y <= 4 alone is broken by 1, and y + x <= 9 holds."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 5))
    m.f.gain = pyo.Objective(expr=m.f.y, sense=pyo.maximize)
    m.low = pyo.Constraint(expr=m.f.y <= 4)
    m.fine = pyo.Constraint(expr=m.f.y + m.x <= 9)
    m.cost = pyo.Objective(expr=m.x)
    assert the_finding(m) == ("coupling rows", "leader", ("low",))


def test_bound_of_a_multiplier_that_no_response_has():
    """The need is covered at 5 at most, so that its price is at most 5; the leader wants it to be 7 or more."""
    m = market()
    m.price = bl.Multiplier(m.market.need, bounds=(7, 20))
    diagnosis = bl.diagnose(m)
    (found,) = diagnosis.findings
    assert (found.group, found.player, found.names) == ("multiplier bounds", "leader", ("lower bound of price",))
    assert found.violations == pytest.approx((2,))
    assert "price = 5" in found.sentence


def test_row_on_a_multiplier_that_only_complementarity_excludes():
    """The plant covers the need of 4 at p <= 3, so its price is at most 3; without complementarity 4 would do."""
    m = market()
    m.cheap = pyo.Constraint(expr=m.p <= 3)
    m.price = bl.Multiplier(m.market.need)
    m.dear = pyo.Constraint(expr=m.price >= 4)
    diagnosis = bl.diagnose(m)
    (found,) = diagnosis.findings
    assert (found.group, found.names) == ("coupling rows", ("dear",))
    assert found.violations == pytest.approx((1,))
    assert "even without complementarity" not in found.sentence


def test_integers_are_named_where_they_are_the_cause():
    """2 x + 4 z == 7 has fractional solutions only; the row x + z <= 5 has nothing to do with it."""
    m = market()
    m.x, m.z = pyo.Var(bounds=(0, 9), domain=pyo.Integers), pyo.Var(bounds=(0, 9), domain=pyo.Integers)
    m.odd = pyo.Constraint(expr=2 * m.x + 4 * m.z == 7)
    m.small = pyo.Constraint(expr=m.x + m.z <= 5)
    diagnosis = bl.diagnose(m)
    (found,) = diagnosis.findings
    assert (found.group, found.player, found.names) == ("integrality", "leader", ("odd",))
    assert "x, z integer" in found.sentence


def test_integer_follower_that_can_never_respond():
    """0.2 <= k <= 0.8 holds no integer."""
    m = market()
    m.market.k = pyo.Var(bounds=(0, 3), domain=pyo.Integers)
    m.market.above = pyo.Constraint(expr=10 * m.market.k >= 2)
    m.market.below = pyo.Constraint(expr=10 * m.market.k <= 8)
    assert the_finding(m) == ("integrality", "market", ("market.above", "market.below"))


def test_product_of_a_binary_in_a_row_of_the_leader():
    """Only while b = 1 does p q count; the leader asks p b >= 10 of a price up to 9: b or not, it fails."""
    m = market()
    m.b = pyo.Var(domain=pyo.Binary)
    m.ask = pyo.Constraint(expr=m.p * m.b >= 10)
    group, player, names = the_finding(m)
    assert (group, player, names) == ("all rows", "leader", ("ask",))


def test_unbounded_game_names_what_moves():
    """The leader earns from x, which nothing bounds, and which the market follows: y = x."""
    m = pyo.ConcreteModel()
    m.x, m.w = pyo.Var(bounds=(0, None)), pyo.Var(bounds=(0, None))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, None))
    m.f.follow = pyo.Constraint(expr=m.f.y >= m.x)
    m.f.cost = pyo.Objective(expr=m.f.y)
    m.gain = pyo.Objective(expr=m.x - m.w, sense=pyo.maximize)
    diagnosis = bl.diagnose(m)
    assert diagnosis.verdict == "unbounded"
    (found,) = diagnosis.findings
    assert (found.group, found.player, set(found.names)) == ("leader objective", "leader", {"x", "f.y"})


def test_relaxation_that_is_unbounded_does_not_make_the_game_so():
    """Leader: max y; follower: min y, y >= 0: the response is 0, though without optimality y grows forever."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, None))
    m.f.cost = pyo.Objective(expr=m.f.y)
    m.gain = pyo.Objective(expr=m.f.y + m.x, sense=pyo.maximize)
    assert bl.diagnose(m).verdict == "feasible"


def test_followers_without_an_equilibrium():
    """Matching pennies: one wants a = b, the other a != b; on {0, 1}^2 no pure equilibrium, on [0, 1]^2 the middle.

    The leader forbids the middle, a <= 0.4: it is the leader's row that has to give way, by 0.1.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.one, m.two = bl.Follower(), bl.Follower()
    m.one.a, m.two.b = pyo.Var(bounds=(0, 1)), pyo.Var(bounds=(0, 1))
    m.one.match = pyo.Objective(expr=(2 * m.two.b - 1) * m.one.a, sense=pyo.maximize)
    m.two.differ = pyo.Objective(expr=(1 - 2 * m.one.a) * m.two.b, sense=pyo.maximize)
    m.low = pyo.Constraint(expr=m.one.a <= 0.4)
    m.cost = pyo.Objective(expr=m.x)
    diagnosis = bl.diagnose(m)
    (found,) = diagnosis.findings
    assert (found.group, found.names) == ("coupling rows", ("low",))
    assert found.violations == pytest.approx((0.1,))


def test_diagnosis_prints_as_text_and_html():
    m = market()
    m.market.most = pyo.Constraint(expr=m.market.q + m.market.o <= 3)
    diagnosis = bl.diagnose(m)
    assert str(diagnosis).splitlines()[0] == "infeasible: the game has no solution"
    assert "market.need, market.most cannot all hold" in str(diagnosis)
    assert "market.need" in diagnosis._repr_html_()


def test_uncertain_games_are_refused():
    m = market()
    m.u = bl.Uncertain()
    with pytest.raises(bl.NotApplicable, match="nature"):
        bl.diagnose(m)
