"""Followers' objectives counted in units in which their coefficients are near one; rows and columns keep theirs.

What a follower may lose and still count as responding optimally is relative to ``max(1, |optimum|)``: with coefficients
of ``1e-4`` a room of ``1e-9`` is one of ``1e-5`` in what it decides, which the leader would use.
"""

from __future__ import annotations

import numpy as np

from reformulations.programs import LEADER, BilevelProgram, Floats
from reformulations.scaling import Scaled

FAR = 16.0
"""Coefficients that all are smaller than one by this factor, or all are larger, are in another unit."""


def objective_units(program: BilevelProgram) -> Scaled | None:
    """Return factors of followers' objectives, powers of two; None where all are near one, as the leader's is taken."""
    factors = np.array([_factor(program, player) for player in range(len(program.players))])
    if not np.any(factors != 1.0):
        return None
    return Scaled(np.ones(len(program.rows)), np.ones(len(program.columns)), factors)


def _factor(program: BilevelProgram, player: int) -> float:
    sizes = _coefficients(program, player)
    if player == LEADER or not len(sizes) or (sizes.max() >= 1.0 / FAR and sizes.min() <= FAR):
        return 1.0
    return float(np.exp2(-np.rint(np.log2(sizes.max()))))


def _coefficients(program: BilevelProgram, player: int) -> Floats:
    """Return the sizes of what multiplies the player's own columns in its objective."""
    objectives, mine = program.objectives, program.column_owner == player
    terms = objectives.products.take(objectives.products.index == player)
    linear = objectives.linear[[player]].toarray().ravel()[mine]
    sizes = np.abs(np.concatenate([linear, terms.value[mine[terms.left] | mine[terms.right]]]))
    return np.asarray(sizes[sizes > 0])
