"""What a game must not hold: each is refused in one sentence that names the component."""

from __future__ import annotations

from math import inf, nan

import pyomo.environ as pyo
import pytest
from pyomo.gdp import Disjunct, Disjunction
from pyomo.mpec import Complementarity, complements

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.game import Follower, Recourse, Uncertain
from bilevel.language.read import read


def price_game() -> pyo.ConcreteModel:
    """Price game: max p y, 0 <= p <= 1, where y solves min p y, 0 <= y <= 4."""
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(0, 1))
    m.f = Follower()
    m.f.y = pyo.Var(bounds=(0, 4))
    m.f.bill = pyo.Objective(expr=m.p * m.f.y)
    m.revenue = pyo.Objective(expr=m.p * m.f.y, sense=pyo.maximize)
    return m


def add_logic(m: pyo.ConcreteModel) -> None:
    m.yes = pyo.BooleanVar()
    m.odd = pyo.LogicalConstraint(expr=m.yes.lor(m.yes))


def add_special_ordered_set(m: pyo.ConcreteModel) -> None:
    m.z = pyo.Var([1, 2])
    m.odd = pyo.SOSConstraint(var=m.z, sos=1)


UNREADABLE = {
    "Disjunction": lambda m: m.add_component("odd", Disjunction(expr=[[m.p >= 1], [m.p <= 0]])),
    "Disjunct": lambda m: m.add_component("odd", Disjunct()),
    "SOSConstraint": add_special_ordered_set,
    "LogicalConstraint": add_logic,
    "ExternalFunction": lambda m: m.add_component("odd", pyo.ExternalFunction(lambda a: a)),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_components_that_cannot_be_read_are_refused(kind: str):
    m = price_game()
    UNREADABLE[kind](m)
    with pytest.raises(InvalidGame, match=rf"odd: an active component of type {kind} cannot be read; transform"):
        read(m)


def test_complementarity_of_the_leader_belongs_into_a_follower():
    m = price_game()
    m.odd = Complementarity(expr=complements(m.p >= 0, m.f.y >= 0))
    with pytest.raises(InvalidGame, match=r"odd: .* Complementarity cannot be read outside a follower; declare it in"):
        read(m)
    m.odd.deactivate()
    read(m)


@pytest.mark.parametrize("kind", ["Disjunct", "SOSConstraint", "LogicalConstraint"])
def test_components_that_cannot_be_read_may_stand_by_inactive(kind: str):
    m = price_game()
    UNREADABLE[kind](m)
    m.odd.deactivate()
    assert list(read(m).program.players) == ["leader", "f"]


def test_they_are_found_inside_followers():
    m = price_game()
    m.f.part = pyo.Block()
    m.f.part.odd = Disjunction(expr=[[m.p >= 1], [m.p <= 0]])
    with pytest.raises(InvalidGame, match=r"f\.part\.odd: an active component of type Disjunction"):
        read(m)


@pytest.mark.parametrize(
    ("expression", "term"),
    [
        (lambda p, y: p + pyo.exp(y), r"exp\(f\.y\)"),
        (lambda p, y: p * y * y, r"f\.y"),
        (lambda p, y: y**3 - p, r"f\.y\*\*3"),
        (lambda p, y: abs(y) + p, r"abs\(f\.y\)"),
        (lambda p, y: p / (1 + y), r"f\.y"),
        (lambda p, y: pyo.Expr_if(y >= 1, p, y), r"f\.y"),
    ],
)
def test_nonlinear_terms_are_refused_by_row(expression, term: str):
    m = price_game()
    m.row = pyo.Constraint([1, 2], rule=lambda m, i: m.p <= 1 if i == 1 else expression(m.p, m.f.y) <= 1)
    with pytest.raises(
        NotApplicable, match=rf"row\[2\]: the term .*{term}.* is neither linear nor a product"
    ) as caught:
        read(m)
    assert caught.value.where == "row[2]"


def test_nonlinear_objectives_are_refused_by_name():
    m = price_game()
    m.f.bill.expr = pyo.log(m.f.y)
    with pytest.raises(NotApplicable, match=r"f\.bill: the term log\(f\.y\) is neither linear nor a product"):
        read(m)


def second_objective(m: pyo.ConcreteModel) -> None:
    m.part = pyo.Block()
    m.part.again = pyo.Objective(expr=m.p)


def leaders_objective_in_the_follower(m: pyo.ConcreteModel) -> None:
    m.revenue.deactivate()
    m.f.revenue = pyo.Objective(expr=m.p * m.f.y, sense=pyo.maximize)


def objective_in_recourse(m: pyo.ConcreteModel) -> None:
    m.later = Recourse()
    m.later.cost = pyo.Objective(expr=m.p)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (second_objective, r"revenue, part\.again: the leader has more than one active objective"),
        (lambda m: m.revenue.deactivate(), r"the leader has no active objective.*f\.bill.*outside the followers"),
        (lambda m: m.f.bill.deactivate(), r"f: a follower needs an active objective"),
        (
            lambda m: m.f.add_component("also", pyo.Objective(expr=m.f.y)),
            r"f: a follower has one objective, but f\.bill, f\.also are active",
        ),
        (objective_in_recourse, r"later\.cost: recourse \(later\) has no objective of its own"),
        (lambda m: m.f.deactivate(), r"the model declares no active follower"),
    ],
)
def test_wrong_objectives_and_missing_players_are_refused(change, message: str):
    m = price_game()
    change(m)
    with pytest.raises(InvalidGame, match=message):
        read(m)


