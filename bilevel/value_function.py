"""Games with integer followers: which search over the followers' responses is made."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bilevel.answer import Limits
from bilevel.errors import NotApplicable
from bilevel.highs import HighsOptions
from bilevel.methods import ValueFunction
from bilevel.response_answer import ResponseAnswer
from bilevel.response_boxes import boxed, is_boxed
from bilevel.response_rounds import Rounds
from bilevel.response_tree import Tree
from reformulations.high_point import HighPoint, high_point, relaxed_responses
from reformulations.programs import BilevelProgram

_MANY = 20
"""Linking columns from which on the tree is faster than the rounds, measured on bmilplib (10 to 160 of them)."""


def search_responses(
    game: BilevelProgram, method: ValueFunction, limits: Limits, progress: Callable[[Any], None] | None = None
) -> ResponseAnswer:
    """Solve a game with linear followers, some of their columns integer.

    ``"auto"`` takes the tree in interdiction games, where the leader only wants what the follower does not, and where a
    follower has continuous columns too and the leader's linking columns are many, if these are bounded integers; else
    the rounds.

    Raises
    ------
    NotApplicable
        When the game is not linear, followers interact, or a bound is missing; names the component.
    UnboundedFollower
        When a follower has no best response.
    """
    began = time.perf_counter()
    options = HighsOptions(threads=limits.threads, gap=1e-9)
    source = high_point(game)
    relaxation = boxed(source, options)
    if method.search == "tree" and not _has_integer_links(relaxation):
        raise NotApplicable(
            _first_link(relaxation),
            'ValueFunction(search="tree") needs bounded integer variables of the leader where it acts on followers; '
            'use search="rounds"',
        )
    use_tree = method.search == "tree" or (method.search == "auto" and _suits_tree(relaxation))
    if use_tree:
        return Tree(source, relaxation, method, limits, began, progress).run()
    return Rounds(source, relaxation, method, limits, began, progress).run()


def _has_integer_links(relaxation: HighPoint) -> bool:
    integer = relaxation.game.columns.integer[relaxation.linking]
    return bool(integer.all()) and is_boxed(relaxation)


def _first_link(relaxation: HighPoint) -> str:
    game = relaxation.game
    wrong = relaxation.linking & ~game.columns.integer
    wrong = wrong if wrong.any() else relaxation.linking
    return game.columns.names[int(wrong.argmax())]


def _suits_tree(relaxation: HighPoint) -> bool:
    game = relaxation.game
    if not _has_integer_links(relaxation):
        return False
    mixed = bool((game.follower_columns & ~game.columns.integer).any())
    interdicted = bool(relaxed_responses(relaxation)[game.follower_columns].all())
    return interdicted or (mixed and int(relaxation.linking.sum()) >= _MANY)
