"""From a Pyomo model to a compiled game."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import nan
from numbers import Real
from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo
from pyomo.core.base.block import BlockData
from pyomo.core.base.constraint import Constraint, ConstraintData
from pyomo.core.base.var import Var, VarData

from bilevel.compiler.edits import Watch
from bilevel.compiler.pipeline import Image, Solver, compile_program, method_bounds
from bilevel.compiler.units import Given, compiled_restated
from bilevel.compiler.write import to_pyomo, write
from bilevel.errors import BilevelError, InvalidGame, NoBound, NotApplicable, OutOfTime
from bilevel.language.read import Game, read
from bilevel.methods import KKT, SOS1, Branching, Indicator, Method
from bilevel.search.first_incumbent import first_incumbent
from bilevel.search.tightening import proof
from bilevel.search.warm_start import values_of
from bilevel.solvers import scip
from bilevel.solvers.answer import Limits
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.outcome import MipProgress
from reformulations import refusal
from reformulations.conic.cone_rows import follower_cones
from reformulations.programs import BilevelProgram, MixedIntegerProgram
from reformulations.spatial import SpatialProgram

if TYPE_CHECKING:
    from bilevel.solution import Solution

SOLVERS = ("auto", "highs", "scip")

CUTOFF_SECONDS = 0.5
"""Time to look for a point by which multipliers are bounded that nothing else bounds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How a game was compiled: arguments of :func:`compile_game`."""

    method: Method | str = "auto"
    threads: int | None = None
    solver: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What re-compiling knows: what coefficients depend on, and a game with its image from before the last edits."""

    watch: Watch
    program: BilevelProgram
    image: Image


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A game and its single-level program.

    Attributes
    ----------
    game
        The model as read: arrays and the user's components.
    image
        The MPEC, the mixed-integer program, the bounds with their sources, and the way back.
    why
        Why the method was chosen; empty where it was asked for.
    asked
        How it was compiled.
    history
        What :meth:`update` has learned about the model; None before the first one.
    """

    game: Game
    image: Image
    why: str = ""
    asked: Asked = field(default_factory=Asked)
    history: History | None = None

    @property
    def program(self) -> MixedIntegerProgram | SpatialProgram:
        """The single-level program, minimised, as arrays."""
        return self.image.program

    def update(self) -> Compiled:
        """Return the game compiled again after edits of its model, reading and deriving only what they touch.

        See :func:`bilevel.compiler.update.updated`; the answer is that of compiling the edited model anew.
        """
        from bilevel.compiler.update import updated

        return updated(self)

    def solve(
        self,
        *,
        gap: float = 1e-6,
        time_limit: float | None = None,
        threads: int | None = None,
        progress: Callable[[MipProgress], None] | None = None,
        warmstart: bool = False,
    ) -> Solution:
        """Solve the game as it is compiled and load the values into the model's variables.

        Parameters are those of :func:`bilevel.solve`. Edits of the model count after :meth:`update`.
        """
        from bilevel.solve import solve_compiled

        values = values_of(self.game) if warmstart else None
        return solve_compiled(self, Limits(gap, time_limit, threads, progress, values=values).checked())

    def to_pyomo(self) -> pyo.ConcreteModel:
        """Return the single-level program as a Pyomo model with the user's names."""
        return to_pyomo(self.program)

    def write(self, path: str) -> dict[str, str]:
        """Write the single-level program to ``path`` as MPS or LP, by its ending; return what had to be renamed."""
        return write(self.program, path)


