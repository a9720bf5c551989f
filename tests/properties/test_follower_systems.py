"""The optimality conditions derived by sympy from the user's expressions are those of the arrays, term by term."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
import sympy
from hypothesis import given, settings

import bilevel as bl
from bilevel.explanation.follower_systems import FollowerSystem, follower_system
from bilevel.explanation.symbols import Symbols
from bilevel.language.read import Game as ReadGame
from bilevel.language.read import read
from bilevel.language.walk import walk
from bilevel.testing import Game, declare, games
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.programs import Role


def systems_of(m: pyo.ConcreteModel, symbols: Symbols) -> dict[str, FollowerSystem]:
    players = [player for player in walk(m).players if player.role == Role.FOLLOWER]
    return {player.name: follower_system(player, symbols) for player in players}


def multipliers_of(game: ReadGame, system: FollowerSystem) -> dict[tuple[int, int], sympy.Symbol]:
    """Return the symbol behind each position among the game's multipliers, with the sign of its side.

    Rows come first, then lower, then upper bounds; the upper side of a row is its negative part.
    """
    n, m = len(game.variables), len(game.constraints)
    found = {}
    for one in system.conditions:
        sign = 1 if one.side == "lower" else -1
        if id(one.source) in game.row_of:
            found[game.row_of[id(one.source)], sign] = one.multiplier
        else:
            found[m + game.column_of[id(one.source)] + (0 if sign > 0 else n), sign] = one.multiplier
    return found


def is_zero(expression: Any) -> bool:
    return all(abs(value) <= 1e-9 for value in sympy.Poly(expression).coeffs()) if expression != 0 else True


def assert_same_systems(game: ReadGame, systems: dict[str, FollowerSystem], symbols: Symbols) -> Counter[str]:
    """Compare stationarity, slacks and signs of multipliers, nothing more and nothing less on either side."""
    seen: Counter[str] = Counter()
    canonical = Canonical().apply(game.program)
    mpec, back = KKT().apply(canonical.program).program, canonical.recover.matrix.tocsc()
    n, pairs = len(game.variables), mpec.complementarity
    names: list[Any] = [symbols.of(variable) for variable in game.variables]
    for k in range(len(pairs)):
        system = systems[game.program.players[int(pairs.owner[k])]]
        column = back[:, [n + k]].tocoo()
        sign = int(column.data[0]) * system.sense
        names.append(multipliers_of(game, system).pop((int(column.row[0]) - n, sign)))
    assert len(set(names)) == len(names)
    z = np.array(names, dtype=object)
    conditions = {one.multiplier: one for system in systems.values() for one in system.conditions}
    assert set(names[n:]) == set(conditions)
    for k, symbol in enumerate(names[n:]):
        begin, end = pairs.slack.indptr[k : k + 2]
        slack = sum(pairs.slack.data[begin:end] * z[pairs.slack.indices[begin:end]], -float(pairs.offset[k]))
        assert is_zero(sympy.expand(slack - conditions[symbol].slack))
        assert conditions[symbol].equality == bool(pairs.equality[k])
        seen["equality" if pairs.equality[k] else "inequality"] += 1
    slopes = {
        symbol: slope
        for system in systems.values()
        for symbol, slope in zip(system.symbols, system.stationarity, strict=True)
    }
    assert len(slopes) == len(mpec.stationarity.row)
    for row, column in zip(mpec.stationarity.row.tolist(), mpec.stationarity.column.tolist(), strict=True):
        begin, end = mpec.rows.matrix.indptr[row : row + 2]
        slope = sum(mpec.rows.matrix.data[begin:end] * z[mpec.rows.matrix.indices[begin:end]], 0.0)
        assert is_zero(sympy.expand(slope - mpec.rows.lower[row] - slopes[names[column]]))
    return seen


KINDS = {
    "linear": games(),
    "quadratic": games(curved=True),
    "two followers": games(followers=2, curved=True),
    "each other's columns": games(followers=2, coupled=True, curved=True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "examples", [10, pytest.param(50, marks=pytest.mark.long)], ids=["of 40 games", "of 200 games"]
)
def test_both_ways_to_the_conditions_agree(kind: str, examples: int):
    """All senses of rows, one-sided and fixed bounds, minimising and maximising followers."""
    seen: Counter[str] = Counter()

    @settings(max_examples=examples)
    @given(KINDS[kind])
    def agree(game: Game) -> None:
        m, symbols = declare(game), Symbols()
        systems = systems_of(m, symbols)
        seen.update(assert_same_systems(read(m), systems, symbols))
        seen.update(f"sense {player.sense}" for player in game.players)
        seen.update("range" for player in game.players for row in player.rows if -inf < row.lower < row.upper < inf)

    agree()
    assert min(seen[what] for what in ("equality", "inequality", "range", "sense 1", "sense -1")) >= 1


def test_a_wrong_sign_would_be_noticed():
    """The same rows with a maximising follower instead of a minimising one have another stationarity."""
    m, symbols = pyo.ConcreteModel(), Symbols()
    m.x = pyo.Var(bounds=(0, 1))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 2))
    m.f.least = pyo.Constraint(expr=m.f.y >= m.x)
    m.f.cost = pyo.Objective(expr=m.f.y)
    m.o = pyo.Objective(expr=m.x - m.f.y)
    systems = systems_of(m, symbols)
    m.f.cost.sense = pyo.maximize
    with pytest.raises((AssertionError, KeyError)):
        assert_same_systems(read(m), systems, symbols)
