"""A point from elsewhere certified, with or without multipliers."""

from __future__ import annotations

import numpy as np

from bilevel.certify import Certificate, certify
from bilevel.follower_multipliers import with_multipliers as multipliers_added
from bilevel.respond import respond
from reformulations.programs import BilevelProgram, Floats
from reformulations.responses import HeldGame

_TOLERANCE = 1e-6


def check_point(
    program: BilevelProgram, point: Floats, *, with_multipliers: bool, threads: int | None = None
) -> Certificate:
    """Return the certificate of a point that was given, without any bound.

    Parameters
    ----------
    program
        The game.
    point
        ``(n + m + 2 n,)``.
    with_multipliers
        Whether those in ``point`` are to be checked; else they are taken from the followers solved again, for
        there is nothing to check but the values.
    threads
        Of HiGHS.
    """
    values = np.asarray(point[: len(program.columns)])
    if not with_multipliers:
        held = HeldGame.at(program, values, _TOLERANCE)
        point = multipliers_added(program, values, respond(held, threads))
    return certify(program, point, threads=threads)
