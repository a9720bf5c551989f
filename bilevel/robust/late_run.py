"""Where a run with late followers, or with integer or uncertain recourse, stands."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.robust.iterations import Iteration
from bilevel.robust.late_adversary import Worst
from reformulations.programs import BilevelProgram, Floats


@dataclass(frozen=True, slots=True, eq=False)
class LatePlan:
    """The best plan so far: the master's primal-dual point and program, its worst case and what happens there.

    ``mpec_point`` is the plan in the MPEC of the master with ``stored`` scenarios.
    """

    master: BilevelProgram
    point: Floats
    worst: Worst
    first_cost: float
    mpec_point: Floats
    stored: int

    @property
    def bound(self) -> float:
        """What the plan costs at most, as far as nature's answer is proven."""
        return self.first_cost + self.worst.bound


@dataclass(frozen=True, slots=True, eq=False)
class LateRun:
    """Where a run stands; looseness and patience as in :class:`bilevel.robust.run_state.State`."""

    stored: tuple[Floats, ...]
    lower: float = -np.inf
    best: LatePlan | None = None
    image: Image | None = None
    rounds: tuple[Iteration, ...] = field(default=())
    looseness: float = 0.0
    patience: float = 1.0

    @property
    def upper(self) -> float:
        """What the best plan costs at most; infinite without one."""
        return np.inf if self.best is None else self.best.bound

    def has_met(self, gap: float) -> bool:
        """Tell whether the bounds are within the relative ``gap``."""
        return bool(np.isfinite(self.upper) and self.upper - self.lower <= gap * max(1.0, abs(self.upper)))
