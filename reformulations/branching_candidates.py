"""What can be branched on at a point: violated complementarities and fractional integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reformulations.programs import Booleans, Complementarity, Floats, Integers

ZERO = 1e-7
"""A pair with slack or multiplier below this is not branched on before others; nothing is closed by it."""

INTEGRAL = 1e-6
"""Integer columns this near to an integer are integral, as in HiGHS."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates ``(c,)``: pairs by their index below ``p``, integer columns behind them.

    ``amounts`` ``(c, 2)`` are slack and multiplier of a pair, and the distances of an integer column down
    and up; ``values`` ``(c,)`` are the columns' values (zero for pairs). ``fractional`` and ``violated`` tell
    whether an integer is fractional, and whether a pair is violated: without both, the candidates are
    what is left undecided, and none are left when all is decided.
    """

    index: Integers
    amounts: Floats
    values: Floats
    fractional: bool
    violated: bool

    @property
    def solved(self) -> bool:
        """Whether the point is complementary and integral, up to rounding."""
        return not (self.fractional or self.violated)


def candidates(
    pairs: Complementarity, point: Floats, undecided: Booleans, values: Floats, box: tuple[Floats, Floats]
) -> Candidates:
    """Return what to branch on at ``point`` ``(N,)``.

    Parameters
    ----------
    undecided
        Mask ``(p,)`` of the pairs to choose from.
    values, box
        The integer columns ``(q,)`` at the point, and their bounds at the node.
    """
    slack, multiplier = pairs.slacks(point), point[pairs.multiplier]
    pair = (undecided & (np.minimum(slack, multiplier) > ZERO)).nonzero()[0]
    open_ended = (box[0] < box[1]).nonzero()[0]
    integer = open_ended[np.abs(values[open_ended] - np.round(values[open_ended])) > INTEGRAL]
    violated, fractional = len(pair) > 0, len(integer) > 0
    if not (violated or fractional):
        pair = undecided.nonzero()[0]
        integer = open_ended if len(pair) == 0 else integer
    if not len(integer):
        amounts = np.maximum(np.stack([slack[pair], multiplier[pair]], axis=1), 0.0)
        return Candidates(pair, amounts, np.zeros(len(pair)), False, violated)
    at = values[integer]
    if not fractional:
        # an integer value is split off from those above it, at its upper bound from those below
        at = np.minimum(np.round(at), box[1][integer] - 1) + 0.5
    count = len(pair)
    amounts, places = np.empty((count + len(integer), 2)), np.zeros(count + len(integer))
    amounts[:count, 0], amounts[:count, 1] = np.maximum(slack[pair], 0.0), np.maximum(multiplier[pair], 0.0)
    amounts[count:, 0], amounts[count:, 1] = at - np.floor(at), np.ceil(at) - at
    places[count:] = at
    return Candidates(np.concatenate([pair, len(pairs) + integer]), amounts, places, fractional, violated)
