"""Robust games in units in which their data are near one; nature keeps its own, in which its set is given.

Whether a late follower's response is the only one is told by its multipliers: one that is small by the unit of its row
must not be taken for zero (:mod:`reformulations.robust.late_responses`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bilevel.compiler.units import restated
from bilevel.robust.answer import RobustAnswer
from reformulations.programs import BilevelProgram


def solve_in_good_units(program: BilevelProgram, solved: Callable[[BilevelProgram], RobustAnswer]) -> RobustAnswer:
    """Return the answer of ``solved`` to the game, restated where its data are far from one, in the user's units."""
    found = restated(program)
    if found is None:
        return solved(program)
    better, notes = found
    answer = solved(better.program)
    point = None if answer.point is None else better.recover(answer.point)
    return replace(answer, point=point, source=program, notes=(*answer.notes, *notes))
