"""Convexity of quadratic forms, decided block by block."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg as sparse_linalg

from reformulations.programs import Booleans, Floats, Integers, Matrix, Product

TOLERANCE = 1e-9
"""Smallest eigenvalue allowed, relative to the largest entry of its block: rounding of dense eigenvalues is 1e-12."""

DENSE_BLOCK = 2000
"""Blocks up to this size are decided by their dense eigenvalues (2 s at 2000)."""

STACK = 4_000_000
"""How many entries of dense blocks are decomposed at once (32 MB)."""


def is_convex(product: Product, n: int, tolerance: float = TOLERANCE) -> bool:
    """Tell whether the sum of all terms is a convex function of ``n`` columns.

    The Hessian is split into its connected blocks; each must have eigenvalues of at least
    ``-tolerance`` times the block's largest entry.
    """
    return bool(convex_terms(product, n, tolerance).all())


def convex_terms(product: Product, n: int, tolerance: float = TOLERANCE) -> Booleans:
    """Return the mask of the terms that stand in a convex block.

    Two columns are in one block when a chain of products links them. A term belongs to the block of
    its columns; the blocks have no column in common, so the sum is convex exactly when each is.
    """
    if len(product) == 0:
        return np.zeros(0, bool)
    half = sparse.coo_array((product.value, (product.left, product.right)), shape=(n, n))
    hessian = sparse.csr_array((half + half.T).tocsr())
    count, block = csgraph.connected_components(hessian, directed=False)
    return np.asarray(_convex_blocks(hessian, int(count), np.asarray(block, np.int64), tolerance)[block[product.left]])


def _convex_blocks(hessian: Matrix, count: int, block: Integers, tolerance: float) -> Booleans:
    diagonal = np.asarray(hessian.diagonal())
    scale = np.zeros(count)
    entry_row = np.repeat(np.arange(len(block)), np.diff(hessian.indptr))
    np.maximum.at(scale, block[entry_row], np.abs(hessian.data))
    least = np.full(count, np.inf)
    np.minimum.at(least, block, diagonal)
    # A negative diagonal entry, or a zero one beside others, is a direction of negative curvature.
    size = np.bincount(block, minlength=count)
    convex = np.where(size == 1, least >= 0, least > 0)
    order = np.argsort(block, kind="stable")
    starts = np.cumsum(size) - size
    place = np.empty(len(block), np.int64)
    place[order] = np.arange(len(block)) - starts[block[order]]
    for width in np.unique(size[convex & (size > 1)]).tolist():
        same = np.flatnonzero(convex & (size == width))
        if width > DENSE_BLOCK:
            for b in same:
                members = order[starts[b] : starts[b] + width]
                convex[b] = _is_semidefinite(sparse.csr_array(hessian[members][:, members]), tolerance * scale[b])
            continue
        for part in np.array_split(same, -(-len(same) * width**2 // STACK)):
            rank = np.full(count, -1, np.int64)
            rank[part] = np.arange(len(part))
            inside = rank[block[entry_row]] >= 0
            row, column = entry_row[inside], hessian.indices[inside]
            dense = np.zeros((len(part), width, width))
            dense[rank[block[row]], place[row], place[column]] = hessian.data[inside]
            convex[part] = np.linalg.eigvalsh(dense)[:, 0] >= -tolerance * scale[part]
    return np.asarray(convex, bool)


def _is_semidefinite(block: Matrix, shift: float) -> bool:
    pivots = _pivots(block, shift)
    if pivots is not None:
        return bool(np.all(pivots > 0))
    values = sparse_linalg.eigsh(block, k=1, which="SA", return_eigenvectors=False)
    return bool(values[0] >= -shift)


def _pivots(block: Matrix, shift: float) -> Floats | None:
    """Return the pivots of ``block + shift I`` factored symmetrically, or None where pivots were exchanged.

    Without exchanges ``P A P' = L D L'``, and the signs of ``D`` are those of the eigenvalues
    (Sylvester's law of inertia).
    """
    shifted = sparse.csc_array(block + shift * sparse.eye_array(block.shape[0]))
    try:
        factors = sparse_linalg.splu(
            shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
    except RuntimeError:  # exactly singular: an eigenvalue at -shift
        return None
    if not np.array_equal(factors.perm_r, factors.perm_c):
        return None
    return np.asarray(factors.U.diagonal())
