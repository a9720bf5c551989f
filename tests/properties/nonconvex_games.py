"""Small games whose follower is not convex, and its best responses by enumeration of faces, without a solver."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pyomo.environ as pyo
from hypothesis import assume
from hypothesis import strategies as st

from tests.problems.library import game, minimise, rows

Floats = np.ndarray
SMALL = st.integers(-3, 3)


@dataclass(frozen=True)
class QuadraticGame:
    """A leader with ``x`` in [-1, 1], a follower with ``y`` in [-1, 1]^n, n = 1 or 2, and one row.

    ::

        min_x  a x + b'y + x d'y    s.t.  y in argmin { (c + e x)'y + y'Q y / 2 :  u x + v'y <= w,  -1 <= y <= 1 }
    """

    a: float
    b: Floats
    d: Floats
    c: Floats
    e: Floats
    q: Floats
    u: float
    v: Floats
    w: float

    def declare(self) -> pyo.ConcreteModel:
        """Return the game as a model."""
        m, size = game("quadratic"), range(len(self.b))
        x = m.x = pyo.Var(bounds=(-1, 1))
        y = m.follower.y = pyo.Var(size, bounds=(-1, 1))
        if self.v.any():
            rows(m.follower, self.u * x + sum(self.v[i] * y[i] for i in size) <= self.w)
        curved = sum(0.5 * self.q[i, j] * y[i] * y[j] for i in size for j in size)
        minimise(m.follower, sum((self.c[i] + self.e[i] * x) * y[i] for i in size) + curved)
        minimise(m, self.a * x + sum((self.b[i] + self.d[i] * x) * y[i] for i in size))
        return m

    def leader(self, x: float, y: Floats) -> float:
        """Return the leader's objective."""
        return float(self.a * x + y @ (self.b + self.d * x))

    def follower(self, x: float, y: Floats) -> float:
        """Return the follower's objective."""
        return float(y @ (self.c + self.e * x) + 0.5 * y @ self.q @ y)

    def best(self, x: float, room: float = 1e-9) -> tuple[float, float]:
        """Return the follower's optimum and what the leader gets from its favourite best response; infinite if none.

        Rows may be violated by ``room``.
        """
        found = [(self.follower(x, y), self.leader(x, y)) for y in self._stationary(x, room)]
        if not found:
            return np.inf, np.inf
        optimum = min(value for value, _ in found)
        return optimum, min(worth for value, worth in found if value <= optimum + 1e-9)

    def best_response(self, x: float) -> Floats | None:
        """Return a best response; None where there is no response."""
        found = self._stationary(x, 1e-9)
        return min(found, key=lambda y: self.follower(x, y)) if found else None

    def is_feasible(self, x: float, y: Floats, room: float) -> bool:
        """Whether rows and bounds hold up to ``room``."""
        return bool(self.u * x + self.v @ y <= self.w + room and np.abs([x, *y]).max() <= 1 + room)

    def _stationary(self, x: float, room: float) -> list[Floats]:
        """Return the feasible stationary points of all faces: the best response is among them.

        On a face whose points ``y0 + N t`` have a singular ``N'QN``, the optimum is on a smaller face as well.
        """
        n = len(self.b)
        normals = np.concatenate([np.eye(n), -np.eye(n), self.v[None, :]])
        sides = np.concatenate([np.ones(2 * n), [self.w - self.u * x]])
        points = []
        for size in range(n + 1):
            for active in combinations(range(len(sides)), size):
                k = len(active)
                system = np.zeros((n + k, n + k))
                system[:n, :n] = self.q
                system[:n, n:], system[n:, :n] = normals[list(active)].T, normals[list(active)]
                if np.linalg.matrix_rank(system) < n + k:
                    continue
                y = np.linalg.solve(system, np.concatenate([-(self.c + self.e * x), sides[list(active)]]))[:n]
                if np.all(normals @ y <= sides + room):
                    points.append(y)
        return points


@st.composite
def quadratic_games(draw: Any) -> QuadraticGame:
    """Draw a game with small integers whose follower is not convex."""
    n = draw(st.integers(1, 2))

    def vector(size: int) -> Floats:
        return np.array(draw(st.lists(SMALL, min_size=size, max_size=size)), float)

    half = vector(n * n).reshape(n, n)
    assume(np.linalg.eigvalsh(half + half.T)[0] < -0.1)
    moved = draw(st.booleans())
    return QuadraticGame(
        draw(SMALL),
        vector(n),
        vector(n),
        vector(n),
        vector(n),
        half + half.T,
        draw(SMALL) if moved else 0.0,
        vector(n),
        draw(st.integers(0, 3)),
    )
