"""The answer to a game: values, multipliers, bound and certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

import numpy as np
import pyomo.environ as pyo
from pyomo.core.base.constraint import Constraint, ConstraintData
from pyomo.core.base.var import Var, VarData
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bilevel.certificate.certify import Certificate
from bilevel.certificate.multiplier_ranges import multiplier_ranges
from bilevel.certificate.multiplier_table import (
    MultiplierTable,
    have_multipliers,
    multiplier_table,
    rows_with_multipliers,
)
from bilevel.errors import BilevelError, InvalidGame, NotApplicable
from bilevel.language.read import Game
from bilevel.printing import html, number, plain, residual
from reformulations.programs import Floats, Role

SolutionStatus = Literal["optimal", "feasible", "infeasible", "unbounded", "time_limit", "interrupted"]

_MOST_NOTES = 3
_COLOURS: dict[SolutionStatus, str] = {
    "optimal": "bold green",
    "feasible": "bold yellow",
    "time_limit": "bold yellow",
    "interrupted": "bold yellow",
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Solution:
    """What solving a game gave.

    Attributes
    ----------
    status
        ``"optimal"`` only when proven: the bound is closed and nothing was assumed; ``"interrupted"`` by Ctrl-C.
    objective, bound, gap
        The leader's objective at the point, its proven bound, both in the leader's own sense, and their
        distance relative to ``max(1, |objective|)``; None where there is none.
    certificate
        What was checked at the point; None without a point.
    seconds
        Wall-clock time.
    method
        How the game was solved, in words.
    notes
        What is worth knowing about the way.
    iterations
        Rounds of an iterative method; empty for others.
    game
        The components behind columns and rows.
    point
        Values and multipliers ``(n + m + 2 n,)``; None without a solution.
    """

    status: SolutionStatus
    objective: float | None
    bound: float | None
    gap: float | None
    certificate: Certificate | None
    seconds: float
    method: str
    game: Game
    point: Floats | None
    notes: tuple[str, ...] = ()
    iterations: tuple[Any, ...] = ()

    @property
    def values(self) -> Floats | None:
        """Values of the columns ``(n,)``, in the order of ``game.variables``; None without a solution."""
        return None if self.point is None else self.point[: len(self.game.variables)]

    def value(self, variable: Any) -> Any:
        """Return the value of a variable in this solution, whatever the model holds by now.

        An indexed variable gives a dict. Fixed variables have their fixed values.

        Raises
        ------
        BilevelError
            Without a solution.
        InvalidGame
            When the variable is not of this game.
        """
        if isinstance(variable, Var) and variable.is_indexed():
            return {index: self.value(member) for index, member in variable.items()}
        if not isinstance(variable, VarData):
            raise InvalidGame(f"{variable}: it is no variable; give one, and put expressions together from values")
        if variable.fixed and id(variable) not in self.game.column_of:
            return pyo.value(variable)
        return float(self._known_point()[self.game.column(variable)])

    def multiplier(self, component: Any, *, bound: Literal["lower", "upper"] = "upper") -> Any:
        """Return the multiplier of a follower's row, or of a bound of its variable.

        It is ``d(follower's optimum, in its own sense)/d(right-hand side)``: for a row, by all the sides
        it has; for a variable, by the bound that ``bound`` names. Indexed components give a
        dict, without their inactive members. At a degenerate response it is one of many: :meth:`multiplier_range`
        gives their interval, :meth:`multipliers` a table.

        Raises
        ------
        BilevelError
            Without a solution.
        InvalidGame
            When the component is not of a follower of this game.
        NotApplicable
            For followers with integer variables, and for those that are not convex.
        """
        if isinstance(component, (Constraint, Var)) and component.is_indexed():
            return {index: self.multiplier(member, bound=bound) for index, member in _members(component)}
        point, position = self._known_point(), self._position(component, bound)
        multiplier = float(point[len(self.game.variables) + position])
        if isnan(multiplier):
            raise BilevelError(
                f"{component.name}: its quadratic row has no finite multiplier, because both sides are zero there"
            )
        return multiplier

    def multiplier_range(self, component: Any, *, bound: Literal["lower", "upper"] = "upper") -> Any:
        """Return the least and the greatest value of a multiplier over all optimal ones of its follower.

        At a degenerate response a follower has many optimal multipliers, and :meth:`multiplier` is one of
        them. The ends are the one-sided derivatives of the follower's optimum by the right-hand side, at the
        decisions of the others; an infinite end says that beyond it the follower has no response at all. Two
        linear programs a multiplier. Indexed components give a dict, without their inactive members.

        Raises
        ------
        BilevelError
            Without a solution, and where the solution is not optimal for the follower.
        InvalidGame
            When the component is not of a follower of this game.
        NotApplicable
            For followers with integer variables, and for those that are not convex.
        """
        point, game = self._known_point(), self.game
        if isinstance(component, (Constraint, Var)) and component.is_indexed():
            members = list(_members(component))
            targets = np.array([self._position(member, bound) for _, member in members], np.int64)
            ends = multiplier_ranges(game.program, point, targets).tolist()
            return {index: (low, high) for (index, _), (low, high) in zip(members, ends, strict=True)}
        (low, high), *_ = multiplier_ranges(game.program, point, np.array([self._position(component, bound)])).tolist()
        return low, high

    def multipliers(self, *components: Any) -> MultiplierTable:
        """Return a table of multipliers, with the interval of each that is one of many.

        Prints as text, and in colour in a notebook. Of constraints it has their rows, of variables both bounds; without
        components, all rows of the followers that are convex and decide no integers. Two linear programs a line.

        Raises
        ------
        BilevelError, InvalidGame, NotApplicable
            As :meth:`multiplier_range` does.
        """
        program, point = self.game.program, self._known_point()
        wanted = [position for component in components for position in self._positions(component)]
        targets = np.array(wanted, np.int64) if components else rows_with_multipliers(program, self.certificate)
        return multiplier_table(program, point, targets)

    def _positions(self, component: Any) -> Iterator[int]:
        """Yield the positions of the multipliers of a constraint's rows, or of a variable's finite bounds."""
        for _, member in _members(component):
            if not isinstance(member, VarData):
                yield self._position(member, "")
                continue
            sides = zip(("lower", "upper"), member.bounds, strict=True)
            yield from (self._position(member, bound) for bound, value in sides if value is not None)

    def _position(self, component: Any, bound: str) -> int:
        """Return the position of a multiplier among those of the game's rows, lower and upper bounds."""
        game, n, m = self.game, len(self.game.variables), len(self.game.constraints)
        if isinstance(component, ConstraintData):
            row = game.row(component)
            self._refuse_without_multipliers(component.name, int(game.program.row_owner[row]))
            return row
        if isinstance(component, VarData):
            column = game.column(component)
            self._refuse_without_multipliers(component.name, int(game.program.column_owner[column]))
            return m + column + (n if bound == "upper" else 0)
        raise InvalidGame(f"{component}: only constraints and variables have multipliers")

    def _known_point(self) -> Floats:
        if self.point is None:
            raise BilevelError(f"the game has no solution to report (status {self.status})")
        return self.point

    def _refuse_without_multipliers(self, name: str, player: int) -> None:
        program = self.game.program
        if program.roles[player] != Role.FOLLOWER:
            raise InvalidGame(f"{name}: it belongs to {program.players[player]}; only followers have multipliers")
        if not have_multipliers(program, self.certificate)[player]:
            whole = program.columns.integer & (program.column_owner == player)
            why = [f"decides {program.columns.names[int(j)]}, an integer variable" for j in np.flatnonzero(whole)[:1]]
            raise NotApplicable(
                name,
                f"follower {program.players[player]} {(*why, 'is not convex')[0]}, so its optimum has no multipliers",
            )

    def __rich__(self) -> RenderableType:
        summary = Table(box=None, show_header=False, pad_edge=False)
        summary.add_column(style="bold")
        summary.add_column()
        summary.add_row("status", Text(self.status.replace("_", " "), _COLOURS.get(self.status, "bold red")))
        summary.add_row("objective", number(self.objective))
        summary.add_row("bound", number(self.bound))
        summary.add_row("gap", residual(None if self.gap is None else max(self.gap, 0.0)))
        summary.add_row("method", Text(self.method))
        summary.add_row("time", f"{self.seconds:.2f} s")
        if self.iterations:
            summary.add_row("rounds", str(len(self.iterations)))
        for note in self.notes[:_MOST_NOTES]:
            summary.add_row("note", Text(note))
        if len(self.notes) > _MOST_NOTES:
            summary.add_row("", f"and {len(self.notes) - _MOST_NOTES} more notes")
        return summary if self.certificate is None else Group(summary, Text(""), self.certificate)

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)


def _members(component: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the members of a component that take part, with their indices; a member is one itself."""
    members = component.items() if isinstance(component, Constraint | Var) else ((None, component),)
    return ((index, member) for index, member in members if _takes_part(member))


def _takes_part(member: Any) -> bool:
    if isinstance(member, ConstraintData):
        return bool(member.active)
    return not (isinstance(member, VarData) and member.fixed)
