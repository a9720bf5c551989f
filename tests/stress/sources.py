"""The games of the stress run: the problem library, the external cases, and random ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bilevel.read import read
from bilevel.testing import declare as declare_drawn
from bilevel.testing import games, optimum_of, price_games
from reformulations.programs import BilevelProgram, Names
from tests.problems.external import declare, load_case
from tests.problems.generated import coupled_game, price_game
from tests.problems.library import LIBRARY
from tests.properties.integer_games import consistent, declared, small_games
from tests.properties.integer_games import enumerated as enumerated_integers
from tests.stress.answers import Known

LINEAR, QUADRATIC = 1e-6, 1e-4
KINDS: dict[str, Any] = {
    "linear": games(),
    "quadratic": games(curved=True),
    "binary": games(binary=True),
    "two followers": games(followers=2),
    "coupled followers": games(followers=2, coupled=True),
    "coupled quadratic": games(followers=2, coupled=True, curved=True),
    "prices": price_games(),
    "integers": small_games().filter(consistent),
}
LARGE = 40
"""Of so many random games one is large."""


@dataclass(frozen=True)
class Source:
    """A game, how exactly answers agree, and its optimum where that is known from elsewhere."""

    name: str
    program: BilevelProgram
    tolerance: float
    known: Known | None = None


def library() -> Iterator[Source]:
    """Yield the problems of the library."""
    for problem in LIBRARY:
        found = problem()
        program = arrays_of(found.model)
        yield Source(problem.__name__, program, tolerance(program), Known(found.optimum))


def external(folder: Path) -> Iterator[Source]:
    """Yield the external cases with linear rows; the derived ones have hundreds of complementarities and come last."""
    for path in [*sorted((folder / "continuous").glob("*.json")), *sorted((folder / "derived").glob("*.json"))]:
        case = load_case(path)
        program = arrays_of(declare(case))
        value = (case["optimum"].get("value") or {}).get("leader_obj")
        yield Source(path.stem, program, tolerance(program), None if value is None else Known(value))


def generated(count: int, seed_: int) -> Iterator[Source]:
    """Yield random games of all kinds in turn, and now and then a large one."""
    kinds = list(KINDS)
    drawn = {kind: iter(_examples(KINDS[kind], -(-count // len(kinds)), seed_)) for kind in kinds} if count else {}
    for k in range(count):
        if k % LARGE == LARGE - 1:
            large = coupled_game(30, seed_ + k) if k % (2 * LARGE) == LARGE - 1 else price_game("T8K1", seed_ + k)
            yield Source(f"large {k}", arrays_of(large.model()), LINEAR)
            continue
        kind = kinds[k % len(kinds)]
        data = next(drawn[kind])
        if kind == "integers":
            yield Source(f"{kind} {k}", arrays_of(declared(data)), LINEAR, Known(enumerated_integers(data)))
            continue
        program = arrays_of(declare_drawn(data))
        yield Source(f"{kind} {k}", program, tolerance(program), Known(optimum_of(data)))


def _examples(strategy: st.SearchStrategy[Any], count: int, seed_: int) -> list[Any]:
    found: list[Any] = []

    @seed(seed_)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return (found * -(-count // len(found)))[:count]


def arrays_of(model: pyo.ConcreteModel) -> BilevelProgram:
    """Return the game as arrays, with names that outlive the model."""
    program = read(model).program
    return replace(
        program,
        columns=replace(program.columns, names=Names.of(list(program.columns.names))),
        rows=replace(program.rows, names=Names.of(list(program.rows.names))),
    )


def tolerance(program: BilevelProgram) -> float:
    """Return up to which relative difference answers agree: squares are solved less exactly."""
    terms = program.objectives.products
    same = program.column_owner[terms.left] == program.column_owner[terms.right]
    return QUADRATIC if bool(np.any(same)) or len(program.rows.products) else LINEAR
