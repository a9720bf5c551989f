"""Integer decisions taken out of a mixed-integer program, one at a time.

A decision ``a`` is excluded by its distance in the 1-norm being at least one::

    sum_{a_k = l_k} (w_k - l_k) + sum_{a_k = h_k} (h_k - w_k) + sum_{l_k < a_k < h_k} (p_k + m_k) >= 1

with binaries ``p_k``, ``m_k`` that are one only where ``w_k`` is above or below ``a_k``, for the columns that are
inside their bounds ``l <= w <= h`` (Balas & Jeroslow, Canonical cuts on the unit hypercube, 1972: all are binary).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.programs import Columns, Floats, Integers, MixedIntegerProgram, Names, Rows
from reformulations.refusal import NotApplicable


def without_decisions(
    program: MixedIntegerProgram, whole: Integers, decisions: Sequence[Floats]
) -> MixedIntegerProgram:
    """Return the program in which the columns ``whole`` ``(w,)`` take none of the ``decisions``, each ``(w,)``.

    Raises
    ------
    NotApplicable
        When an integer column that is inside its bounds has an infinite one.
    """
    for decision in decisions:
        program = _without(program, whole, decision)
    return program


def _without(program: MixedIntegerProgram, whole: Integers, a: Floats) -> MixedIntegerProgram:
    columns = program.columns
    low, high = columns.lower[whole], columns.upper[whole]
    at_low, at_high = a <= low, (a >= high) & (a > low)
    inside = np.flatnonzero(~at_low & ~at_high)
    for k in inside[~np.isfinite(low[inside]) | ~np.isfinite(high[inside])][:1]:
        raise NotApplicable(
            columns.names[int(whole[k])],
            "integer recourse can fail in some scenarios, so its integers need finite bounds; give it some",
        )
    n, count = len(columns), len(inside)
    above, below = n + np.arange(count), n + count + np.arange(count)
    mine, place = whole[inside], np.arange(count)
    cut = sparse.lil_array((1 + 2 * count, n + 2 * count))
    cut[0, whole[at_low]], cut[0, whole[at_high]], cut[0, np.append(above, below)] = 1.0, -1.0, 1.0
    # w >= l + (a + 1 - l) p  and  w <= h - (h - a + 1) m
    cut[1 + place, mine], cut[1 + place, above] = 1.0, -(a + 1 - low)[inside]
    cut[1 + count + place, mine], cut[1 + count + place, below] = -1.0, -(high - a + 1)[inside]
    least = np.concatenate([[1.0 + low[at_low].sum() - high[at_high].sum()], low[inside], -high[inside]])
    binaries = Columns(np.zeros(2 * count), np.ones(2 * count), np.ones(2 * count, bool), _names(2 * count, "side"))
    wide = sparse.csr_array(sparse.hstack([program.rows.matrix, sparse.csr_array((len(program.rows), 2 * count))]))
    more = Rows(sparse.csr_array(cut), least, np.full(len(least), np.inf), _names(len(least), "excluded decision"))
    return replace(
        program,
        columns=columns.append(binaries),
        rows=replace(program.rows, matrix=wide).append(more),
        cost=np.append(program.cost, np.zeros(2 * count)),
    )


def _names(count: int, what: str) -> Names:
    return Names(count, lambda i: f"{what} {i}")