def test_an_objective_of_the_leader_in_the_followers_block_is_pointed_at():
    m = price_game()
    leaders_objective_in_the_follower(m)
    with pytest.raises(InvalidGame, match=r"f\.revenue.*outside the followers' blocks"):
        read(m)


def test_a_model_without_any_objective_gets_no_wrong_hint():
    m = price_game()
    m.revenue.deactivate()
    m.f.bill.deactivate()
    with pytest.raises(InvalidGame, match=r"the leader has no active objective; declare it"):
        read(m)


def test_a_game_needs_followers_or_nature():
    m = pyo.ConcreteModel()
    m.p = pyo.Var()
    m.cost = pyo.Objective(expr=m.p)
    with pytest.raises(InvalidGame, match="declares no active follower"):
        read(m)
    m.u = Uncertain(within="box")
    assert list(read(m).program.players) == ["leader", "nature"]


@pytest.mark.parametrize("number", [nan, inf])
@pytest.mark.parametrize(
    ("expression", "what"),
    [
        (lambda a, p, y: a * y + p, r"the coefficient of f\.y"),
        (lambda a, p, y: p + y + a, r"the constant term"),
        (lambda a, p, y: a * p * y, r"a coefficient of a product|the coefficient of p \* f\.y"),
        (lambda a, p, y: (y + 1) * (p + a), r"a coefficient of a product|the coefficient of f\.y"),
    ],
)
def test_coefficients_that_are_not_finite_are_refused_by_name(expression, what: str, number: float):
    m = price_game()
    m.a = pyo.Param(initialize=number, mutable=True)
    m.row = pyo.Constraint([1, 2], rule=lambda m, i: m.p <= 1 if i == 1 else expression(m.a, m.p, m.f.y) <= 1)
    with pytest.raises(InvalidGame, match=rf"row\[2\]: ({what}) is not a finite number; give"):
        read(m)


def test_objectives_with_coefficients_that_are_not_finite_are_refused():
    m = price_game()
    m.f.bill.expr = inf * m.f.y + m.p
    with pytest.raises(InvalidGame, match=r"f\.bill: the coefficient of f\.y is not a finite number"):
        read(m)


def test_a_variable_fixed_without_a_value_is_refused_where_it_is_used():
    m = price_game()
    m.q = pyo.Var()
    m.q.fix()
    m.row = pyo.Constraint(expr=m.q + m.p <= 1)
    with pytest.raises(InvalidGame, match=r"row: the constant term is not a finite number"):
        read(m)


