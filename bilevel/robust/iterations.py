"""The rounds of column-and-constraint generation, and how they are printed."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Literal

import numpy as np
from rich.table import Table

from bilevel.printing import number, plain
from reformulations.programs import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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

    def plot(self) -> Figure:
        """Return a figure of the bounds by round, and of nature's answers below, one line an uncertain quantity.

        Rounds whose plan has no recourse are marked; bounds that are not known yet are left out. Needs matplotlib,
        which the extra ``plots`` installs.

        Raises
        ------
        ModuleNotFoundError
            Without matplotlib.
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 5), layout="constrained")
        bounds, answers = figure.subplots(2, 1, sharex=True)
        rounds = np.arange(1, len(self) + 1)
        for label, values in (("lower", [r.lower for r in self]), ("upper", [r.upper for r in self])):
            bounds.plot(rounds, np.where(np.isfinite(values), values, np.nan), marker="o", label=label)
        failed = [k for k, round_ in zip(rounds, self, strict=True) if round_.kind == "feasibility"]
        for k in failed:
            bounds.axvline(k, linestyle=":", color="grey", label="no recourse" if k == failed[0] else None)
        bounds.set_ylabel("bounds of the optimum")
        bounds.legend()
        answers.plot(rounds, np.array([round_.scenario for round_ in self]).reshape(len(self), -1), marker="o")
        answers.set_ylabel("answer of nature")
        answers.set_xlabel("round")
        return figure


def _answer(iteration: Iteration) -> str:
    return "leaves no recourse" if iteration.kind == "feasibility" else "worst case"
