"""A search beside the branch and bound: what it finds becomes an incumbent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import bilevel as bl
from bilevel.search.meanwhile import Meanwhile
from bilevel.search.optimise import pattern_of
from bilevel.solvers.answer import Limits
from bilevel.solvers.highs import PersistentHighs
from bilevel.solvers.outcome import HighsOptions
from reformulations.programs import Columns, Floats, MixedIntegerProgram, Names, Rows
from tests.problems.generated import price_game

LIMITS = Limits(threads=1)


def market_split(markets: int, products: int) -> tuple[MixedIntegerProgram, Floats]:
    """Min sum (over + under)  s.t.  A x + under - over = A x*, x binary (Cornuejols & Dawande 1999), and x*.

    The optimum is 0 at x*; branch and bound does not find it in a reasonable time.
    """
    random = np.random.default_rng(3)
    sizes, hidden = random.integers(0, 100, (markets, products)).astype(float), random.integers(0, 2, products)
    n = products + 2 * markets
    columns = Columns(
        np.zeros(n),
        np.concatenate([np.ones(products), np.full(2 * markets, np.inf)]),
        np.arange(n) < products,
        Names(n, "x{}".format),
    )
    matrix = sparse.csr_array(np.hstack([sizes, np.eye(markets), -np.eye(markets)]))
    sides = sizes @ hidden
    cost = np.concatenate([np.zeros(products), np.ones(2 * markets)])
    program = MixedIntegerProgram(columns, Rows(matrix, sides, sides, Names(markets, "market {}".format)), cost, 0.0)
    return program, np.concatenate([hidden, np.zeros(2 * markets)])


class Oracle:
    """Knows the answer at its third step."""

    def __init__(self, point: Floats) -> None:
        self.point, self.steps = point, 0

    def is_over(self) -> bool:
        return self.steps >= 3

    def step(self) -> Floats | None:
        self.steps += 1
        return self.point if self.steps == 3 else None


def test_what_is_found_beside_the_branch_and_bound_becomes_its_incumbent() -> None:
    program, hidden = market_split(4, 30)
    alone = PersistentHighs(program, HighsOptions(threads=1, time_limit=1.0)).solve()
    oracle = Oracle(hidden)
    helped = PersistentHighs(program, HighsOptions(threads=1, time_limit=20.0, meanwhile=oracle)).solve()
    assert alone.objective is not None
    assert alone.objective > 0.5
    assert oracle.steps == 3
    assert (helped.status, helped.objective) == ("optimal", pytest.approx(0, abs=1e-6))


def test_what_goes_wrong_beside_the_branch_and_bound_is_raised() -> None:
    class Broken(Oracle):
        def step(self) -> Floats | None:
            raise ArithmeticError("no step")

    program, hidden = market_split(4, 30)
    solver = PersistentHighs(program, HighsOptions(threads=1, time_limit=20.0, meanwhile=Broken(hidden)))
    with pytest.raises(ArithmeticError, match="no step"):
        solver.solve()


def test_steps_give_better_and_better_points_of_the_game() -> None:
    image = bl.compile(price_game("T24K2", 1).model(), method=bl.KKT()).image
    search = Meanwhile(image, None, 1, lambda point: np.concatenate([point, pattern_of(image, point)]))
    program, found = image.linear_program, []
    for _ in range(8):
        point = search.step()
        if point is not None:
            found.append(float(program.cost @ point))
            activity = program.rows.matrix @ point
            assert np.all(activity <= program.rows.upper + 1e-6)
            assert np.all(activity >= program.rows.lower - 1e-6)
    assert len(found) > 0
    assert np.all(np.diff(found) < 0)
    assert not search.is_over()
