"""What a follower plays instead of what the leader switches off: interdiction."""

from __future__ import annotations

import numpy as np

from reformulations.programs import Floats
from reformulations.stored_responses.high_point import HighPoint

_SMALL = 1e-6


def gain_of(relaxation: HighPoint, column: int, amount: float) -> float:
    """Return what ``amount`` more of a column is worth to its follower, at least nothing."""
    return max(0.0, float(relaxation.worth[column]) * amount)


def substitutes(relaxation: HighPoint, follower: int, point: Floats) -> tuple[tuple[int, int], ...]:
    """Return pairs of switching rows: where the first one's column is forbidden, the second one's can be used instead.

    ``point`` ``(n,)`` holds the leader's decision and the follower's response to it. A column ``b`` that the response
    does not use and the leader leaves alone replaces ``a``, which it uses, wherever one unit of ``b`` takes no more of
    any row than ``a`` does; each column stands in one pair. The response's value, with ``p`` what columns are worth,
    then becomes::

        sum_a p_a y_a - p_a [a forbidden] + p_b ([a forbidden] - [b forbidden])      at least

    (lifted interdiction cuts: Fischetti, Ljubic, Monaci and Sinnl, INFORMS Journal on Computing 31, 2019,
    doi:10.1287/ijoc.2018.0831).
    """
    game = relaxation.game
    rows = np.flatnonzero(relaxation.decided & (game.row_owner == relaxation.followers[follower]))
    switching = rows[relaxation.switched[rows] >= 0]
    columns = relaxation.switched[switching].tolist()
    once = {row: column for row, column in zip(switching.tolist(), columns, strict=True) if columns.count(column) == 1}
    if not once:
        return ()
    matrix = game.rows.matrix[rows].toarray()
    place = {int(row): i for i, row in enumerate(rows)}
    excess, floor = point - game.columns.lower, game.columns.lower
    used = [row for row, column in once.items() if excess[column] > _SMALL]
    spare = [
        row for row, column in once.items() if excess[column] <= _SMALL and _is_allowed(relaxation, row, column, point)
    ]
    spare.sort(key=lambda row: -gain_of(relaxation, once[row], 1.0))
    pairs: list[tuple[int, int]] = []
    for second in spare:
        b = once[second]
        gain = gain_of(relaxation, b, 1.0)
        for first in used:
            a = once[first]
            change = matrix[:, b] - matrix[:, a] * excess[a]
            change[[place[first], place[second]]] = 0.0
            fits = np.all((change <= 0) | np.isposinf(game.rows.upper[rows]))
            fits &= np.all((change >= 0) | np.isneginf(game.rows.lower[rows]))
            if fits and 0.0 < gain <= gain_of(relaxation, a, float(point[a] - floor[a])):
                pairs.append((first, second))
                used.remove(first)
                break
    return tuple(pairs)


def _is_allowed(relaxation: HighPoint, row: int, column: int, point: Floats) -> bool:
    """Tell whether one unit of a column more is within its bound and its switching row at the point."""
    game = relaxation.game
    more = point.copy()
    more[column] += 1.0
    activity = float((game.rows.matrix[[row]] @ more)[0])
    within = game.rows.lower[row] - _SMALL <= activity <= game.rows.upper[row] + _SMALL
    return bool(game.columns.integer[column]) and within and bool(more[column] <= game.columns.upper[column])
