"""Ways to state a game otherwise keep its optimum and lead back to its points: held to it as reformulations are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings

from bilevel.language.read import read
from bilevel.testing import (
    Flipped,
    Game,
    Permuted,
    Redundant,
    assert_reformulates,
    badly_scaled,
    declare,
    games,
    price_games,
)
from bilevel.testing.assertions import FEW
from reformulations.equilibration import LARGEST, SMALLEST, better_units
from reformulations.programs import BilevelProgram
from reformulations.recovery import Reduced
from reformulations.scaling import Scaled

FACTORS = np.array([0.01, 0.25, 1.0, 3.0, 100.0])


@dataclass(frozen=True)
class By:
    """The relation that a random generator makes of a program."""

    make: Callable[[np.random.Generator, BilevelProgram], Scaled | Permuted | Flipped | Redundant]

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        random = np.random.default_rng([len(program.columns), len(program.rows)])
        return self.make(random, program).apply(program)


def units(random: np.random.Generator, program: BilevelProgram) -> Scaled:
    columns = np.where(program.columns.integer, 1.0, random.choice(FACTORS, len(program.columns)))
    objectives = np.concatenate([[1.0], random.choice(FACTORS, len(program.players) - 1)])
    return Scaled(random.choice(FACTORS, len(program.rows)), columns, objectives)


def order(random: np.random.Generator, program: BilevelProgram) -> Permuted:
    return Permuted(random.permutation(len(program.columns)), random.permutation(len(program.rows)))


def senses(random: np.random.Generator, program: BilevelProgram) -> Flipped:
    return Flipped(np.concatenate([[False], np.ones(len(program.players) - 1, bool)]))


def redundant(random: np.random.Generator, program: BilevelProgram) -> Redundant:
    return Redundant(np.arange(len(program.rows)), 2.0, float(random.integers(0, 2)))


@pytest.mark.parametrize("make", [units, order, senses, redundant], ids=lambda make: make.__name__)
def test_relations_keep_optimum_and_way_back(make: Callable[..., Scaled]):
    assert_reformulates(By(make), how=settings(FEW, max_examples=15))


@settings(max_examples=25)
@given(games(followers=2, coupled=True, curved=True))
def test_better_units_bring_data_back_from_bad_ones(game: Game):
    """Powers of ten away, the least-squares factors find data near one again."""
    program = read(declare(game)).program
    sizes = np.abs(np.concatenate([program.rows.matrix.data, program.rows.lower, program.rows.upper]))
    assert better_units(program) is None or sizes.max() > 1.0
    m, n = len(program.rows), len(program.columns)
    columns = np.where(program.columns.integer, 1.0, 10.0 ** (np.arange(n) % 3 * 3))
    bad = Scaled(10.0 ** (np.arange(m) % 2 * 6), columns, np.array([1.0, 1e-4, 1e6])).apply(program).program
    found = better_units(bad)
    if found is None:
        return
    again = found.apply(bad).program
    assert spread(again) < spread(bad)
    assert spread(again) <= LARGEST / SMALLEST


def spread(program: BilevelProgram) -> float:
    """Return largest by smallest coefficient of rows and followers' objectives."""
    parts = [program.rows.matrix.data, program.objectives.linear[1:].data, program.objectives.products.value]
    sizes = np.abs(np.concatenate(parts))
    sizes = sizes[sizes > 0]
    return float(sizes.max() / sizes.min()) if len(sizes) else 1.0


@settings(max_examples=25)
@given(badly_scaled(price_games()))
def test_bad_units_of_followers_leave_the_leaders_objective_alone(pair: tuple[Game, Game]):
    """Also where it holds the followers' prices times their quantities, at any decisions."""
    game, scaled = pair
    x, y = [0.5, -2.0][: len(game.lower)], [1.0, 3.0, -1.0, 2.0][: len(game.cost_of_followers)]
    assert scaled.objective(x, y) == pytest.approx(game.objective(x, y))
