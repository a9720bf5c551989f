"""Recognise recourse with constant prices, and put what it costs there into the first stage."""

from __future__ import annotations

from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.robust.constant_prices import constant_prices, with_priced_recourse
from reformulations.robust.two_stage import TwoStage
from reformulations.uncertainty import UncertaintySet


def priced_first_stage(two_stage: TwoStage, within: UncertaintySet, threads: int | None) -> TwoStage | None:
    """Return the game whose first stage bounds the worst case by constant prices of recourse; None without these.

    What is bounded is never more than the worst case; whether it is the worst case, nature's answer to a plan says.
    """
    prices = constant_prices(two_stage)
    if prices is None:
        return None
    outcome = PersistentHighs(prices.rest, HighsOptions(threads=threads)).solve()
    if outcome.status != "optimal":
        return None
    return with_priced_recourse(two_stage, prices, outcome.bound, within.polyhedral())
