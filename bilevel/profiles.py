"""What a sweep gives: one solution a value, and curves over the values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bilevel.errors import InvalidGame
from bilevel.printing import html, number, plain
from bilevel.solution import Solution
from reformulations.programs import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LINES = 30


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One point of a sweep: the values, in the order of the keys, and the solution there.

    Where a follower has no response, or rows contradict each other, ``solution`` is None and ``reason`` says so.
    """

    values: tuple[float, ...]
    solution: Solution | None
    reason: str = ""

    @property
    def status(self) -> str:
        """Status of the solution; ``"infeasible"`` where there is none."""
        return "infeasible" if self.solution is None else self.solution.status

    @property
    def objective(self) -> float:
        """The leader's objective; not a number where there is none."""
        found = None if self.solution is None else self.solution.objective
        return np.nan if found is None else found


@dataclass(frozen=True, slots=True, repr=False)
class Profiles(Sequence[SweepPoint]):
    """The points of a sweep in order, ``keys`` being the names of what was swept."""

    keys: tuple[str, ...]
    points: tuple[SweepPoint, ...]

    @overload
    def __getitem__(self, index: int) -> SweepPoint: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SweepPoint, ...]: ...
    def __getitem__(self, index: int | slice) -> SweepPoint | tuple[SweepPoint, ...]:
        return self.points[index]

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[SweepPoint]:
        return iter(self.points)

    @property
    def values(self) -> Floats:
        """What was swept ``(points, keys)``."""
        return np.array([point.values for point in self.points]).reshape(len(self.points), len(self.keys))

    @property
    def objective(self) -> Floats:
        """The leader's objective ``(points,)``; not a number where there is none."""
        return np.array([point.objective for point in self.points])

    def value(self, variable: Any) -> Floats:
        """Return the curve ``(points,)`` of a variable; not a number where there is no solution."""
        return self._curve(lambda solution: solution.value(variable))

    def multiplier(self, row: Any, **bound: Any) -> Floats:
        """Return the curve ``(points,)`` of a follower's multiplier, as :meth:`Solution.multiplier` gives it."""
        return self._curve(lambda solution: solution.multiplier(row, **bound))

    def _curve(self, of: Any) -> Floats:
        known = (None if one.solution is None or one.solution.point is None else one.solution for one in self.points)
        return np.array([np.nan if solution is None else of(solution) for solution in known])

    def plot(self) -> Figure:
        """Return a figure of the leader's objective over what was swept.

        One key gives a curve, with points that are not proven marked; two give one curve for each value of the first.
        Needs matplotlib, which the extra ``plots`` installs.

        Raises
        ------
        ModuleNotFoundError
            Without matplotlib.
        InvalidGame
            With more than two keys.
        """
        from matplotlib.figure import Figure

        if len(self.keys) not in (1, 2):
            raise InvalidGame(f"a sweep over {len(self.keys)} quantities has no curve; sweep over one or two")
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        swept, height = self.values, self.objective
        groups = np.unique(swept[:, 0]) if len(self.keys) > 1 else [None]
        for group in groups:
            mine = np.ones(len(self), bool) if group is None else swept[:, 0] == group
            label = None if group is None else f"{self.keys[0]} = {group:g}"
            axes.plot(swept[mine, -1], height[mine], marker=".", label=label)
        open_ends = np.array([point.status != "optimal" for point in self.points])
        if open_ends.any():
            axes.plot(swept[open_ends, -1], height[open_ends], "x", color="grey", label="not proven")
        axes.set_xlabel(self.keys[-1])
        axes.set_ylabel("leader's objective")
        if len(groups) > 1 or open_ends.any():
            axes.legend()
        return figure

    def __rich__(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for key in (*self.keys, "objective", "bound", "status"):
            table.add_column(key, justify="right")
        for point in self.points[:_MOST_LINES]:
            bound = None if point.solution is None else point.solution.bound
            cells = [*map(number, point.values), number(point.objective), number(bound)]
            table.add_row(*cells, point.status.replace("_", " "))
        more = len(self) - _MOST_LINES
        return table if more <= 0 else Group(table, Text(f"and {more} more points"))

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)
