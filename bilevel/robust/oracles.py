"""Adversaries: which scenario violates, or costs, most at a fixed first stage, and how much at most."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from bilevel.compiler.compile import compile_automatically
from bilevel.errors import NotApplicable, OutOfTime, SolverFailure
from bilevel.robust.recourse import VIOLATION, RecourseSolver, cheapest_afresh
from bilevel.robust.scenario_tasks import largest
from bilevel.search.optimise import Limits, optimise
from bilevel.solvers.deadline import Deadline
from reformulations.programs import BilevelProgram, Floats
from reformulations.robust.second_stage import SecondStage, cost_game, violation_game
from reformulations.robust.two_stage import TwoStage
from reformulations.sets.linear_sets import LinearSet
from reformulations.sets.vertices import TooManyVertices
from reformulations.uncertainty import UncertaintySet

OracleName = Literal["auto", "vertices", "game"]

MOST_VERTICES = 2000
"""With more vertices than this, nature's own game is solved instead of one linear program a vertex."""

_MOMENT = 0.05
"""Seconds before a deadline from which an answer that leaves a question open is one for want of time."""

_AGREEMENT = 1e-5
"""Relative distance allowed between what nature's game says of a scenario and the recourse solved again there."""


@dataclass(frozen=True, slots=True, eq=False)
class Attack:
    """Nature's answer: ``scenario`` ``(k,)``, its ``value`` there, and the proven ``bound`` over the whole set.

    ``response`` is the cheapest recourse where the value is a cost, empty where it is a violation. ``price`` is what
    nature maximised, where that is stored instead of the scenario (:mod:`reformulations.robust.parametric_masters`).
    """

    scenario: Floats
    value: float
    bound: float
    response: Floats
    price: Floats | None = None

    @property
    def stored(self) -> Floats:
        """What the next master has to take into account."""
        return self.scenario if self.price is None else self.price