def compile_game(
    model: BlockData, *, method: Method | str = "auto", solver: str = "auto", threads: int | None = None
) -> Compiled:
    """Compile a game to one mixed-integer program.

    Parameters
    ----------
    model
        A Pyomo model with followers.
    method
        ``"auto"`` or a value such as ``bl.KKT(complementarity=bl.BigM(bounds=...))``.
    solver
        ``"highs"``, ``"scip"`` (an extra), or ``"auto"``: SCIP for what HiGHS cannot take.
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
    compiled = compile_read(read(model), method, threads, solver)
    return replace(compiled, asked=Asked(method, threads, solver))


def compile_read(
    game: Game,
    method: Method | str,
    threads: int | None = None,
    solver: str = "auto",
    deadline: Deadline | None = None,
) -> Compiled:
    """Compile a game that has been read.

    Raises
    ------
    OutOfTime
        When the ``deadline`` passes before.
    """
    _refuse_cones(game)
    chosen = chosen_method(method)
    by = chosen_solver(solver, chosen)
    automatic = isinstance(method, str)
    given = given_bounds(game, method_bounds(chosen))

    def compiled(arrays: BilevelProgram, ranges: Given) -> Image:
        if by == "scip":
            how = KKT(SOS1()) if automatic else chosen
            return compile_program(arrays, how, ranges, threads=threads, solver="scip")
        if automatic:
            return _compiled_automatically(arrays, threads, solver, deadline)
        return _compiled_by(arrays, chosen, ranges, threads, deadline)

    return Compiled(game, compiled_restated(game.program, given, compiled))


def _compiled_by(
    program: BilevelProgram, method: Method, given: Given, threads: int | None, deadline: Deadline | None
) -> Image:
    try:
        return compile_program(program, method, given, threads=threads, deadline=deadline)
    except NoBound as missing:
        image = _compiled_with_cutoff(program, method, given, threads, deadline)
        if image is None:
            raise missing from None
        return image


def _compiled_with_cutoff(
    program: BilevelProgram, method: Method, given: Given, threads: int | None, deadline: Deadline | None
) -> Image | None:
    """Compile with bounds that hold where the leader does at least as well as at a point found; None where none do."""
    try:
        searched = compile_program(program, Branching(), threads=threads)
        found = first_incumbent(searched, Limits(threads=threads), CUTOFF_SECONDS)
        if found is None or len(searched.mpec.products):
            return None
        value = searched.mpec.objective(found)
        image = compile_program(program, method, given, threads=threads, cutoff=value, deadline=deadline)
    except OutOfTime:
        raise
    except BilevelError:
        return None
    return replace(image, proof=(proof(image, value),), notes=(*image.notes, proof(image, value)))


def _compiled_automatically(
    program: BilevelProgram, threads: int | None, solver: str, deadline: Deadline | None
) -> Image:
    try:
        return compile_automatically(program, threads, deadline)
    except NotApplicable as refused:
        if solver == "highs":
            raise
        return _for_scip(program, refused, threads)


def compile_automatically(
    program: BilevelProgram, threads: int | None = None, deadline: Deadline | None = None
) -> Image:
    """Compile for HiGHS by the KKT system with derived big-M; branch where a bound that big-M needs is missing."""
    try:
        return compile_program(program, KKT(), threads=threads, deadline=deadline)
    except NoBound as missing:
        image = compile_program(program, Branching(), threads=threads)
        why = f"branching on complementarities, for want of a big-M: {missing.where}: {missing.reason.split(';')[0]}"
        return replace(image, notes=(*image.notes, why))


def _for_scip(program: BilevelProgram, refused: NotApplicable, threads: int | None) -> Image:
    """Compile for spatial branch and bound what HiGHS cannot take; raise what was refused where that is no way out."""
    try:
        image = compile_program(program, KKT(SOS1()), threads=threads, solver="scip")
    except NotApplicable:
        raise refused from None
    reason = refused.reason.split(";")[0]
    if not scip.is_installed():
        raise type(refused)(refused.where, f"{reason}; SCIP would solve it: {scip.EXTRA}") from refused
    why = f"spatial branch and bound by SCIP, for want of a linear form: {refused.where}: {reason}"
    return replace(image, notes=(*image.notes, why))


def chosen_solver(solver: str, method: Method) -> Solver:
    """Return who solves: SCIP where it is asked for, or where its sets or indicators are.

    Raises
    ------
    InvalidGame
        For another name, and where solver and method contradict each other.
    NotApplicable
        When SCIP is needed and not installed.
    """
    if solver not in SOLVERS:
        raise InvalidGame(f'solver={solver!r}: give "auto", "highs" or "scip"')
    needed = isinstance(method, KKT) and isinstance(method.complementarity, SOS1 | Indicator)
    if needed and solver == "highs":
        raise InvalidGame(f'solver="highs" takes no {method}; give solver="scip", or bl.Branching()')
    if solver == "scip" and isinstance(method, Branching):
        raise InvalidGame('bl.Branching() is solved by HiGHS; for solver="scip" give bl.KKT(complementarity=bl.SOS1())')
    if not needed and solver != "scip":
        return "highs"
    if not scip.is_installed():
        raise NotApplicable("SCIP", f"it is asked for and not installed: {scip.EXTRA}")
    return "scip"


def _refuse_cones(game: Game) -> None:
    try:
        rows = follower_cones(game.program)
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused
    for row in rows[:1]:
        raise NotApplicable(
            game.program.rows.names[int(row)],
            "convex quadratic rows are solved by a sequence of programs with tangents and have no single linear image; "
            "use bl.solve",
        )


def chosen_method(method: Method | str) -> Method:
    """Return the method itself; ``"auto"`` begins with the KKT system with derived big-M."""
    if isinstance(method, Method):
        return method
    if method != "auto":
        raise InvalidGame(f'method={method!r}: give "auto", or a value such as bl.KKT() or bl.StrongDuality()')
    return KKT()


def given_bounds(game: Game, bounds: Any) -> Given:
    """Return the user's bounds by position among the multipliers of the source."""
    if bounds is None:
        return None
    if isinstance(bounds, Real):
        return _range_of(bounds)[1]
    if not isinstance(bounds, Mapping):
        raise InvalidGame(
            f"BigM(bounds={bounds!r}): give a number, or a mapping from followers' rows to numbers or ranges"
        )
    n, m = len(game.variables), len(game.constraints)
    given: dict[int, tuple[float, float]] = {}
    for component, value in bounds.items():
        low, high = _range_of(value)
        for data in _members(component):
            if isinstance(data, ConstraintData):
                given[game.row(data)] = (low, high)
            elif isinstance(data, VarData):
                column = game.column(data)
                given[m + column] = given[m + n + column] = (low, high)
            else:
                raise InvalidGame(f"BigM(bounds=...): {data} is neither a constraint nor a variable of a follower")
    return given


def _range_of(bound: Any) -> tuple[float, float]:
    """Return a bound that somebody gave as a range; a number is one of the absolute value."""
    try:
        low, high = (-abs(float(bound)), abs(float(bound))) if isinstance(bound, Real) else map(float, bound)
    except (TypeError, ValueError):
        low, high = nan, nan
    if not low <= high:
        raise InvalidGame(f"BigM(bounds=...): {bound!r} is neither a number nor a range (low, high)")
    return float(low), float(high)


def _members(component: Any) -> list[Any]:
    indexed = isinstance(component, (Constraint, Var)) and component.is_indexed()
    return list(component.values()) if indexed else [component]
