"""Solve a compiled game by SCIP, and polish its point by HiGHS."""

from __future__ import annotations

import time

import numpy as np
from scipy import sparse

from bilevel.compiler.pipeline import Image
from bilevel.solvers import scip
from bilevel.solvers.answer import Answer, Limits
from bilevel.solvers.convex import convex_optimum
from bilevel.solvers.outcome import HighsOptions
from reformulations.convexity import is_convex
from reformulations.patterns import at_pattern
from reformulations.programs import MPEC, Booleans, Floats, MixedIntegerProgram, Product, Rows
from reformulations.spatial import SpatialProgram

CLOSER = 1e-5
"""A polished point is taken when its objective differs from SCIP's by no more than this, relatively, to the worse."""


def spatial_search(image: Image, program: SpatialProgram, limits: Limits, start: Floats | None = None) -> Answer:
    """Solve the program of ``image`` by SCIP; ``start`` is a point of the MPEC to begin with.

    The complementarity pattern and the integers of SCIP's point are fixed in the MPEC, and so is one factor of
    each product that is not part of a convex objective: the program that remains is linear or convex
    quadratic, and its optimum is returned. The bound is SCIP's proven one.
    """
    began = time.perf_counter()
    options = HighsOptions(time_limit=limits.time_limit, gap=0.5 * limits.gap, progress=limits.progress)
    padded = None
    if start is not None:
        padded = np.concatenate([start, np.full(len(program.columns) - len(start), np.nan)])
    outcome = scip.solve(program, options, padded)
    if outcome.point is None:
        return Answer(outcome.status, None, np.inf, outcome.bound, outcome.nodes, time.perf_counter() - began)
    found = outcome.point[: len(image.mpec.columns)]
    point = _polished(image, found, limits.threads)
    objective = image.mpec.objective(point)
    return Answer(outcome.status, point, objective, outcome.bound, outcome.nodes, time.perf_counter() - began)


def _polished(image: Image, point: Floats, threads: int | None) -> Floats:
    mpec, pairs = image.mpec, image.mpec.complementarity
    active = (point[pairs.multiplier] > pairs.slacks(point)) & ~pairs.equality
    program = at_pattern(mpec, active, point[mpec.columns.integer])
    rows, products = mpec.rows.products, program.products
    curved = len(products) > 0 and not is_convex(products, len(mpec.columns))
    held = _held(mpec, rows + products if curved else rows)
    best = convex_optimum(_with_held(program, rows, held, point), threads)
    if best is None:
        return point
    worse = mpec.objective(best) - mpec.objective(point)
    return best if worse <= CLOSER * max(1.0, abs(mpec.objective(point))) else point


def _held(mpec: MPEC, products: Product) -> Booleans:
    """Mask one factor of each product: the leader's columns, and the first factor where both are followers'."""
    theirs = np.zeros(len(mpec.columns), bool)
    theirs[mpec.stationarity.column] = theirs[mpec.complementarity.multiplier] = True
    held = np.zeros(len(mpec.columns), bool)
    for side in (products.left, products.right):
        held[side[~theirs[side]]] = True
    held[products.left[~(held[products.left] | held[products.right])]] = True
    return held


def _with_held(program: MixedIntegerProgram, terms: Product, held: Booleans, point: Floats) -> MixedIntegerProgram:
    """Return the program at the values of the held columns, its products and the rows' ``terms`` linear or gone."""
    columns, rows, n = program.columns, program.rows, len(program.columns)
    values = np.clip(point, columns.lower, columns.upper)
    lower, upper = np.where(held, values, columns.lower), np.where(held, values, columns.upper)
    matrix = rows.matrix + _at(terms, held, values, (len(rows), n))
    mixed = held[program.products.left] | held[program.products.right]
    linear = _at(program.products.take(mixed), held, values, (1, n))
    return MixedIntegerProgram(
        type(columns)(lower, upper, columns.integer, columns.names),
        Rows(sparse.csr_array(matrix), rows.lower, rows.upper, rows.names),
        program.cost + linear.toarray().ravel(),
        program.constant,
        program.products.take(~mixed),
    )


def _at(terms: Product, held: Booleans, values: Floats, shape: tuple[int, int]) -> sparse.csr_array:
    """Return the linear form of products at the value of one factor of each."""
    first = held[terms.left]
    fixed, free = np.where(first, terms.left, terms.right), np.where(first, terms.right, terms.left)
    entries = (terms.value * values[fixed], (terms.index, free))
    return sparse.csr_array(sparse.coo_array(entries, shape=shape).tocsr())
