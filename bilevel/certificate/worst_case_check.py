"""Is the worst case of a robust plan the worst? Other scenarios of the set are tried, with recourse solved again.

The plan is held and nature moves: to all vertices of the set where they are few, else to extreme points in fixed and
random directions; to what the run has stored; inside the set as well where the cost is not convex in nature (integer
recourse, uncertain prices). From the worst of these the slope of the cost leads on as long as it rises (mountain
climbing: Konno, Mathematical Programming 11, 1976). Where nature stands in the leader's objective only, one linear
program finds the worst of the whole set for recourse as it is: the worst distribution over scenarios with a block of
recourse each. Nothing of the oracles that are checked enters.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from bilevel.certificate.solved_again import HeldPlan, SolvedAgain
from bilevel.certificate.worst_case import WorstCase
from bilevel.errors import BilevelError
from bilevel.solvers.outcome import HighsOptions
from reformulations.programs import LEADER, BilevelProgram, Floats
from reformulations.robust.scenario_choice import distinct, extreme_points, farthest, mixtures, near
from reformulations.sets.independent_sets import is_finite
from reformulations.sets.vertices import TooManyVertices
from reformulations.uncertainty import UncertaintySet

MOST_VERTICES = 64
"""A polytope with more vertices is sampled."""

MOST_POINTS = 10_000
"""A list of more points is sampled."""

_DIRECTIONS, _STORED, _INSIDE, _CLIMBS = 40, 16, 20, 4
_NEARER, _AROUND = 3, 7
_NEAR = 1e-6
_MOMENT = 0.1
_GAP = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A plan of a game: its primal-dual point, nature being at what is claimed to be the worst of ``within``.

    ``stored`` are scenarios that the run knew, ``worst_bound`` is what it has proven of the worst case, in the leader's
    sense, None for what the point says.
    """

    program: BilevelProgram
    point: Floats
    within: UncertaintySet
    stored: Sequence[Floats] = ()
    worst_bound: float | None = None

    def room(self, claimed: float, tolerance: float, gap: float) -> float:
        """Return by how much a scenario may be worse than what is claimed: what the run left open within its gap."""
        scale = max(1.0, abs(claimed))
        left_open = 0.0 if self.worst_bound is None else min(abs(self.worst_bound - claimed), gap * scale)
        return left_open + tolerance * scale


