"""Scenarios that are approached from where some integer decisions of recourse have no answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reformulations.programs import Floats
from reformulations.robust.missed_rows import OneWayRows, Ray, most_missed
from reformulations.sets.linear_sets import LinearSet

CLEAR = 3e-7
"""Rows missed by as much are missed in the eyes of a solver whose tolerance is 1e-7."""

_STEPS = 0.5 ** np.arange(20)


@dataclass(frozen=True, slots=True, eq=False)
class Approach:
    """The ``scenario`` ``(k,)`` as the end of a segment that begins at ``origin``.

    The decisions ``unanswered`` have no answer on the segment, its end perhaps excepted: there the ``rays`` are
    positive. Without any, the scenario is meant alone.
    """

    scenario: Floats
    origin: Floats | None = None
    unanswered: Sequence[Floats] = ()
    rays: Sequence[Ray] = ()

    def scenarios(self) -> Iterator[Floats]:
        """Yield scenarios that come nearer to the end, the last as near as :data:`CLEAR` allows."""
        if self.origin is None:
            yield self.scenario
            return
        there, here = ([ray.at(u) for ray in self.rays] for u in (self.origin, self.scenario))
        last = max((CLEAR - b) / (a - b) if b < CLEAR else 0.0 for a, b in zip(there, here, strict=True))
        for share in (*(step for step in _STEPS if step > last), last):
            yield share * self.origin + (1 - share) * self.scenario


def approach_from(
    rows: OneWayRows, within: LinearSet, ends: tuple[Floats, Floats], unanswered: Sequence[Floats]
) -> Approach | None:
    """Return the way to the first of two scenarios that begins where the decisions miss their rows most.

    The rays are those of the middle of both, so that none is negative at the first; None where they miss nothing.
    """
    u, other = ends
    if not unanswered:
        return Approach(u)
    rays = [ray for w in unanswered if (ray := rows.ray(w, (u + other) / 2)) is not None]
    origin, least = most_missed(rays, within)
    return Approach(u, origin, unanswered, rays) if len(rays) == len(unanswered) and least > CLEAR else None
