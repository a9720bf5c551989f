"""Bounds of multipliers and slacks, each with the source that makes it trustworthy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np

from reformulations.programs import MPEC, Floats, Integers, Names


class Source(IntEnum):
    """Where a bound comes from; only derived bounds prove optimality."""

    NONE = 0
    DERIVED = 1
    GIVEN = 2
    ASSUMED = 3


SHOWN = 3
"""How many rows an assumption names."""

ARGUMENTS = (
    "no argument",
    "a bound of the column itself",
    "interval arithmetic",
    "a linear program over the relaxation",
    "a basis of independent active rows",
    "the user",
    "a linear program with an incumbent as cutoff",
)
"""How a bound was found; ``Bounds.argument`` indexes this tuple."""

NO_ARGUMENT, COLUMN, INTERVAL, RELAXATION, BASIS, USER, CUTOFF = range(len(ARGUMENTS))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Ranges of the multipliers and greatest slacks of the ``p`` lower-level rows.

    ``multiplier_lower``, ``multiplier_upper``, ``slack_upper`` are ``(p,)``, infinite where nothing is
    known; ``source`` and ``argument`` ``(p,)`` describe the multiplier's bounds, ``slack_source`` the slack's.
    """

    multiplier_lower: Floats
    multiplier_upper: Floats
    slack_upper: Floats
    source: Integers
    argument: Integers
    slack_source: Integers

    @classmethod
    def unknown(cls, mpec: MPEC) -> Bounds:
        """Return what the columns say: zero below for inequalities, nothing above."""
        p = len(mpec.complementarity)
        column = mpec.complementarity.multiplier
        upper = mpec.columns.upper[column].copy()
        known = np.isfinite(upper)
        return cls(
            mpec.columns.lower[column].copy(),
            upper,
            np.full(p, np.inf),
            np.where(known, int(Source.DERIVED), int(Source.NONE)),
            np.where(known, COLUMN, NO_ARGUMENT),
            np.full(p, int(Source.NONE)),
        )

    def tightened(self, lower: Floats, upper: Floats, argument: int, source: Source = Source.DERIVED) -> Bounds:
        """Return the bounds with multipliers cut to ``[lower, upper]`` wherever that is tighter."""
        smaller = upper < self.multiplier_upper
        larger = lower > self.multiplier_lower
        changed = smaller | larger
        return replace(
            self,
            multiplier_lower=np.where(larger, lower, self.multiplier_lower),
            multiplier_upper=np.where(smaller, upper, self.multiplier_upper),
            source=np.where(changed, int(source), self.source),
            argument=np.where(changed, argument, self.argument),
        )

    def by_cutoff(self) -> Bounds:
        """Return the bounds, those that were derived labelled as resting on a cutoff."""
        derived = (self.source == Source.DERIVED) & (self.argument != COLUMN)
        return replace(self, argument=np.where(derived, CUTOFF, self.argument))

    def take(self, entries: Integers) -> Bounds:
        """Return the bounds of some of the rows."""
        return Bounds(*(getattr(self, item.name)[entries] for item in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Bounds], entries: Sequence[Integers]) -> Bounds:
        """Return the bounds of all rows, ``parts[i]`` being those of the rows ``entries[i]``."""
        order = np.argsort(np.concatenate(entries))
        return cls(*(np.concatenate([getattr(part, item.name) for part in parts])[order] for item in fields(cls)))

    def with_slacks(self, upper: Floats, source: Source = Source.DERIVED) -> Bounds:
        """Return the bounds with slacks cut to ``upper`` wherever that is tighter."""
        smaller = upper < self.slack_upper
        return replace(
            self,
            slack_upper=np.where(smaller, upper, self.slack_upper),
            slack_source=np.where(smaller, int(source), self.slack_source),
        )


ZERO = 1e-9
"""Bounds of smaller magnitude are zero up to the rounding of what derived them."""


def padded(bound: Floats, scale: float = 1e-6) -> Floats:
    """Return bounds that rounding cannot make wrong: zero stays exactly zero, others grow.

    A bound within 1e-9 of zero is exactly zero; any other grows by ``max(1e-3, scale |bound|)``:
    a box as narrow as a solver's feasibility tolerance can make its presolve call a feasible
    program infeasible.
    """
    magnitude = np.abs(bound)
    with np.errstate(invalid="ignore"):
        grown = bound + np.maximum(1e-3, scale * magnitude)
    return np.where(magnitude <= ZERO, 0.0, grown)


def assumptions(names: Names, bounds: Bounds) -> tuple[str, ...]:
    """Name the bounds that were not derived: an answer that rests on them is not proven.

    One sentence for each of multipliers and slacks, given and assumed; ``names`` ``(p,)`` are those of the
    lower-level rows.
    """
    sentences = []
    for what, source, lower, upper in (
        ("multiplier", bounds.source, bounds.multiplier_lower, bounds.multiplier_upper),
        ("slack", bounds.slack_source, np.zeros(len(bounds.slack_upper)), bounds.slack_upper),
    ):
        for kind in (Source.GIVEN, Source.ASSUMED):
            rows = np.flatnonzero(source == kind).tolist()
            if rows:
                some = ", ".join(_range(names[i], float(lower[i]), float(upper[i])) for i in rows[:SHOWN])
                more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
                sentences.append(f"{what} bound {kind.name.lower()}, not derived: {some}{more}")
    return tuple(sentences)


def _range(name: str, lower: float, upper: float) -> str:
    return f"{name} <= {upper:.6g}" if lower == 0 else f"{lower:.6g} <= {name} <= {upper:.6g}"
