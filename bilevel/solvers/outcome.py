"""What a solver is asked and what it answers, whichever solver it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from reformulations.programs import Floats

Status = Literal["optimal", "infeasible", "unbounded", "time_limit", "interrupted", "limit"]


def never() -> bool:
    """Return False: nobody asks to stop."""
    return False


@dataclass(frozen=True, slots=True)
class MipProgress:
    """Where a branch-and-bound stands: ``incumbent`` (infinite while there is none), proven ``bound``, relative gap."""

    incumbent: float
    bound: float
    gap: float
    nodes: int
    seconds: float


class Search(Protocol):
    """Work beside a branch and bound, in small steps."""

    def step(self) -> Floats | None:
        """Do a little, and return a point that is better than any before, if one was found."""
        ...

    def is_over(self) -> bool:
        """Tell whether more steps are not worth their time."""
        ...


@dataclass(frozen=True, slots=True)
class HighsOptions:
    """How HiGHS is to work.

    ``threads``: one number for all instances of a Python thread, which share a scheduler; None
    takes what is there. ``nodes`` is the most of a branch-and-bound. ``gap`` is relative; ``feasibility`` holds for
    rows, bounds and integrality. ``progress`` is called during a branch-and-bound, which ends once ``stopped`` says so.
    ``meanwhile`` goes on beside it in the calling thread, and its points ``(n,)`` become incumbents. Without ``duals``
    outcomes have none, which saves a small program a third of its time.
    """

    threads: int | None = None
    time_limit: float | None = None
    nodes: int = 2**31 - 1
    gap: float = 1e-6
    feasibility: float = 1e-7
    presolve: bool = True
    log: bool = False
    progress: Callable[[MipProgress], None] | None = None
    stopped: Callable[[], bool] = never
    meanwhile: Search | None = None
    duals: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a solve ended with.

    ``bound`` is proven from below: the dual bound of a branch-and-bound, the optimum of a solved
    linear or quadratic program, minus infinity where nothing is proven, infinity where the program
    is infeasible. ``row_duals`` ``(m,)`` and ``column_duals`` ``(n,)`` are the derivatives of the optimum
    by right-hand sides and bounds; None with integer columns, without an optimum, and
    where they were not asked for.
    """

    status: Status
    point: Floats | None
    objective: float | None
    bound: float
    row_duals: Floats | None
    column_duals: Floats | None
    nodes: int
    seconds: float
