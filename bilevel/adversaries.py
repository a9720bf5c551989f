"""Who answers for nature where followers wait and see, recourse is integer, or its prices are uncertain."""

from __future__ import annotations

import numpy as np

from bilevel.bilinear_adversary import BilinearAdversary
from bilevel.errors import NotApplicable
from bilevel.late_adversary import LateAdversary
from bilevel.nested_adversary import NestedAdversary
from reformulations.independent_sets import IndependentSets
from reformulations.late_followers import Timing, late_followers
from reformulations.priced_recourse import multiplies_late
from reformulations.programs import BilevelProgram, Role
from reformulations.uncertainty import Scenarios, UncertaintySet

MOST_SCENARIOS = 10_000
"""Products of finite sets with more points than this are refused."""

Adversary = LateAdversary | NestedAdversary | BilinearAdversary


def waits_and_sees(program: BilevelProgram) -> bool:
    """Tell whether followers decide after nature, recourse is integer, or nature multiplies recourse."""
    return _has_integer_recourse(program) or bool(late_followers(program).any()) or multiplies_late(program)


def _has_integer_recourse(program: BilevelProgram) -> bool:
    recourse = program.roles[program.column_owner] == Role.RECOURSE
    return bool((recourse & program.columns.integer).any())


def is_finite(within: UncertaintySet) -> bool:
    """Tell whether a set lists its points."""
    if isinstance(within, IndependentSets):
        return all(is_finite(part) for part in within.parts)
    return isinstance(within, Scenarios)


def adversary_for(program: BilevelProgram, timing: Timing, within: UncertaintySet, threads: int | None) -> Adversary:
    """Return how nature answers.

    Raises
    ------
    NotApplicable
        For late followers and a set that does not list its points, and for uncertain prices of recourse without SCIP.
    """
    if is_finite(within):
        return LateAdversary(program, timing, within.vertices(MOST_SCENARIOS), threads)
    for who in np.flatnonzero(timing.late_followers)[:1]:
        raise NotApplicable(
            program.players[int(who)],
            "followers that wait and see need finitely many scenarios, since the worst case of a continuous set need "
            "not be at a vertex; give bl.uncertainty.Scenarios(...)",
        )
    evaluation = LateAdversary(program, timing, within.nominal()[np.newaxis], threads)
    if _has_integer_recourse(program):
        return NestedAdversary(evaluation, within)
    return BilinearAdversary(evaluation, within)
