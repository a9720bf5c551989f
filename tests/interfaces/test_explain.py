"""An explanation holds the facts of the game, in the user's names."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl


def tariff() -> pyo.ConcreteModel:
    """Prices for two periods; each of two customers min sum price charge, sum charge >= 5, 0 <= charge <= 4."""
    m = pyo.ConcreteModel()
    m.price = pyo.Var([1, 2], bounds=(1, 3))
    m.mean = pyo.Constraint(expr=m.price[1] + m.price[2] <= 4)

    @m.Follower(["a", "b"])
    def customer(customer: pyo.Block, name: str) -> None:
        customer.charge = pyo.Var([1, 2], bounds=(0, 4))
        customer.need = pyo.Constraint(expr=customer.charge[1] + customer.charge[2] >= 5)
        customer.bill = pyo.Objective(expr=sum(m.price[t] * customer.charge[t] for t in (1, 2)))

    m.income = pyo.Objective(
        expr=sum(m.price[t] * m.customer[name].charge[t] for t in (1, 2) for name in ("a", "b")), sense=pyo.maximize
    )
    return m


def test_players_are_listed_with_what_they_decide_and_take_as_given() -> None:
    explanation = bl.explain(tariff())
    leader, one, other = explanation.players
    assert (leader.player, leader.sense, leader.variables, leader.rows) == (
        "leader",
        "maximise",
        ("price (2)",),
        ("mean",),
    )
    assert (one.player, one.sense, one.variables) == ("customer[a]", "minimise", ("customer[a].charge (2)",))
    assert one.uses == ("price (2) in its objective",)
    assert other.rows == ("customer[b].need",)


def test_sizes_are_those_of_game_and_program() -> None:
    """2 prices and 4 charges, 3 rows of 2 nonzeros.

    Prices are positive, so the need is always met exactly; then charge >= 1, and no lower bound is ever active:
    the four upper bounds have a binary.
    """
    m = tariff()
    game, program = bl.explain(m).sizes
    compiled = bl.compile(m)
    assert (game.columns, game.rows, game.nonzeros) == (6, 3, 6)
    assert (program.columns, program.rows) == (len(compiled.program.columns), len(compiled.program.rows))
    assert program.integers == 4


def test_multipliers_are_counted_by_the_source_of_their_bounds() -> None:
    """Each customer has a row and four bounds; 1 <= charge <= 4, so that an upper bound has slack 3."""
    lines = bl.explain(tariff()).bounds
    assert [line.player for line in lines] == ["customer[a]", "customer[b]"]
    for line in lines:
        assert sum(count for _, count in line.arguments) == 5
        assert all(argument.startswith("derived") for argument, _ in line.arguments)
        assert line.largest_slack is not None
        assert line.largest_slack[1] == pytest.approx(3, abs=0.01)


def test_given_bounds_are_named_as_assumed() -> None:
    """Multipliers of the upper bounds reach 2, the difference of the prices; 0.5 is tighter than what is derived."""
    method = bl.KKT(complementarity=bl.BigM(bounds=0.5))
    explanation = bl.explain(tariff(), method=method)
    assert any("given" in sentence for sentence in explanation.assumptions)
    assert "given (the user)" in str(explanation)


def test_text_says_which_products_became_linear() -> None:
    text = str(bl.explain(tariff()))
    assert "price[1]*customer[a].charge[1]" in text
    assert "linearised exactly" in text


def test_coupling_rows_and_rows_that_move_up_are_hints() -> None:
    m = tariff()
    m.grid = pyo.Constraint(expr=m.customer["a"].charge[1] + m.customer["b"].charge[1] <= 6)
    m.customer["b"].cheap = pyo.Constraint(expr=m.price[1] <= 2)
    coupling, moved = bl.explain(m).hints
    assert coupling.startswith("grid:")
    assert moved.startswith("customer[b].cheap:")


def test_compiled_game_explains_itself() -> None:
    m = tariff()
    assert bl.explain(bl.compile(m)).bounds == bl.explain(m).bounds


def test_refused_game_is_explained_with_the_refusal() -> None:
    """A customer that minimises minus the square of a charge is not convex."""
    m = tariff()
    m.customer["a"].bill.set_value(m.price[1] * m.customer["a"].charge[1] - m.customer["a"].charge[1] ** 2)
    explanation = bl.explain(m, bl.KKT())
    assert explanation.refusal is not None
    assert explanation.refusal.startswith("customer[a].charge[1]")
    assert len(explanation.players) == 3
    assert "refused" in str(explanation)


def test_notebooks_get_html() -> None:
    assert "customer[a]" in bl.explain(tariff())._repr_html_()
