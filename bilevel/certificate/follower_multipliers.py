"""Multipliers from the followers solved again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bilevel.certificate.respond import Answered
from reformulations.programs import BilevelProgram, Floats


def with_multipliers(program: BilevelProgram, values: Floats, answers: Sequence[Answered]) -> Floats:
    """Return the primal-dual point of ``values`` ``(n,)`` with the multipliers of the answers, zero without any.

    Every optimal response of a linear follower is complementary to every optimal multiplier.
    """
    n, m, sense = len(program.columns), len(program.rows), program.objectives.sense
    point = np.zeros(program.point_size)
    point[:n] = values
    for answer in answers:
        outcome, responses = answer.outcome, answer.responses
        if outcome is None or responses is None or outcome.row_duals is None or outcome.column_duals is None:
            continue
        point[n + responses.rows] = sense[program.row_owner[responses.rows]] * outcome.row_duals
        reduced = sense[program.column_owner[responses.columns]] * outcome.column_duals
        lower = outcome.column_duals > 0
        point[n + m + responses.columns[lower]] = reduced[lower]
        point[2 * n + m + responses.columns[~lower]] = reduced[~lower]
    return point
