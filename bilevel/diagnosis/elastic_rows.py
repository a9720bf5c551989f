"""Which of the leader's conditions on the followers' responses no best response satisfies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bilevel.diagnosis.attempt import attempt
from bilevel.search.optimise import Limits
from reformulations.elastic import Elastic, coupling_conditions, elastic
from reformulations.programs import BilevelProgram, Floats, Integers

VIOLATED = 1e-6
"""Violations up to this, relative to the largest value in the point, count as none."""

MOST_TRIED = 12
"""Up to this many conditions are tried one by one."""


@dataclass(frozen=True, slots=True)
class Violated:
    """Conditions ``(k,)``, positions among ``m + 2 n``, that cannot all hold, and what they are violated by at least.

    ``point`` is a primal-dual point at which every follower responds optimally and the sum of ``amounts``
    ``(k,)`` is least; ``reason`` says why there are no conditions.
    """

    conditions: Integers
    amounts: Floats
    point: Floats | None
    reason: str = ""


def least_violation(program: BilevelProgram, limits: Limits) -> Violated:
    """Return a smallest set of coupling conditions without which the game has a solution.

    The least sum of violations gives a first set; a member without which the others are enough is
    dropped; and single conditions are tried before several are blamed. Smallest by inclusion, by number
    where one is enough or there are few conditions and two are needed.
    """
    conditions = coupling_conditions(program)
    first = _least(program, conditions, limits)
    if not len(first.conditions):
        return first
    best = first
    if 1 < len(best.conditions) <= MOST_TRIED:
        best = _reduced(program, best, limits)
    if len(best.conditions) > 1 and len(conditions) <= MOST_TRIED:
        for one in conditions.tolist():
            alone = _least(program, np.array([one], np.int64), limits)
            if len(alone.conditions):
                return alone
    return best


def _reduced(program: BilevelProgram, found: Violated, limits: Limits) -> Violated:
    for one in found.conditions.tolist():
        others = found.conditions[found.conditions != one]
        smaller = _least(program, others, limits) if len(others) else None
        if smaller is not None and len(smaller.conditions):
            found = smaller
    return found


def _least(program: BilevelProgram, conditions: Integers, limits: Limits) -> Violated:
    none = np.empty(0, np.int64), np.empty(0)
    if not len(conditions):
        return Violated(*none, None, "the leader asks nothing of the followers' responses")
    loose: Elastic = elastic(program, conditions)
    answer = attempt(loose.program, limits)
    if answer.point is None:
        return Violated(*none, None, answer.reason or "there is no solution even without these conditions")
    amounts = loose.violations(answer.point)
    n = len(program.columns)
    size = 1 + float(np.abs(answer.point[:n]).max(initial=0.0))
    kept = np.flatnonzero(amounts > VIOLATED * size)
    return Violated(conditions[kept], amounts[kept], answer.point[:n])


def responses_in(program: BilevelProgram, conditions: Sequence[int]) -> Integers:
    """Return the columns of followers and multipliers in the rows and bounds, or all of followers if there are none."""
    m, n = len(program.rows), len(program.columns)
    moving = program.follower_columns
    moving = moving.copy()
    moving[program.multipliers.column] = True
    used: list[int] = []
    for position in conditions:
        if position >= m:
            used.append((position - m) % n)
            continue
        matrix, terms = program.rows.matrix, program.rows.products
        used += matrix.indices[matrix.indptr[position] : matrix.indptr[position + 1]].tolist()
        mine = terms.index == position
        used += [*terms.left[mine].tolist(), *terms.right[mine].tolist()]
    columns = np.unique(np.array(used, np.int64))
    return np.asarray(columns[moving[columns]] if moving[columns].any() else columns)
