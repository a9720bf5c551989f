"""Games whose followers are integer or not convex: which search over their responses is made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from bilevel.errors import NotApplicable
from bilevel.methods import ValueFunction
from bilevel.responses.answer import ResponseAnswer
from bilevel.responses.boxes import boxed, is_boxed
from bilevel.responses.global_rounds import GlobalRounds
from bilevel.responses.record import ResponseRecord
from bilevel.responses.rounds import Rounds
from bilevel.responses.tree import Tree
from bilevel.search.optimise import NO_START, STARTED
from bilevel.solvers import scip
from bilevel.solvers.answer import Limits
from bilevel.solvers.highs import HighsOptions
from reformulations import refusal
from reformulations.programs import BilevelProgram, Floats
from reformulations.stored_responses.high_point import HighPoint, high_point, relaxed_responses
from reformulations.stored_responses.nonconvex_followers import first_nonconvexity
from reformulations.stored_responses.quadratic_high_point import QuadraticHighPoint, quadratic_high_point

_MANY = 20
"""Linking columns from which on the tree is faster than the rounds, measured on bmilplib (10 to 160 of them)."""


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """How the responses are searched, and what of the game speaks for it.

    ``source`` is the high-point relaxation, ``relaxation`` the same with the bounds that its rows imply.
    """

    source: HighPoint
    relaxation: HighPoint
    kind: Literal["rounds", "tree"]
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class GlobalSearch:
    """Rounds of programs for SCIP over the relaxation of a game that is not linear, and what makes them necessary."""

    relaxation: QuadraticHighPoint
    reason: str


def needs_responses(game: BilevelProgram) -> bool:
    """Tell whether optimality conditions do not describe a follower: it decides integers, or is not convex."""
    return has_integer_followers(game) or first_nonconvexity(game) is not None


def has_integer_followers(game: BilevelProgram) -> bool:
    """Tell whether a follower decides an integer variable."""
    return bool((game.follower_columns & game.columns.integer).any())


def choose_search(
    game: BilevelProgram, method: ValueFunction, options: HighsOptions | None = None
) -> Search | GlobalSearch:
    """Choose how to search over the responses of a game.

    What is not linear is left to SCIP. Of linear followers, ``"auto"`` takes the tree in interdiction games, where the
    leader only wants what the follower does not, and where a follower has continuous columns too and the leader's
    linking columns are many, if these are bounded integers; else the rounds.

    Raises
    ------
    NotApplicable
        When followers interact, a bound is missing, or SCIP would be needed; names the component.
    """
    found = _global_search(game, method)
    if found is not None:
        return found
    source = high_point(game)
    relaxation = boxed(source, options or HighsOptions(gap=1e-9))
    if method.search == "tree" and not _has_integer_links(relaxation):
        raise NotApplicable(
            game.columns.names[_without_integer_bounds(relaxation)],
            'ValueFunction(search="tree") needs bounded integer variables of the leader where it acts on followers; '
            'use search="rounds"',
        )
    asked = method.search
    if asked == "rounds" or asked == "tree":  # noqa: PLR1714 - mypy narrows a literal by equality only
        return Search(source, relaxation, asked, "asked for")
    kind, reason = _chosen(relaxation)
    return Search(source, relaxation, kind, f"chosen because {reason}")


def _global_search(game: BilevelProgram, method: ValueFunction) -> GlobalSearch | None:
    """Return the search by SCIP where it is asked for or the game is not linear."""
    if method.search == "global":
        return GlobalSearch(quadratic_high_point(game), "asked for")
    refused = first_nonconvexity(game)
    if refused is None:
        try:
            high_point(game)
        except refusal.NotApplicable as reason:
            refused = reason
    if refused is None:
        return None
    try:
        relaxation = quadratic_high_point(game)
    except refusal.NotApplicable:
        raise refused from None
    why = refused.reason.split(";")[0]
    if not scip.is_installed():
        raise NotApplicable(refused.where, f"{why}; SCIP would solve it: {scip.EXTRA}")
    if method.search != "auto":
        raise NotApplicable(refused.where, f'{why}; use ValueFunction(search="global")')
    return GlobalSearch(relaxation, f"chosen because of {refused.where}: {why}")


def described_search(search: Search | GlobalSearch) -> str:
    """Say in words how the responses are searched, and why that way."""
    if isinstance(search, GlobalSearch):
        return f"bl.ValueFunction: a master and the followers' best responses, both by SCIP, in turns; {search.reason}"
    game = search.relaxation.game
    first = game.columns.names[int((game.follower_columns & game.columns.integer).argmax())]
    how = "branch and cut on one linear program" if search.kind == "tree" else "a master, and answers to it, in turns"
    why = f"responses of followers, which decide integers ({first})" if has_integer_followers(game) else "responses"
    return f"bl.ValueFunction: {why}: {how}; {search.reason}"


def search_notes(search: Search | GlobalSearch) -> tuple[str, ...]:
    """Say what the bound of a game with continuous linking columns is."""
    if isinstance(search, GlobalSearch):
        return ()
    game, linking = search.relaxation.game, search.relaxation.linking
    continuous = [game.columns.names[int(j)] for j in np.flatnonzero(linking & ~game.columns.integer)]
    if not continuous:
        return ()
    more = f" and {len(continuous) - 1} more" if len(continuous) > 1 else ""
    return (
        f"{continuous[0]}{more}: continuous, and followers depend on it; the bound may be an infimum, not attained",
    )


def search_responses(
    game: BilevelProgram, method: ValueFunction, limits: Limits, progress: Callable[[Any], None] | None = None
) -> ResponseAnswer:
    """Solve a game by the responses of its followers.

    Raises
    ------
    NotApplicable
        When the game is not linear, followers interact, or a bound is missing; names the component.
    UnboundedFollower
        When a follower has no best response.
    """
    began = time.perf_counter()
    record = ResponseRecord(game, limits, began, progress)
    deadline = record.deadline
    search = choose_search(game, method, HighsOptions(threads=limits.threads, gap=1e-9, stopped=deadline.passed))
    try:
        run: Rounds | Tree | GlobalRounds
        if isinstance(search, GlobalSearch):
            run = GlobalRounds(search.relaxation, method, record)
        else:
            kind = Tree if search.kind == "tree" else Rounds
            run = kind(search.source, search.relaxation, method, record)
        note = () if limits.values is None else (_begun(run, search.relaxation, limits.values),)
        answer = run.run()
        return replace(answer, notes=(*answer.notes, *note))
    except refusal.NotApplicable:
        if deadline.passed():  # a bound that is missing may be one that there was no time for
            return ResponseAnswer("time_limit", None, np.inf, -np.inf, "responses of integer followers; HiGHS")
        raise


def _begun(run: Rounds | Tree | GlobalRounds, relaxation: HighPoint | QuadraticHighPoint, values: Floats) -> str:
    """Let the followers answer the leader's decision in ``values`` first; say whether that is a point of the game."""
    n, columns = len(relaxation.linking), relaxation.program.columns
    point = np.append(values, np.zeros(len(columns) - n))
    linking, wanted = relaxation.linking, values[relaxation.linking]
    fits = (wanted >= columns.lower[:n][linking]) & (wanted <= columns.upper[:n][linking])
    # a missing value fits nothing; others are the followers', or follow from the decision
    return STARTED if bool(fits.all()) and run.begin(np.nan_to_num(point)) else NO_START