class Oracle(Protocol):
    """Nature, given a first stage.

    Both questions return None when the deadline passes before they are answered; a scenario that is known by then is
    returned with the bound that is proven, which may be infinite.
    """

    @property
    def name(self) -> str:
        """How the answers are found, in words."""
        ...

    def most_violated(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the scenario in which the rows are violated most."""
        ...

    def most_expensive(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the scenario in which the second stage costs most; there must be recourse in every one."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class VerticesOracle:
    """One linear program a vertex of the set: exact, since cost and violation are convex in the scenario."""

    points: Floats
    recourse: RecourseSolver
    executor: Executor | None = None
    threads: int | None = None

    @property
    def name(self) -> str:
        """How the answers are found, in words."""
        return f"all {len(self.points)} vertices of the uncertainty set"

    def most_violated(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the vertex with the largest violation; when time is over, one that violates, if any is known."""
        del gap
        found = largest("violation", stage, self.points, (self.executor, self.threads), deadline)
        if found is None or not (found.complete or found.value > VIOLATION):
            return None
        u = self.points[found.position]
        return Attack(u, found.value, found.value if found.complete else np.inf, np.empty(0))

    def most_expensive(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the vertex with the largest cost; when time is over, the dearest known, without a bound."""
        del gap
        found = largest("cost", stage, self.points, (self.executor, self.threads), deadline)
        if found is None:
            return None
        u = self.points[found.position]
        # solved afresh, so that the recourse does not depend on who solved what before
        answer = cheapest_afresh(stage, u, self.threads)
        return Attack(u, answer.cost, answer.cost if found.complete else np.inf, answer.point)


@dataclass(frozen=True, slots=True, eq=False)
class SupportOracle:
    """For rows without nature: recourse is the same in all scenarios and nature maximises a linear cost."""

    within: UncertaintySet
    recourse: RecourseSolver

    @property
    def name(self) -> str:
        """How the answers are found, in words."""
        return "the support function of the uncertainty set, since recourse does not depend on nature"

    def most_violated(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the nominal scenario: all violate alike."""
        del gap, deadline
        u = self.within.nominal()
        value = self.recourse.violation(stage, u)
        return Attack(u, value, value, np.empty(0))

    def most_expensive(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the scenario with the largest linear cost."""
        del gap, deadline
        u = self.within.worst_case(stage.nature_cost)
        answer = self.recourse.cheapest(stage, u)
        return Attack(u, answer.cost, answer.cost, answer.point)


@dataclass(frozen=True, slots=True, eq=False)
class GameOracle:
    """Nature as leader and recourse as follower, compiled like any game; for sets with too many vertices.

    The scenario's value comes from solving the recourse again, the bound from the branch and bound.
    """

    within: LinearSet
    recourse: RecourseSolver
    threads: int | None = None

    @property
    def name(self) -> str:
        """How the answers are found, in words."""
        return "nature's own game against the recourse, by KKT conditions"

    def most_violated(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the scenario with the largest violation of the elastic recourse."""
        found = self._solved(violation_game(stage, self.within), gap, deadline)
        if found is None:
            return None
        u, claimed, bound = found
        value = self.recourse.violation(stage, u)
        _compare("violation", value, claimed, bound)
        if value <= VIOLATION < bound - 10 * VIOLATION:
            if deadline is not None and time.perf_counter() > deadline - _MOMENT:
                return None
            raise SolverFailure(
                f"nature's game leaves open whether rows of recourse are violated, by up to {bound:.3g}; rescale them"
            )
        return Attack(u, value, max(bound, value), np.empty(0))

    def most_expensive(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the scenario with the largest cost of the cheapest recourse."""
        if len(stage.columns) == 0:
            u = self.within.maximiser(stage.nature_cost)[: self.within.dimension]
            answer = self.recourse.cheapest(stage, u)
            return Attack(u, answer.cost, answer.cost, answer.point)
        found = self._solved(cost_game(stage, self.within), gap, deadline)
        if found is None:
            return None
        u, claimed, bound = found
        answer = self.recourse.cheapest(stage, u)
        _compare("cost", answer.cost, claimed, bound)
        return Attack(u, answer.cost, max(bound, answer.cost), answer.point)

    def _solved(
        self, program: BilevelProgram, gap: float, deadline: float | None
    ) -> tuple[Floats, float, float] | None:
        """Return the scenario, the value that nature's game claims for it, and the proven bound."""
        try:
            image = compile_automatically(program, self.threads, None if deadline is None else Deadline(deadline))
        except OutOfTime:
            return None
        remaining = None if deadline is None else deadline - time.perf_counter()
        if remaining is not None and remaining <= 0:
            return None
        answer = optimise(image, Limits(gap, remaining, self.threads))
        stopped = answer.status in ("time_limit", "interrupted", "limit")
        if stopped and (answer.point is None or not np.isfinite(answer.bound)):
            return None
        if answer.point is None:
            raise SolverFailure(f'nature\'s game ended as {answer.status}; use CCG(oracle="vertices"), or rescale')
        u = image.source_point(answer.point)[: self.within.dimension]
        return u, -answer.objective, -answer.bound


def oracle_for(
    name: OracleName, within: UncertaintySet, two_stage: TwoStage, recourse: RecourseSolver, limits: Limits
) -> Oracle:
    """Return the adversary of that name; ``"auto"`` takes vertices where they are few enough.

    ``limits`` holds the threads of HiGHS and the executor that vertices are shared out to.

    Raises
    ------
    NotApplicable
        For ``"vertices"`` where there are more than :data:`MOST_VERTICES`.
    """
    if name == "game":
        return GameOracle(within.polyhedral(), recourse, limits.threads)
    if name == "auto" and not two_stage.rows.depends_on_nature:
        return SupportOracle(within, recourse)
    try:
        return VerticesOracle(within.vertices(MOST_VERTICES), recourse, limits.executor, limits.threads)
    except (TooManyVertices, ArithmeticError) as reason:
        if name == "vertices":
            raise NotApplicable('CCG(oracle="vertices")', f'{reason}; here: CCG(oracle="game")') from reason
        return GameOracle(within.polyhedral(), recourse, limits.threads)


def _compare(what: str, value: float, claimed: float, bound: float) -> None:
    room = _AGREEMENT * (1 + abs(value))
    if abs(value - claimed) > room or value > bound + room:
        raise SolverFailure(
            f"nature's game claims a {what} of {claimed:.9g} (at most {bound:.9g}), the recourse solved again in that "
            f'scenario gives {value:.9g}; rescale the rows of recourse, or use CCG(oracle="vertices")'
        )
