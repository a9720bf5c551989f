"""The games of the stress run: the problem library, the external cases, and random ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyomo.environ as pyo

from bilevel.language.read import read
from reformulations.programs import BilevelProgram, Names
from tests.problems.external import declare, declare_special, load_case, load_special
from tests.problems.library import LIBRARY
from tests.problems.tolls import toll_cases
from tests.stress.answers import Known

LINEAR, QUADRATIC = 1e-6, 1e-4


@dataclass(frozen=True)
class Source:
    """A game, how exactly answers agree, its optimum where that is known from elsewhere, and its place in the run."""

    name: str
    program: BilevelProgram
    tolerance: float
    known: Known | None = None
    number: int = 0


def library() -> Iterator[Source]:
    """Yield the problems of the library."""
    for problem in LIBRARY:
        found = problem()
        program = arrays_of(found.model)
        yield Source(problem.__name__, program, tolerance(program), Known(found.optimum))


def continuous(folder: Path) -> Iterator[Source]:
    """Yield the small external cases."""
    yield from _cases(folder / "continuous")


def derived(folder: Path) -> Iterator[Source]:
    """Yield the external cases of hundreds of complementarities."""
    yield from _cases(folder / "derived")


def _cases(folder: Path) -> Iterator[Source]:
    for path in sorted(folder.glob("*.json")):
        case = load_case(path)
        program = arrays_of(declare(case))
        value = (case["optimum"].get("value") or {}).get("leader_obj")
        yield Source(path.stem, program, tolerance(program), None if value is None else Known(value))


def special(folder: Path) -> Iterator[Source]:
    """Yield the external cases with multipliers, cones, integers; their values are compared by the acceptance tests."""
    for name, case in load_special(folder / "special.json").items():
        program = arrays_of(declare_special(case))
        yield Source(name, program, tolerance(program))


def tolls(folder: Path, groups: int = 4) -> Iterator[Source]:
    """Yield the networks with tolls and at most so many groups of drivers."""
    for case in toll_cases(folder / "toll"):
        if len(case.network["K"]) <= groups:
            yield Source(case.name, arrays_of(case.model()), LINEAR, Known(case.revenue))


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


def part(sources: Iterator[Source], first: int, last: int | None) -> Iterator[Source]:
    """Yield the sources from ``first`` to before ``last``; their factors depend on their place, so parts add up."""
    numbered = (replace(source, number=number) for number, source in enumerate(sources))
    yield from islice(numbered, first, last)