def _chosen(relaxation: HighPoint) -> tuple[Literal["rounds", "tree"], str]:
    game, count = relaxation.game, int(relaxation.linking.sum())
    if not _has_integer_links(relaxation):
        name = game.columns.names[_without_integer_bounds(relaxation)]
        return "rounds", f"{name}, with which the leader acts on followers, is not a bounded integer"
    if bool(relaxed_responses(relaxation)[game.follower_columns].all()):
        return "tree", "the leader only wants what the followers do not"
    if not bool((game.follower_columns & ~game.columns.integer).any()):
        return "rounds", "the followers' variables are all integer"
    if count >= _MANY:
        return "tree", f"followers have continuous variables too, and the leader acts on them with {count} integers"
    return "rounds", f"the leader acts on the followers with {count} integers only"


def _has_integer_links(relaxation: HighPoint) -> bool:
    integer = relaxation.game.columns.integer[relaxation.linking]
    return bool(integer.all()) and is_boxed(relaxation)


def _without_integer_bounds(relaxation: HighPoint) -> int:
    """Return a linking column that is no bounded integer."""
    columns, n = relaxation.program.columns, len(relaxation.linking)
    wrong = ~relaxation.game.columns.integer | np.isinf(columns.lower[:n]) | np.isinf(columns.upper[:n])
    return int((relaxation.linking & wrong).argmax())
