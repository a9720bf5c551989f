"""Where a run of column-and-constraint generation stands, and what does not change during it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.robust.iterations import Iteration
from bilevel.robust.oracles import Attack, Oracle
from bilevel.robust.recourse import RecourseSolver
from bilevel.search.optimise import Limits
from bilevel.solvers.clock import Clock
from reformulations.programs import BilevelProgram, Floats
from reformulations.robust.parametric_masters import parametric_master
from reformulations.robust.two_stage import TwoStage, master
from reformulations.sets.dependent_sets import DependentSets

Start = Callable[[Image], Floats | None]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A master's point, ``mpec_point`` in its MPEC with so many stored scenarios, and nature's answer to it."""

    solved: BilevelProgram
    point: Floats
    mpec_point: Floats
    stored: int
    first_cost: float
    attack: Attack


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Where a run stands: stored scenarios, bounds of the minimised optimum, the best plan, the rounds so far.

    Where the set depends on the plan, ``scenarios`` are nature's prices instead of its choices.
    ``first`` scenarios were stored before the first round. ``looseness`` is the relative gap at which a master may
    stop, ``patience`` multiplies the seconds of masters and of nature.
    """

    scenarios: tuple[Floats, ...]
    lower: float = -np.inf
    upper: float = np.inf
    best: Plan | None = None
    image: Image | None = None
    rounds: tuple[Iteration, ...] = ()
    first: int = 0
    looseness: float = 0.0
    patience: float = 1.0

    def has_met(self, gap: float) -> bool:
        """Tell whether the bounds are within the relative ``gap``."""
        return bool(np.isfinite(self.upper) and self.upper - self.lower <= gap * max(1.0, abs(self.upper)))


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What does not change during a run; ``began`` is the time of ``time.perf_counter`` at its start.

    ``complete`` says that recourse exists in every scenario, so that nobody need ask for violations;
    ``earlier`` are the seconds of the run that this one continues; ``save`` is called with the state after each round.
    ``moving`` is the set where it depends on the plan.
    """

    two_stage: TwoStage
    oracle: Oracle
    recourse: RecourseSolver
    limits: Limits
    began: float
    progress: Callable[[Iteration], None] | None
    start: Start | None
    save: Callable[[State], None] | None = None
    earlier: float = 0.0
    complete: bool = False
    master_seconds: float | None = None
    oracle_seconds: float | None = None
    moving: DependentSets | None = None

    def master(self, stored: Sequence[Floats]) -> BilevelProgram:
        """Return the game of what is stored."""
        if self.moving is None:
            return master(self.two_stage, stored)
        return parametric_master(self.two_stage, self.moving, stored)

    @property
    def clock(self) -> Clock:
        """How long the run, its masters and nature's answers may take."""
        return Clock(self.limits, self.began, self.earlier, self.master_seconds, self.oracle_seconds)

    def seconds(self) -> float:
        """Return the seconds since the run began, those before it was interrupted included."""
        return self.clock.seconds()

    def is_over(self) -> bool:
        """Tell whether the time limit of the run has passed, or it was asked to stop."""
        return self.clock.is_over()

    def remaining(self, patience: float) -> float | None:
        """Return the seconds for the next master, a moment at least."""
        return self.clock.remaining(patience)

    def deadline(self, patience: float) -> float | None:
        """Return until when nature may answer."""
        return self.clock.deadline(patience)
