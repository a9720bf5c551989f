"""A point from elsewhere certified, with or without multipliers."""

from __future__ import annotations

import numpy as np

from bilevel.certificate.certify import Certificate, certify
from bilevel.certificate.follower_multipliers import with_multipliers as multipliers_added
from bilevel.certificate.respond import respond
from bilevel.certificate.worst_case_check import Claim
from bilevel.language.nature import set_at
from bilevel.language.read import Game
from bilevel.robust.games import is_robust, with_worst_case
from reformulations.programs import Floats
from reformulations.responses import HeldGame

_TOLERANCE = 1e-6


def check_point(game: Game, point: Floats, *, with_multipliers: bool, threads: int | None = None) -> Certificate:
    """Return the certificate of a point that was given, without any bound.

    Of a game with nature, the scenario in the point is claimed to be the worst.

    Parameters
    ----------
    game
        The game.
    point
        ``(n + m + 2 n,)``.
    with_multipliers
        Whether those in ``point`` are to be checked; else they are taken from the followers solved again, for
        there is nothing to check but the values.
    threads
        Of HiGHS.
    """
    program = game.program
    values = np.asarray(point[: len(program.columns)])
    if not with_multipliers:
        held = HeldGame.at(program, values, _TOLERANCE)
        point = multipliers_added(program, values, respond(held, threads))
    certificate = certify(program, point, threads=threads)
    if not is_robust(game):
        return certificate
    return with_worst_case(certificate, Claim(program, point, set_at(game, point)), threads=threads)
