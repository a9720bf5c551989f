"""Points of an uncertainty set to try a plan at: extreme points in fixed and random directions, and mixtures of them.

Everything is drawn with a fixed seed, so the same set gives the same points, and lazily, so that whoever tries them may
stop at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from reformulations.programs import Floats
from reformulations.sets.linear_sets import LinearSet

_SEED = 20131
_MOST_AXES = 16
"""Along so many axes both ends of the set are taken; with more axes some are drawn."""

_SAME = 1e-9
"""Points this close to each other, relative to their size, are the same."""


def extreme_points(within: LinearSet, most: int) -> Iterator[Floats]:
    """Yield extreme points ``(k,)`` of a set in at most ``most`` directions: all up, all down, along axes, random."""
    random, size = np.random.default_rng(_SEED), within.dimension
    axes = np.arange(size) if size <= _MOST_AXES else random.choice(size, _MOST_AXES, replace=False)
    fixed = [np.ones(size), -np.ones(size), *(sign * np.eye(1, size, j).ravel() for j in axes for sign in (1.0, -1.0))]
    for step in range(most):
        point = farthest(within, fixed[step] if step < len(fixed) else random.standard_normal(size))
        if point is not None:
            yield point


def farthest(within: LinearSet, direction: Floats) -> Floats | None:
    """Return the point ``(k,)`` of a set that is farthest in a direction; None where its linear program fails."""
    try:
        return within.maximiser(direction)[: within.dimension]
    except ValueError:
        return None


def mixtures(points: Sequence[Floats], most: int) -> Iterator[Floats]:
    """Yield ``most`` mixtures of ``points``: the middle of all, then random ones of three, of all, and of two."""
    random, corners = np.random.default_rng(_SEED), np.array(points)
    for step in range(most):
        parts = (2, 3, len(corners))[step % 3]
        chosen = corners if step == 0 else corners[random.choice(len(corners), min(parts, len(corners)), replace=False)]
        weights = np.full(len(chosen), 1 / len(chosen)) if step == 0 else random.dirichlet(np.ones(len(chosen)))
        yield np.asarray(weights @ chosen)


def near(point: Floats, points: Sequence[Floats]) -> Iterator[Floats]:
    """Yield points between ``point`` and some of ``points``, a quarter of the way to each."""
    random = np.random.default_rng(_SEED)
    for k in random.permutation(len(points)):
        yield np.asarray(0.75 * point + 0.25 * points[k])


def distinct(points: Iterable[Floats], known: Sequence[Floats] = ()) -> Iterator[Floats]:
    """Yield the points that are near no earlier and no ``known`` one."""
    seen = list(known)
    for point in points:
        room = _SAME * (1 + np.max(np.abs(point), initial=0.0))
        if not any(np.max(np.abs(point - other), initial=0.0) <= room for other in seen):
            seen.append(point)
            yield point
