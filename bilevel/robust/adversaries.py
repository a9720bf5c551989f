"""Who answers for nature where followers wait and see, recourse is integer, or its prices are uncertain."""

from __future__ import annotations

import numpy as np

from bilevel.errors import NotApplicable
from bilevel.robust.bilinear_adversary import BilinearAdversary
from bilevel.robust.late_adversary import LateAdversary
from bilevel.robust.late_evaluation import LateEvaluation
from bilevel.robust.nested_adversary import NestedAdversary
from reformulations.programs import BilevelProgram, Role
from reformulations.robust.late_followers import Timing, late_followers
from reformulations.robust.priced_recourse import multiplies_late, priced_terms
from reformulations.sets.independent_sets import is_finite
from reformulations.uncertainty import UncertaintySet

MOST_SCENARIOS = 10_000
"""Products of finite sets with more points than this are refused."""

Adversary = LateAdversary | NestedAdversary | BilinearAdversary


def waits_and_sees(program: BilevelProgram) -> bool:
    """Tell whether followers decide after nature, recourse is integer, or nature multiplies recourse."""
    return _has_integer_recourse(program) or bool(late_followers(program).any()) or multiplies_late(program)


def _has_integer_recourse(program: BilevelProgram) -> bool:
    recourse = program.roles[program.column_owner] == Role.RECOURSE
    return bool((recourse & program.columns.integer).any())


def adversary_for(program: BilevelProgram, timing: Timing, within: UncertaintySet, threads: int | None) -> Adversary:
    """Return how nature answers.

    Raises
    ------
    NotApplicable
        For late followers and a set that does not list its points, for lists of points beside other sets, and for
        uncertain prices of recourse without SCIP.
    """
    evaluation = LateEvaluation(program, timing, threads)
    if is_finite(within):
        return LateAdversary(evaluation, within.vertices(MOST_SCENARIOS))
    for who in np.flatnonzero(timing.late_followers)[:1]:
        raise NotApplicable(
            program.players[int(who)],
            "followers that wait and see need finitely many scenarios, since the worst case of a continuous set need "
            "not be at a vertex; give bl.uncertainty.Scenarios(...)",
        )
    if not within.is_convex:
        raise NotApplicable(
            "uncertain variables",
            "some have a list of scenarios and some have not, and the worst case of integer recourse or of uncertain "
            "prices need not be at a vertex; list the scenarios of all of them in one bl.uncertainty.Scenarios, or "
            "give convex sets",
        )
    if _has_integer_recourse(program):
        _refuse_prices(program)
        return NestedAdversary(evaluation, within)
    return BilinearAdversary(evaluation, within)


def _refuse_prices(program: BilevelProgram) -> None:
    """Refuse integer recourse that nature multiplies, and that had to wait for it."""
    names = program.columns.names
    for term in priced_terms(program)[:1]:
        raise NotApplicable(
            " * ".join(names[column] for column in term),
            "nature multiplies recourse in a game with integer recourse; besides uncertain right-hand sides, this is "
            "taken where nature stands in costs only and all that each block of recourse costs is multiplied by one "
            "nonnegative uncertain quantity, no row joining blocks, or with bl.uncertainty.Scenarios",
        )
