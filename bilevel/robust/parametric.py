"""Robust games whose uncertainty set moves with the plan: parametric column-and-constraint generation.

The loop is that of :mod:`bilevel.robust.generation`; what it stores are nature's prices
(:mod:`reformulations.robust.parametric_masters`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bilevel.errors import NotApplicable
from bilevel.robust.adversaries import waits_and_sees
from bilevel.robust.answer import RobustAnswer
from bilevel.robust.iterations import Iteration
from bilevel.robust.moving_oracle import MovingOracle
from bilevel.robust.recourse import RecourseSolver
from bilevel.robust.resume import Files, generate_saved
from bilevel.robust.run_state import Setting, State
from bilevel.search.optimise import Limits
from reformulations import refusal
from reformulations.programs import BilevelProgram
from reformulations.robust.complete_recourse import has_complete_recourse
from reformulations.robust.parametric_masters import indifferent
from reformulations.robust.second_stage import second_stage
from reformulations.robust.two_stage import TwoStage, split
from reformulations.sets.dependent_sets import DependentSets

if TYPE_CHECKING:
    from bilevel.robust.ccg import CCG


def solve_parametric(
    program: BilevelProgram,
    moving: DependentSets,
    chosen: CCG,
    limits: Limits,
    began: float,
    progress: Callable[[Iteration], None] | None,
    files: Files,
) -> RobustAnswer:
    """Solve a two-stage game with linear recourse against the worst case of a set that may move with the plan.

    Raises
    ------
    NotApplicable
        For integer recourse, followers that wait and see, nature in the costs of recourse, and options of ``chosen``
        that speak of scenarios.
    """
    _refuse_options(chosen)
    two_stage = split_linear(program)
    recourse = RecourseSolver(second_stage(two_stage, np.zeros(two_stage.eta)), limits.threads)
    oracle = MovingOracle(chosen.oracle, moving, two_stage, recourse, limits)
    setting = Setting(two_stage, oracle, recourse, limits, began, progress, None, moving=moving)
    setting = replace(setting, master_seconds=chosen.master_seconds, oracle_seconds=chosen.oracle_seconds)
    setting = replace(setting, complete=has_complete_recourse(two_stage))
    state = State((indifferent(two_stage),), first=1, looseness=chosen.master_gap or 0.0)
    return generate_saved(setting, state, chosen.max_iterations, files)


def split_linear(program: BilevelProgram) -> TwoStage:
    """Split a game whose recourse is linear.

    Raises
    ------
    NotApplicable
        For any other; names the component.
    """
    if waits_and_sees(program):
        raise NotApplicable(
            "recourse",
            "it is integer, has followers or uncertain prices, and nature's answers are stored by multipliers, which "
            "only linear recourse has once for all; relax it, or give a set that does not move with the plan",
        )
    try:
        return split(program)
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused


def _refuse_options(chosen: CCG) -> None:
    if chosen.costs != "auto":
        raise NotApplicable(
            f"CCG(costs={chosen.costs!r})", "it is for sets that do not move with the plan; leave it out"
        )
    if not isinstance(chosen.start, str) or chosen.start != "auto":
        raise NotApplicable("CCG(start=...)", "a scenario says nothing where nature's prices are stored; leave it out")
