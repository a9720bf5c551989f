"""The walk over the vertices of a polytope, against counts known by hand and enumeration of bases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from reformulations.sets.linear_sets import LinearSet
from reformulations.sets.vertices import TooManyVertices, polytope_vertices

INF = np.inf


def polytope(rows: np.ndarray, lower: np.ndarray, upper: np.ndarray, low: np.ndarray, high: np.ndarray) -> LinearSet:
    n = rows.shape[1]
    sides = [np.array(np.broadcast_to(side, len(rows)), dtype=float) for side in (lower, upper)]
    bounds = [np.array(np.broadcast_to(bound, n), dtype=float) for bound in (low, high)]
    return LinearSet(sparse.csr_array(rows.astype(float)), *sides, *bounds, n)


def vertices_by_bases(described: LinearSet) -> np.ndarray:
    """Oracle: solve every square system of active rows, keep the feasible solutions, drop repetitions."""
    n = described.dimension
    matrix = described.matrix.toarray()
    rows = np.vstack([matrix, -matrix, np.eye(n), -np.eye(n)])
    sides = np.concatenate([described.upper, -described.lower, described.column_upper, -described.column_lower])
    rows, sides = rows[np.isfinite(sides)], sides[np.isfinite(sides)]
    found: list[np.ndarray] = []
    for basis in map(list, itertools.combinations(range(len(rows)), n)):
        if np.linalg.matrix_rank(rows[basis], tol=1e-9) < n:
            continue
        point = np.linalg.solve(rows[basis], sides[basis])
        if np.all(rows @ point <= sides + 1e-9) and not any(np.allclose(point, known) for known in found):
            found.append(point)
    return np.array(found)


def same_points(one: np.ndarray, other: np.ndarray) -> bool:
    distance = np.abs(one[:, None] - other[None]).max(axis=2)
    return len(one) == len(other) and bool(distance.min(axis=1).max() < 1e-7)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_cube_has_two_to_the_n(size: int) -> None:
    cube = polytope(np.empty((0, size)), 0, 0, -1, 1)
    assert same_points(polytope_vertices(cube, 100), np.array(list(itertools.product([-1.0, 1.0], repeat=size))))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_cross_polytope_has_two_n(size: int) -> None:
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=size)))
    found = polytope_vertices(polytope(signs, -INF, 1, -INF, INF), 100)
    assert same_points(found, np.vstack([np.eye(size), -np.eye(size)]))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_simplex_has_one_vertex_a_coordinate(size: int) -> None:
    assert same_points(polytope_vertices(polytope(np.ones((1, size)), 1, 1, 0, INF), 10), np.eye(size))


def test_fractional_vertices_come_out() -> None:
    """{g in [0,1]^3: g1+g2+g3 <= 1.8, g1+g2 <= 1.2} has twelve, worked by hand.

    Corners of the cube: 000 100 010 001. Second row with g3 = 0: (1, .2, 0), (.2, 1, 0); with the first: g3 = .6.
    First row with g3 = 1: (.8, 0, 1), (0, .8, 1); with g1 or g2 = 1: (1, 0, .8), (0, 1, .8).
    Euler: every vertex is simple, 18 edges, 8 facets, 12 - 18 + 8 = 2.
    """
    rows, upper = np.array([[1, 1, 1], [1, 1, 0]]), np.array([1.8, 1.2])
    by_hand = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0.2, 0], [0.2, 1, 0], [1, 0.2, 0.6], [0.2, 1, 0.6]]
    by_hand += [[0.8, 0, 1], [0, 0.8, 1], [1, 0, 0.8], [0, 1, 0.8]]
    assert same_points(polytope_vertices(polytope(rows, -INF, upper, 0, 1), 100), np.array(by_hand))


def test_doubly_stochastic_matrices_have_the_permutations() -> None:
    """Degenerate, in an affine hull of dimension 4 of 9 columns: Birkhoff's theorem, 3! = 6."""
    sums = np.vstack([np.kron(np.eye(3), np.ones(3)), np.kron(np.ones(3), np.eye(3))])
    permutations = np.array([np.eye(3)[list(order)].ravel() for order in itertools.permutations(range(3))])
    assert same_points(polytope_vertices(polytope(sums, 1, 1, 0, INF), 100), permutations)


def test_set_made_flat_by_inequalities_alone() -> None:
    """The set x + y + z <= 0 with x, y >= 0 and -1 <= z <= 0 is whole; adding z >= 0 leaves the origin."""
    row = np.array([[1.0, 1.0, 1.0]])
    whole = polytope(row, -INF, 0, np.array([0, 0, -1.0]), np.array([INF, INF, 0]))
    assert same_points(polytope_vertices(whole, 10), np.array([[0, 0, 0], [1, 0, -1], [0, 1, -1], [0, 0, -1.0]]))
    flat = polytope(row, -INF, 0, np.zeros(3), np.array([INF, INF, 0]))
    assert same_points(polytope_vertices(flat, 10), np.zeros((1, 3)))


def test_repeated_rows_change_nothing() -> None:
    rows = np.array([[1.0, 1.0], [2.0, 2.0], [1.0, 1.0]])
    found = polytope_vertices(polytope(rows, -INF, np.array([1.0, 2.0, 1.0]), 0, 1), 10)
    assert same_points(found, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))


def test_columns_of_very_different_units() -> None:
    """With x up to 1e6, y up to 1e-3, x/1e6 + y/1e-3 <= 1.5: the square with one corner cut off."""
    found = polytope_vertices(polytope(np.array([[1e-6, 1e3]]), -INF, 1.5, 0, np.array([1e6, 1e-3])), 10)
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.5], [0.5, 1.0]])
    assert same_points(found / [1e6, 1e-3], square)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(seed=st.integers(0, 10**6), whole=st.booleans())
def test_walk_meets_the_vertices_that_bases_give(*, seed: int, whole: bool) -> None:
    """Whole numbers make degenerate vertices, real ones simple ones; the origin is always inside."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 5)), int(rng.integers(0, 5))
    rows = rng.integers(-2, 3, size=(m, n)) if whole else rng.normal(size=(m, n))
    upper = rng.integers(0, 3, size=m) if whole else rng.uniform(0.1, 2.0, size=m)
    lower = np.where(rng.random(m) < 0.3, -1.0, -INF)
    lower[rng.random(m) < 0.1] = 0.0
    upper = np.where(lower == 0.0, 0.0, upper)
    described = polytope(rows, lower, upper, -1, rng.integers(1, 3, size=n))
    assert same_points(polytope_vertices(described, 1000), vertices_by_bases(described))


def test_walk_stops_at_the_limit_on_a_large_cube() -> None:
    with pytest.raises(TooManyVertices, match="more than 50 vertices"):
        polytope_vertices(polytope(np.empty((0, 30)), 0, 0, 0, 1), 50)


@pytest.mark.parametrize(("upper", "message"), [(-1.0, "the set is empty"), (1.0, "the set is unbounded")])
def test_empty_and_unbounded_sets_are_refused(upper: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        polytope_vertices(
            polytope(np.array([[1.0, -1.0]]), -INF, upper, 0, np.array([INF, 0.0 if upper < 0 else INF])), 10
        )
