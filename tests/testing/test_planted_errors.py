"""Mistakes that people make in reformulations, each planted once: the kit sees every one within 200 games."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, settings
from scipy import sparse

from bilevel.testing import assert_reformulates
from bilevel.testing.assertions import FEW, Pass
from reformulations.big_m import BigM
from reformulations.bounds import USER, Bounds
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.programs import MPEC, BilevelProgram, CanonicalGame, LowerLevel, MixedIntegerProgram
from reformulations.recovery import Recovery, Reduced

UNCUT = settings(FEW, phases=[Phase.generate])


@dataclass(frozen=True)
class WrongSign:
    """KKT conditions whose stationarity adds what it should subtract."""

    def apply(self, game: CanonicalGame) -> Reduced[MPEC]:
        return KKT().apply(replace(game, lower=replace(game.lower, own=sparse.csr_array(-1.0 * game.lower.own))))


@dataclass(frozen=True)
class NoBoundMultipliers:
    """KKT conditions that know the multipliers of rows only."""

    def apply(self, game: CanonicalGame) -> Reduced[MPEC]:
        reduced = KKT().apply(game)
        mpec, columns = reduced.program, reduced.program.columns
        gone = mpec.complementarity.multiplier[game.lower.from_bound]
        lower, upper = columns.lower.copy(), columns.upper.copy()
        lower[gone] = upper[gone] = 0.0
        return replace(reduced, program=replace(mpec, columns=replace(columns, lower=lower, upper=upper)))


@dataclass(frozen=True)
class GuessedM:
    """Big-M with the same M for all multipliers and slacks."""

    bound: float

    def apply(self, mpec: MPEC) -> Reduced[MixedIntegerProgram]:
        most = np.full(len(mpec.complementarity), self.bound)
        least = np.where(mpec.complementarity.equality, -most, 0.0)
        bounds = Bounds.unknown(mpec).tightened(least, most, USER).with_slacks(most)
        columns, where = mpec.columns, mpec.complementarity.multiplier
        lower, upper = columns.lower.copy(), columns.upper.copy()
        lower[where], upper[where] = np.maximum(lower[where], least), np.minimum(upper[where], most)
        return BigM(bounds).apply(replace(mpec, columns=replace(columns, lower=lower, upper=upper)))


@dataclass(frozen=True)
class DroppedRow:
    """A canonical game that forgets its followers' first inequality."""

    def apply(self, program: BilevelProgram) -> Reduced[CanonicalGame]:
        reduced = Canonical().apply(program)
        lower = reduced.program.lower
        kept = np.ones(len(lower), bool)
        kept[np.flatnonzero(~lower.from_bound & ~lower.equality)[:1]] = False
        n = len(program.columns)
        stays = np.concatenate([np.ones(n, bool), kept])
        recover = Recovery(sparse.csr_array(reduced.recover.matrix[:, stays]), reduced.recover.offset)
        game = replace(reduced.program, lower=without(lower, kept), aliases=replace(
            reduced.program.aliases, matrix=sparse.csr_array(reduced.program.aliases.matrix[:, kept])
        ))  # fmt: skip
        return Reduced(game, recover)


def without(lower: LowerLevel, kept: np.ndarray) -> LowerLevel:
    place = np.where(kept, np.cumsum(kept) - 1, -1)
    picked = np.flatnonzero(kept)
    opposite = np.where(lower.opposite >= 0, place[lower.opposite], -1)[kept]
    arrays = {name: getattr(lower, name)[kept] for name in ("offset", "equality", "from_bound", "owner")}
    return replace(
        lower,
        matrix=sparse.csr_array(lower.matrix[picked]),
        own=sparse.csr_array(lower.own[picked]),
        opposite=opposite,
        names=lower.names.take(picked),
        **arrays,
    )


SOUND: dict[str, tuple[Pass, tuple[Any, ...]]] = {
    "canonical form": (Canonical(), ()),
    "KKT conditions": (KKT(), (Canonical(),)),
    "big-M that is large enough": (GuessedM(1000.0), (Canonical(), KKT())),
}
PLANTED: dict[str, tuple[Pass, tuple[Any, ...]]] = {
    "sign": (WrongSign(), (Canonical(),)),
    "missing bound multiplier": (NoBoundMultipliers(), (Canonical(),)),
    "wrong M": (GuessedM(2.0), (Canonical(), KKT())),
    "dropped row": (DroppedRow(), ()),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_passes_pass(name: str):
    method, after = SOUND[name]
    assert_reformulates(method, after=after, how=settings(UNCUT, max_examples=25))


@pytest.mark.parametrize("name", PLANTED)
def test_planted_errors_are_caught_within_200_games(name: str):
    method, after = PLANTED[name]
    with pytest.raises(AssertionError, match=r"the image has the optimum|the way back leads"):
        assert_reformulates(method, after=after, how=UNCUT)
