"""Games by Pyomo's transformations: the image is a model that any solver takes."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl


def seller() -> pyo.ConcreteModel:
    """Leader: max (p - 1) q, 0 <= p <= 9. Buyer: min p q + 5 o, q + o >= 4, 0 <= q, o <= 10: all of it up to p = 5.

    Optimum: p = 5, q = 4, profit 16; one more unit of need costs the buyer 5.
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


def guard() -> pyo.ConcreteModel:
    """Leader: min y - x / 2 with x binary. Follower: max y, y <= 3 - 2 x, 0 <= y <= 5: y = 1 at x = 1, value 1/2."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Binary)
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 5))
    m.f.cap = pyo.Constraint(expr=m.f.y + 2 * m.x <= 3)
    m.f.most = pyo.Objective(expr=m.f.y, sense=pyo.maximize)
    m.goal = pyo.Objective(expr=m.f.y - 0.5 * m.x)
    return m


@pytest.mark.parametrize("solver", ["appsi_highs", "highs"])
def test_image_in_place_is_solved_by_solvers_of_pyomo(solver: str) -> None:
    m = seller()
    pyo.TransformationFactory("bilevel.kkt").apply_to(m)
    pyo.SolverFactory(solver).solve(m)
    assert (m.p.value, m.buyer.q.value, m.buyer.o.value) == pytest.approx((5, 4, 0), abs=1e-6)
    assert pyo.value(m.bilevel_kkt.objective) == pytest.approx(16)
    assert pyo.value(m.profit) == pytest.approx(16)


def test_image_apart_leaves_the_game_as_it_is() -> None:
    m = seller()
    image = pyo.TransformationFactory("bilevel.kkt").create_using(m)
    pyo.SolverFactory("appsi_highs").solve(image)
    assert image.p.value == pytest.approx(5)
    assert m.p.value is None
    assert bl.solve(m).objective == pytest.approx(16)


def test_strong_duality_has_no_binary_but_the_leaders() -> None:
    m = guard()
    pyo.TransformationFactory("bilevel.strong_duality").apply_to(m)
    pyo.SolverFactory("appsi_highs").solve(m)
    assert (m.x.value, m.f.y.value) == pytest.approx((1, 1))
    assert pyo.value(m.bilevel_strong_duality.objective) == pytest.approx(0.5)
    assert sum(not z.is_continuous() for z in m.bilevel_strong_duality.z.values()) == 1


def test_components_lead_to_the_image_and_back() -> None:
    m = seller()
    kkt = pyo.TransformationFactory("bilevel.kkt")
    kkt.apply_to(m)
    for variable in (m.p, m.buyer.q, m.buyer.o):
        assert kkt.get_src_variable(kkt.get_transformed_variable(variable)) is variable
    rows = kkt.get_transformed_constraints(m.buyer.need)
    assert rows[0].name == "bilevel_kkt.row['buyer.need']"
    assert len(rows) == 3  # itself, and the switches of its slack and of its multiplier
    assert all(kkt.get_src_constraint(row) is m.buyer.need for row in rows)
    stationarity = m.bilevel_kkt.row["stationarity of buyer.q"]
    assert kkt.get_src_constraint(stationarity) is m.buyer.q


def test_links_follow_a_clone() -> None:
    m = seller()
    kkt = pyo.TransformationFactory("bilevel.kkt")
    kkt.apply_to(m)
    twin = m.clone()
    assert kkt.get_src_variable(kkt.get_transformed_variable(twin.p)) is twin.p


def test_multipliers_have_the_followers_own_sign() -> None:
    """The need's price is 5; the follower of the guard maximises, one more unit of its cap is worth 1."""
    kkt = pyo.TransformationFactory("bilevel.kkt")
    m = seller()
    image = kkt.create_using(m)
    pyo.SolverFactory("appsi_highs").solve(image)
    kkt.load_multipliers(image)
    assert image.dual[image.buyer.need] == pytest.approx(5)
    other = guard()
    kkt.apply_to(other)
    pyo.SolverFactory("appsi_highs").solve(other)
    assert pyo.value(kkt.get_multiplier(other.f.cap)) == pytest.approx(1)
    assert pyo.value(kkt.get_multiplier(other.f.y, "lower")) == pytest.approx(0)


def test_bounds_of_the_user_go_into_the_image() -> None:
    """Within 4.9 for the need's multiplier the best price is 4.9."""
    m = seller()
    bounds = bl.BigM(bounds={m.buyer.need: 4.9})
    image = pyo.TransformationFactory("bilevel.kkt").create_using(m, complementarity=bounds)
    pyo.SolverFactory("appsi_highs").solve(image)
    assert image.p.value == pytest.approx(4.9)


def test_what_is_not_of_a_transformed_game_is_refused_by_name() -> None:
    m = seller()
    kkt = pyo.TransformationFactory("bilevel.kkt")
    with pytest.raises(bl.InvalidGame, match=r"buyer\.need: it has nothing"):
        kkt.get_transformed_constraints(m.buyer.need)
    kkt.apply_to(m)
    with pytest.raises(bl.InvalidGame, match="in it already"):
        kkt.apply_to(m)


def test_a_model_is_transformed_once() -> None:
    m = seller()
    pyo.TransformationFactory("bilevel.kkt").apply_to(m)
    with pytest.raises(bl.InvalidGame, match="in it already"):
        pyo.TransformationFactory("bilevel.strong_duality").apply_to(m)