@pytest.mark.parametrize(("side", "sense"), [(nan, "<="), (-inf, "<="), (inf, ">="), (inf, "==")])
def test_sides_that_are_not_finite_are_refused(side: float, sense: str):
    m = price_game()
    m.a = pyo.Param(initialize=side, mutable=True)
    m.row = pyo.Constraint(expr={"<=": m.p <= m.a, ">=": m.p >= m.a, "==": m.p == m.a}[sense])
    with pytest.raises(InvalidGame, match=r"row: a side is not a finite number"):
        read(m)


def test_contradicting_sides_are_refused():
    m = price_game()
    m.a = pyo.Param(initialize=3, mutable=True)
    m.row = pyo.Constraint(expr=(m.a, m.p + m.f.y, 1))
    with pytest.raises(InvalidGame, match=r"row: its lower side 3 is above its upper side 1"):
        read(m)


def test_sides_that_are_variables_are_refused():
    m = price_game()
    m.row = pyo.Constraint(expr=pyo.inequality(m.p, m.f.y, 3))
    with pytest.raises(InvalidGame, match=r"row: a range whose side is a variable.*split it"):
        read(m)


@pytest.mark.parametrize("expression", [lambda p, a: p * a <= -1, lambda p, a: p * a >= 1, lambda p, a: p * a == 1])
def test_violated_rows_without_variables_are_refused(expression):
    m = price_game()
    m.a = pyo.Param(initialize=0, mutable=True)
    m.f.row = pyo.Constraint(expr=expression(m.f.y, m.a))
    with pytest.raises(InvalidGame, match=r"f\.row: it has no variables and is violated by 1"):
        read(m)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"bounds": (2, 1)}, r"f\.z: its lower bound 2 is above its upper bound 1"),
        ({"bounds": (None, -1), "domain": pyo.NonNegativeReals}, r"f\.z: its lower bound 0 is above"),
        ({"bounds": (nan, 1)}, r"f\.z: a bound is not a finite number"),
        ({"bounds": (inf, None)}, r"f\.z: a bound is not a finite number"),
        ({"domain": {1, 5, 7}}, r"f\.z: its domain .* is neither an interval nor an interval of integers"),
        ({"domain": pyo.RangeSet(0, 10, 5)}, r"f\.z: its domain .* is neither"),
        ({"domain": pyo.Any}, r"f\.z: its domain Any is neither"),
    ],
)
def test_wrong_bounds_and_domains_are_refused(keywords, message: str):
    m = price_game()
    m.f.z = pyo.Var(**keywords)
    with pytest.raises(InvalidGame, match=message):
        read(m)


def test_variables_of_inactive_blocks_are_refused_by_name():
    m = price_game()
    m.g = Follower([1])
    m.g[1].z = pyo.Var()
    m.g.deactivate()
    m.row = pyo.Constraint(expr=m.p + m.g[1].z <= 1)
    with pytest.raises(InvalidGame, match=r"row: it uses g\[1\]\.z, which no active block of this model declares"):
        read(m)
    m.g[1].z.fix(0)
    assert list(read(m).program.rows.names) == ["row"]


def test_variables_of_other_models_are_refused_by_name():
    other = pyo.ConcreteModel(name="other")
    other.z = pyo.Var([1, 2])
    m = price_game()
    m.f.bill.expr = m.p * other.z[2]
    with pytest.raises(InvalidGame, match=r"f\.bill: it uses z\[2\], which no active block"):
        read(m)


def test_foreign_variables_in_products_are_refused_by_name():
    other = pyo.ConcreteModel(name="other")
    other.z = pyo.Var()
    m = price_game()
    m.row = pyo.Constraint(expr=m.p <= other.z * m.f.y)
    with pytest.raises(InvalidGame, match=r"row: it uses z, which no active block"):
        read(m)


def test_a_parameter_without_a_value_is_refused_by_row_and_name():
    m = price_game()
    m.a = pyo.Param([1, 2], mutable=True)
    m.row = pyo.Constraint(expr=m.p <= m.a[2])
    with pytest.raises(InvalidGame, match=r"row: a side is not a finite number \(.*a\[2\]\)"):
        read(m)


@pytest.mark.parametrize("model", [None, pyo.AbstractModel(name="rules only")])
def test_what_is_no_constructed_model_is_refused(model):
    with pytest.raises(InvalidGame, match="a game is a constructed Pyomo model"):
        read(model)
