"""What affine decision rules would cost, beside the exact answer."""

from __future__ import annotations

import numpy as np
from pyomo.core.base.block import BlockData

from bilevel.errors import InfeasibleGame, NotApplicable
from bilevel.language.nature import nature_set
from bilevel.language.read import read
from bilevel.robust.masters import compile_master
from bilevel.search.optimise import Limits, optimise
from reformulations import refusal
from reformulations.robust import affine_rules
from reformulations.robust.two_stage import split


def affine_value(
    model: BlockData, *, gap: float = 1e-6, time_limit: float | None = None, threads: int | None = None
) -> float | None:
    """Return the value of a robust game whose recourse is an affine function of nature; None without such a plan.

    It is never better for the leader than the exact value, which :func:`bilevel.solve` finds; the difference is what
    exactness buys. Nothing is loaded into the model.

    Parameters
    ----------
    model
        A Pyomo model with :class:`bilevel.Uncertain` variables and :class:`bilevel.Recourse`.
    gap
        Relative distance of the bounds at which to stop.
    time_limit
        Seconds; without an answer by then the value is None.
    threads
        Of HiGHS.

    Raises
    ------
    NotApplicable
        For a game outside the class of :class:`bilevel.CCG`; names the component.
    """
    game = read(model)
    within = nature_set(game)
    try:
        two_stage = split(game.program)
        static = affine_rules.affine_game(two_stage, within.polyhedral())
        image = compile_master(static, None, threads)
    except InfeasibleGame:
        return None
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused
    answer = optimise(image, Limits(gap, time_limit, threads))
    return float(two_stage.sense * answer.objective) if np.isfinite(answer.objective) else None
