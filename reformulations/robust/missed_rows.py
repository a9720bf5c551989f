"""By how much the rows of recourse are missed at an integer decision, and where they are missed most.

With the rows written one way, ``N u + G y + J w >= g``, ``l <= y <= h``, the least violation of a decision ``w`` is::

    t_w(u) = min {t >= 0 : N u + G y + J w + t >= g,  l <= y <= h}
           = max {p'(g - J w - N u) - max {p'G y : l <= y <= h} : p >= 0, sum p <= 1}

Each ray ``p`` gives an affine function of ``u`` that is nowhere above ``t_w``: where it is positive, ``w`` has no
answer, which needs no trust in whoever found ``p``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from reformulations.programs import Columns, Floats, Matrix
from reformulations.sets.linear_sets import LinearSet

_SMALL = 1e-12


@dataclass(frozen=True, slots=True)
class Ray:
    """Where ``constant + slope @ u > 0``, a decision has no answer."""

    slope: Floats
    constant: float

    def at(self, u: Floats) -> float:
        """Return the value at ``u`` ``(k,)``."""
        return self.constant + float(self.slope @ u)


@dataclass(frozen=True, slots=True)
class OneWayRows:
    """The rows ``nature @ u + moving @ y + whole @ w >= least`` with ``columns`` ``y``."""

    nature: Matrix
    moving: Matrix
    whole: Matrix
    least: Floats
    columns: Columns

    @classmethod
    def of(cls, matrices: tuple[Matrix, Matrix, Matrix], lower: Floats, upper: Floats, columns: Columns) -> OneWayRows:
        """Turn rows with two sides, of nature, of ``y`` and of ``w``, into rows with one."""
        below, above = np.isfinite(lower), np.isfinite(upper)
        nature, moving, whole = (
            sparse.csr_array(sparse.vstack([matrix[below], -matrix[above]], format="csr")) for matrix in matrices
        )
        return cls(nature, moving, whole, np.concatenate([lower[below], -upper[above]]), columns)

    def ray(self, w: Floats, u: Floats) -> Ray | None:
        """Return a ray of the decision ``w`` whose value at ``u`` is the least violation there; None without an LP."""
        q, m = len(self.columns), len(self.least)
        right = self.least - self.whole @ w
        loosened = sparse.hstack([-self.moving, -sparse.csr_array(np.ones((m, 1)))], format="csr")
        lower, upper = np.append(self.columns.lower, 0.0), np.append(self.columns.upper, np.inf)
        answer = linprog(
            np.append(np.zeros(q), 1.0),
            A_ub=loosened,
            b_ub=np.asarray(self.nature @ u - right),
            bounds=list(zip(lower.tolist(), upper.tolist(), strict=True)),
            method="highs-ds",
        )
        if answer.status != 0:
            return None
        weights = np.maximum(-np.asarray(answer.ineqlin.marginals, np.float64), 0.0)
        weights /= max(1.0, float(weights.sum()))
        price = np.asarray(self.moving.T @ weights)
        price[np.abs(price) <= _SMALL] = 0.0
        reached = np.zeros(q)
        up, down = price > 0, price < 0
        reached[up], reached[down] = self.columns.upper[up], self.columns.lower[down]
        return Ray(-np.asarray(self.nature.T @ weights), float(weights @ right - price @ reached))


def most_missed(rays: Sequence[Ray], within: LinearSet) -> tuple[Floats, float]:
    """Return the scenario ``(k,)`` of the set at which the least of all ``rays`` is largest, and that value.

    Raises
    ------
    ValueError
        When the set is empty.
    """
    k, width = within.dimension, within.matrix.shape[1]
    wide = sparse.csr_array(sparse.hstack([within.matrix, sparse.csr_array((within.matrix.shape[0], 1))]))
    cut = np.zeros((len(rays), width + 1))
    cut[:, :k], cut[:, width] = [ray.slope for ray in rays], -1.0
    lifted = LinearSet(
        sparse.csr_array(sparse.vstack([wide, sparse.csr_array(cut)], format="csr")),
        np.concatenate([within.lower, [-ray.constant for ray in rays]]),
        np.concatenate([within.upper, np.full(len(rays), np.inf)]),
        np.append(within.column_lower, -np.inf),
        np.append(within.column_upper, np.inf),
        width + 1,
    )
    point = lifted.maximiser(np.append(np.zeros(width), 1.0))
    return point[:k], float(point[width])
