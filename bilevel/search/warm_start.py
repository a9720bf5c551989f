"""A start from the values in the user's variables: the leader's decision there, and what followers make of it."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from bilevel.compiler.pipeline import Image
from bilevel.errors import SolverFailure
from bilevel.language.read import Game
from bilevel.search.alternating import climbed_from
from bilevel.search.pattern_programs import PatternPrograms
from bilevel.solvers.answer import Limits
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.followers_gap import FollowersGap
from reformulations.programs import Floats
from reformulations.spatial import SpatialProgram


def values_of(game: Game) -> Floats:
    """Return the values ``(n,)`` in the variables of a model, NaN where there are none."""
    given = [variable.value for variable in game.variables]
    return np.array([np.nan if value is None else float(value) for value in given])


def start_at(image: Image, limits: Limits) -> Floats | None:
    """Return a complementary point ``(N,)`` of the image's MPEC at, or better than, the values in ``limits.values``.

    Followers that are linear and do not see each other respond anew to the leader's decision, so that only its values
    count; leader and followers then take turns while the leader gains (:mod:`bilevel.search.alternating`). For others
    the values of all variables are taken, with the multipliers that explain them best
    (:class:`reformulations.followers_gap.FollowersGap`).

    None where no point of the game is found there, where a value that is needed is missing, and for programs for SCIP.
    """
    if limits.values is None or isinstance(image.program, SpatialProgram):
        return None
    wanted = _at_values(image, limits.values)
    found = climbed_from(image, wanted, limits.threads)
    return _explained(image, wanted, limits) if found is None else found


def _at_values(image: Image, values: Floats) -> Floats:
    """Return the MPEC's columns ``(N,)`` that stand for single columns of the source, NaN for all others."""
    n = len(values)
    back = sparse.csr_array(image.to_source.matrix[:n])
    single = np.flatnonzero(np.diff(back.indptr) == 1)
    first = back.indptr[single]
    wanted = np.full(len(image.mpec.columns), np.nan)
    wanted[back.indices[first]] = (values[single] - image.to_source.offset[single]) / back.data[first]
    wanted[image.mpec.complementarity.multiplier] = np.nan
    return wanted


def _explained(image: Image, wanted: Floats, limits: Limits) -> Floats | None:
    """Return the best point with the pattern that the followers' multipliers at the values have."""
    gap = FollowersGap.of(image.mpec)
    used = np.concatenate([gap.linking, image.mpec.stationarity.column, np.flatnonzero(image.mpec.columns.integer)])
    if np.isnan(wanted[used]).any():
        return None
    point = np.nan_to_num(wanted)
    slacks, right = gap.slacks(point), gap.right_side(point)
    responses = PersistentHighs(gap.program, HighsOptions(threads=limits.threads))
    responses.change_cost(np.arange(len(slacks)), slacks)
    responses.change_row_bounds(np.arange(len(right)), right, right)
    try:
        outcome = responses.solve()
    except SolverFailure:
        return None
    if outcome.status != "optimal" or outcome.point is None:
        return None
    found = PatternPrograms(image, gap.linking, limits.threads).at(gap.active(outcome.point), point)
    return None if found is None else found.point
