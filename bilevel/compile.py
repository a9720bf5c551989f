"""From a Pyomo model to a compiled game."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyomo.environ as pyo
from pyomo.core.base.block import BlockData
from pyomo.core.base.constraint import Constraint, ConstraintData
from pyomo.core.base.var import Var, VarData

from bilevel.errors import InvalidGame, NoBound
from bilevel.methods import KKT, Branching, Method
from bilevel.pipeline import Image, compile_program, method_bounds
from bilevel.read import Game, read
from bilevel.write import to_pyomo, write
from reformulations.programs import BilevelProgram, MixedIntegerProgram


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A game and its single-level program.

    Attributes
    ----------
    game
        The model as read: arrays and the user's components.
    image
        The MPEC, the mixed-integer program, the bounds with their sources, and the way back.
    """

    game: Game
    image: Image

    @property
    def program(self) -> MixedIntegerProgram:
        """The single-level program, minimised, as arrays."""
        return self.image.program

    def to_pyomo(self) -> pyo.ConcreteModel:
        """Return the single-level program as a Pyomo model with the user's names."""
        return to_pyomo(self.program)

    def write(self, path: str) -> dict[str, str]:
        """Write the single-level program to ``path`` as MPS or LP, by its ending; return what had to be renamed."""
        return write(self.program, path)


def compile_game(model: BlockData, *, method: Method | str = "auto", threads: int | None = None) -> Compiled:
    """Compile a game to one mixed-integer program.

    Parameters
    ----------
    model
        A Pyomo model with followers.
    method
        ``"auto"`` or a value such as ``bl.KKT(complementarity=bl.BigM(bounds=...))``.
    threads
        Threads of HiGHS for the linear programs that derive bounds.

    Raises
    ------
    InvalidGame
        When the model is not a game.
    NotApplicable
        When the game does not fit the method; names the component and the way out.
    InfeasibleGame
        When deriving the bounds shows that the game has no feasible point.
    """
    return compile_read(read(model), method, threads)


def compile_read(game: Game, method: Method | str, threads: int | None = None) -> Compiled:
    """Compile a game that has been read; the automatic method branches where a bound that big-M needs is missing."""
    chosen = chosen_method(method)
    if isinstance(method, str):
        return Compiled(game, compile_automatically(game.program, threads))
    given = given_bounds(game, method_bounds(chosen))
    return Compiled(game, compile_program(game.program, chosen, given, threads=threads))


def compile_automatically(program: BilevelProgram, threads: int | None = None) -> Image:
    """Compile by the KKT system with derived big-M; branch where a bound that big-M needs is missing."""
    try:
        return compile_program(program, KKT(), threads=threads)
    except NoBound as missing:
        image = compile_program(program, Branching(), threads=threads)
        why = f"branching on complementarities, for want of a big-M: {missing.where}: {missing.reason.split(';')[0]}"
        return replace(image, notes=(*image.notes, why))


def chosen_method(method: Method | str) -> Method:
    """Return the method itself; ``"auto"`` begins with the KKT system with derived big-M."""
    if isinstance(method, str):
        if method != "auto":
            raise InvalidGame(f'method={method!r}: give "auto", or a value such as bl.KKT() or bl.StrongDuality()')
        return KKT()
    return method


def given_bounds(game: Game, bounds: Any) -> Mapping[int, tuple[float, float]] | float | None:
    """Return the user's bounds by position among the multipliers of the source."""
    if bounds is None or isinstance(bounds, (int, float)):
        return bounds
    n, m = len(game.variables), len(game.constraints)
    given: dict[int, tuple[float, float]] = {}
    for component, value in bounds.items():
        low, high = (-abs(value), abs(value)) if isinstance(value, (int, float)) else value
        for data in _members(component):
            if isinstance(data, ConstraintData):
                given[game.row(data)] = (low, high)
            elif isinstance(data, VarData):
                column = game.column(data)
                given[m + column] = given[m + n + column] = (low, high)
            else:
                raise InvalidGame(f"BigM(bounds=...): {data} is neither a constraint nor a variable of a follower")
    return given


def _members(component: Any) -> list[Any]:
    indexed = isinstance(component, (Constraint, Var)) and component.is_indexed()
    return list(component.values()) if indexed else [component]
