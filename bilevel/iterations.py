"""The rounds of column-and-constraint generation, and how they are printed."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from rich.table import Table

from bilevel.printing import number, plain
from reformulations.programs import Floats

Kind = Literal["feasibility", "optimality"]


@dataclass(frozen=True, slots=True, eq=False)
class Iteration:
    """One round: the bounds after it and the scenario that answers its plan.

    Attributes
    ----------
    lower, upper
        Proven bounds of the robust optimum in the leader's own sense, ``lower <= upper``; infinite where unknown.
    scenario
        Nature's answer ``(k,)`` to the plan of this round.
    seconds
        Since the start.
    kind
        ``"feasibility"`` where the plan has no recourse in the scenario, ``"optimality"`` where it is the worst case.
    """

    lower: float
    upper: float
    scenario: Floats
    seconds: float
    kind: Kind

    @property
    def gap(self) -> float:
        """Distance of the bounds relative to the smaller of them, or to one where that is less."""
        # bounds that have met may cross by rounding
        return max(self.upper - self.lower, 0.0) / max(1.0, min(abs(self.upper), abs(self.lower)))


class IterationTable(tuple[Iteration, ...]):
    """The rounds in order; prints as a table, plain or through rich."""

    __slots__ = ()

    def __rich__(self) -> Table:
        """Return the rounds as a table."""
        table = Table(title="column-and-constraint generation", title_justify="left")
        for heading in ("round", "lower", "upper", "gap", "seconds"):
            table.add_column(heading, justify="right")
        table.add_column("answer of nature")
        for count, round_ in enumerate(self, start=1):
            bounds = (number(side if isfinite(side) else None) for side in (round_.lower, round_.upper))
            gap = f"{round_.gap:.2e}" if isfinite(round_.gap) else "-"
            table.add_row(str(count), *bounds, gap, f"{round_.seconds:.2f}", _answer(round_))
        return table

    def __str__(self) -> str:
        """Return the table as plain text."""
        return plain(self.__rich__())


def _answer(iteration: Iteration) -> str:
    return "leaves no recourse" if iteration.kind == "feasibility" else "worst case"
