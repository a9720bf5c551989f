"""What branching on a candidate has gained so far, and what it promises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reformulations.programs import Booleans, Floats, Integers

BALANCE = 0.3
"""Weight of the better child: near 0 the worse one decides alone, near 1 the better one."""

SMALLEST_AMOUNT = 1e-6
"""Amounts below this are rounding: a gain divided by less would promise too much."""


@dataclass(frozen=True, slots=True)
class PseudoCosts:
    """Sum ``(k, 2)`` of the gains per amount moved, and how often ``(k, 2)``, by candidate and side.

    The two sides of a pair are *slack zero* and *multiplier zero*, with slack and multiplier for
    amounts; those of an integer column are *down* and *up* (Benichou et al., Mathematical
    Programming 1, 1971).
    """

    gain: Floats
    count: Floats

    @classmethod
    def none(cls, candidates: int) -> PseudoCosts:
        """Nothing is known yet."""
        return cls(np.zeros((candidates, 2)), np.zeros((candidates, 2)))

    def learned(self, candidate: int, side: int, gain: float, amount: float) -> PseudoCosts:
        """Return the costs with one more branching: its bound rose by ``gain``."""
        total, count = self.gain.copy(), self.count.copy()
        total[candidate, side] += gain / max(amount, SMALLEST_AMOUNT)
        count[candidate, side] += 1
        return PseudoCosts(total, count)

    def expected(self, candidates: Integers, amounts: Floats) -> Floats:
        """Return the gains ``(c, 2)`` that candidates promise; a candidate never tried promises the average."""
        tried = self.count.sum(axis=0)
        average = np.where(tried > 0, self.gain.sum(axis=0) / np.maximum(tried, 1), 1.0)
        count = self.count[candidates]
        rate = np.where(count > 0, self.gain[candidates] / np.maximum(count, 1), average)
        return np.asarray(rate * amounts)

    def are_reliable(self, candidates: Integers, trials: int) -> Booleans:
        """Mask the candidates ``(c,)`` of which both sides have been tried ``trials`` times."""
        return np.asarray(self.count[candidates].min(axis=1) >= trials)


def scores(gains: Floats) -> Floats:
    """Return one score ``(c,)`` for the gains ``(c, 2)`` of two children, larger being better."""
    return np.asarray((1 - BALANCE) * gains.min(axis=1) + BALANCE * gains.max(axis=1))