def check_worst_case(
    claim: Claim, tolerance: float = 1e-6, gap: float = 1e-6, *, seconds: float, threads: int | None = None
) -> WorstCase:
    """Try a plan in other scenarios for so many ``seconds``.

    A scenario that is worse than claimed by more than ``tolerance``, relative, and what the run has left open within
    its ``gap`` refutes the claim; rows missed by ``tolerance`` count as held.
    """
    plan = HeldPlan.of(claim.program, claim.point)
    here, claimed = claim.point[plan.nature], float(claim.program.objectives.value(plan.point)[LEADER])
    found = _Found(plan, here, claimed, claim.room(claimed, tolerance, gap))
    if not claim.within.contains(here, _NEAR * (1 + np.max(np.abs(here), initial=0.0))):
        trouble = "nature is claimed to be at its worst, which is no point of its set"
        return found.report(None, "no scenario solved again", trouble=trouble)
    first = [here]
    if plan.is_priced_only():
        constant, price = plan.prices()
        dearest = farthest(claim.within.polyhedral(), price)
        cost = np.inf if dearest is None else constant + float(price @ dearest)
        if dearest is not None and cost <= plan.sense * claimed + found.room:
            return found.report((dearest, cost), "the whole set by one linear program", tried=1, complete=True)
        first = [here] if dearest is None else [dearest, here]
    trials = _Trials(plan, tolerance, threads, time.perf_counter() + seconds)
    said, complete = _tried(claim, trials, first)
    if not trials.solved:
        return found.report(None, said)
    u, answer = trials.worst
    tried = len(trials.solved)
    return found.report((u, answer.cost), said, tried=tried, complete=complete, trouble=answer.missing)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What every report of a plan has in common: nature where it is claimed to be worst, the claim, and the room."""

    plan: HeldPlan
    here: Floats
    claimed: float
    room: float

    def report(
        self,
        worst: tuple[Floats, float] | None,
        how: str,
        *,
        tried: int = 0,
        complete: bool = False,
        trouble: str = "",
    ) -> WorstCase:
        """Return what was found; ``worst`` is a scenario and its cost, minimised."""
        plan, u = self.plan, self.here if worst is None else worst[0]
        names = plan.program.columns.names.take(plan.nature)
        return WorstCase(
            claimed=self.claimed,
            worst=None if worst is None else plan.sense * worst[1],
            room=self.room,
            sense=plan.sense,
            scenario=tuple(zip(names, u.tolist(), strict=True)),
            tried=tried,
            complete=complete,
            how=how,
            trouble=trouble,
        )


@dataclass(slots=True, eq=False)
class _Trials:
    """The scenarios that were solved again, before the moment ``until``."""

    plan: HeldPlan
    tolerance: float
    threads: int | None
    until: float
    failed: int = 0
    solved: list[tuple[Floats, SolvedAgain]] = field(default_factory=list)

    def run(self, scenarios: Iterable[Floats]) -> int:
        """Solve scenarios until time is over; return how many have been solved."""
        before = len(self.solved)
        for u in scenarios:
            left = self.until - time.perf_counter()
            if left <= 0:
                break
            options = HighsOptions(threads=self.threads, gap=_GAP, time_limit=max(left, _MOMENT))
            try:
                self.solved.append((u, self.plan.at(u, self.tolerance, options)))
            except BilevelError:
                self.failed += 1
        return len(self.solved) - before

    def run_new(self, scenarios: Iterable[Floats]) -> int:
        """Solve those that have not been solved."""
        return self.run(distinct(scenarios, [u for u, _ in self.solved]))

    @property
    def worst(self) -> tuple[Floats, SolvedAgain]:
        """The scenario that costs most."""
        return max(self.solved, key=lambda each: each[1].cost)


def _tried(claim: Claim, trials: _Trials, first: Sequence[Floats]) -> tuple[str, bool]:
    """Try scenarios; say how many, and whether no other can be worse."""
    within, is_list, is_convex = claim.within, is_finite(claim.within), trials.plan.has_convex_cost()
    listed = _listed(within, MOST_POINTS if is_list else MOST_VERTICES)
    solved = 0 if listed is None else trials.run(listed)
    trials.run_new([*first, *(u for u in claim.stored[-_STORED:] if within.contains(u))])
    if listed is None:
        trials.run_new(extreme_points(within.polyhedral(), _DIRECTIONS))
    if within.is_convex and not (is_convex or is_list):
        trials.run_new(mixtures([u for u, _ in trials.solved], _INSIDE))
        for _ in range(_NEARER):
            if trials.solved:
                trials.run_new(islice(near(trials.worst[0], [u for u, _ in trials.solved]), _AROUND))
    if not is_list:
        _climb(within, trials)
    remark = f", {trials.failed} without an answer" if trials.failed else ""
    if listed is None or not (is_convex or is_list):
        return f"{len(trials.solved)} scenarios solved again (sampled){remark}", False
    what = "scenarios" if is_list else "vertices"
    return f"{solved} of {len(listed)} {what} solved again{remark}", solved == len(listed)


def _listed(within: UncertaintySet, most: int) -> Floats | None:
    try:
        return within.vertices(most)
    except (TooManyVertices, ArithmeticError):
        return None


def _climb(within: UncertaintySet, trials: _Trials) -> None:
    """Go from the worst scenario to where its slope is highest, as long as the cost rises."""
    for _ in range(_CLIMBS):
        if not trials.solved:
            return
        _, answer = trials.worst
        if answer.slope is None:
            return
        above = farthest(within.polyhedral(), answer.slope)
        if above is None or not trials.run_new([above]) or trials.worst[1].cost <= answer.cost:
            return
