"""What solving a robust game ends with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bilevel.compiler.pipeline import Image
from bilevel.robust.iterations import IterationTable
from reformulations.programs import BilevelProgram, Floats

RobustStatus = Literal["optimal", "feasible", "infeasible", "unbounded", "time_limit"]


@dataclass(frozen=True, slots=True, eq=False)
class RobustAnswer:
    """What column-and-constraint generation ended with.

    Attributes
    ----------
    status
        ``"optimal"`` only when the bounds have met and nothing was assumed.
    objective, bound
        The plan's worst case and the proven bound of the robust optimum, in the leader's own sense; None where unknown.
    worst_bound
        What is proven of the plan's worst case, beyond ``objective`` where nature's answer leaves a gap; infinite where
        nothing is, None without a plan.
    point
        Primal-dual point ``(3 n + m,)`` of the whole game: the best plan, its worst-case scenario, the recourse there,
        the followers' multipliers. None without a plan.
    scenario
        The worst case ``(k,)`` of that plan, in the order of nature's columns.
    scenarios
        Every stored scenario.
    iterations
        The rounds; prints as a table.
    image
        The last compiled master; None where none was compiled.
    assumes, notes
        What was not derived, and what is worth knowing about the way.
    proof
        What the bounds rest on besides the data.
    way
        How the game was solved, in words.
    source
        The game that ``point`` belongs to: the one asked for, with slacks behind its columns where rows are elastic.
    """

    status: RobustStatus
    objective: float | None
    worst_bound: float | None
    bound: float | None
    point: Floats | None
    scenario: Floats | None
    scenarios: tuple[Floats, ...]
    iterations: IterationTable
    image: Image | None
    assumes: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    way: str
    source: BilevelProgram
    proof: tuple[str, ...] = ()
