"""Followers without a best response at a decision of the leader, which is named."""

from __future__ import annotations

import numpy as np

from bilevel.errors import UnboundedFollower
from bilevel.printing import listed, number
from reformulations.programs import BilevelProgram, Booleans, Floats

_FEW = 4


def unbounded_follower(game: BilevelProgram, player: int, linking: Booleans, here: Floats) -> UnboundedFollower:
    """Return the error of a follower that is unbounded at ``here`` ``(n,)``.

    Named are the first of the columns ``linking`` ``(n,)``, with which the leader acts on followers.
    """
    seen = np.flatnonzero(linking[: len(game.columns)])
    values = [f"{game.columns.names[int(j)]} = {number(round(float(here[j]), 9))}" for j in seen]
    where = f"at a decision of the leader ({listed(values, _FEW)})" if values else "whatever the leader decides"
    return UnboundedFollower(f"{game.players[player]}: its objective is unbounded {where}; bound its variables")
