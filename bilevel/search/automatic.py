"""The automatic method: what the structure of a game asks for, after a search by branching where that is big-M."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import numpy as np

from bilevel.compiler.compile import Compiled, compile_read
from bilevel.compiler.pipeline import Image
from bilevel.errors import NotApplicable, OutOfTime
from bilevel.language.read import Game
from bilevel.methods import KKT, Branching
from bilevel.search.optimise import optimise
from bilevel.solvers.answer import Answer, Limits
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.interrupts import interruptible
from reformulations.programs import LEADER, BilevelProgram, Booleans, Floats, Product, Role
from reformulations.spatial import SpatialProgram

SEARCHED_NODES = 20_000
"""Most nodes of the search before big-M: some ten seconds on 200 pairs."""

FORECAST_NODES = 100_000
"""The search gives up once the rise of its bound forecasts more nodes; forecasts at fewer than 6400 are given room."""

SEARCHED_PAIRS = 1000
"""Games with more complementarities are not closed by that search, and its linear programs are long."""

SETTLED = ("optimal", "infeasible", "unbounded", "time_limit", "interrupted")
"""Ends of a search after which nothing else is tried."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """A method, and what of the game speaks for it."""

    method: KKT | Branching
    reason: str


def choose(source: BilevelProgram) -> Choice:
    """Choose a method by the structure of a game.

    Where the leader moves right-hand sides only, the stationarity conditions do not move with it, and few pairs have to
    be branched on; where it sets prices or decides integers, the cuts of a mixed-integer solver on tight bounds pay
    once a search by branching turns out to be long. ``python -m tests.benchmarks.solve`` measures both on both kinds.
    """
    whole = bool(source.columns.integer[source.column_owner == LEADER].any())
    if not whole and not _has_prices(source):
        return Choice(Branching(), "the leader is continuous and moves only right-hand sides of the followers")
    why = "the leader has integers" if whole else "the leader's variables multiply those of the followers"
    return Choice(KKT(), why)


def compile_choice(
    game: Game, choice: Choice, threads: int | None = None, solver: str = "auto", deadline: Deadline | None = None
) -> Compiled:
    """Compile a game by the method chosen, or by what is left where that does not apply."""
    if isinstance(choice.method, Branching):
        try:
            return replace(
                compile_read(game, choice.method, threads, deadline=deadline), why=f"chosen because {choice.reason}"
            )
        except NotApplicable:
            pass  # what is left decides, and says why where nothing is
    compiled = compile_read(game, "auto", threads, solver, deadline)
    if isinstance(compiled.image.program, SpatialProgram):
        why = "products are left that HiGHS cannot take"
    elif isinstance(compiled.image.method, Branching):
        why = "a bound that big-M needs cannot be derived"
    else:
        why = f"{choice.reason}, and every bound that big-M needs is derived"
    return replace(compiled, why=f"chosen because {why}")


def searches_first(compiled: Compiled) -> bool:
    """Tell whether :func:`solve_automatically` searches by branching before it takes the program compiled."""
    image = compiled.image
    taken = isinstance(image.method, Branching) or isinstance(image.program, SpatialProgram)
    return not taken and len(image.mpec.complementarity) <= SEARCHED_PAIRS


def solve_automatically(game: Game, limits: Limits, solver: str = "auto") -> tuple[Compiled, Answer]:
    """Solve a game by the method that its structure asks for.

    A search by branching comes first, as long as its bound rises fast enough: most games end there, without a bound
    derived. Others go on by big-M where its bounds can be derived, with a start and a bound from that search. Ctrl-C
    or the time limit while bounds are derived ends with what it found.

    Raises
    ------
    NotApplicable, InfeasibleGame
        As compiling does.
    OutOfTime
        When the time is over before there is anything to show.
    """
    began = time.perf_counter()
    choice = choose(game.program)
    searched = _search(game, choice, limits)
    if searched is not None and searched[1].status in SETTLED:
        return searched
    try:
        if searched is not None:
            _LOG.info("a search by branching: %s after %d nodes", searched[1].status, searched[1].nodes)
            choice = Choice(KKT(), "a search by branching would be long")
        compiled = compile_choice(game, choice, limits.threads, solver, Deadline.of(limits, began))
    except (KeyboardInterrupt, OutOfTime) as ended:
        out_of_time = isinstance(ended, OutOfTime)
        if searched is None or (searched[1].point is None and not out_of_time):
            raise
        return searched[0], replace(searched[1], status="time_limit" if out_of_time else "interrupted")
    _LOG.info("%s, %s", type(compiled.image.method).__name__, compiled.why)
    if searched is None or len(searched[0].image.mpec.columns) != len(compiled.image.mpec.columns):
        return compiled, optimised(compiled.image, limits.after(time.perf_counter() - began))
    answer = optimised(compiled.image, limits.after(time.perf_counter() - began), searched[1].point)
    return compiled, _together(answer, searched[1])


def _search(game: Game, choice: Choice, limits: Limits) -> tuple[Compiled, Answer] | None:
    wanted = isinstance(choice.method, Branching)
    search = Branching(node_limit=None if wanted else SEARCHED_NODES, forecast_limit=FORECAST_NODES)
    try:
        compiled = compile_read(game, search, limits.threads)
    except NotApplicable:
        return None
    if len(compiled.image.mpec.complementarity) > SEARCHED_PAIRS:
        return None
    answer = optimised(compiled.image, limits)
    enough = "was enough" if answer.status in SETTLED else "comes first"
    although = f"chosen although {choice.reason}, because a search by branching {enough}"
    why = f"chosen because {choice.reason}" if wanted else although
    return replace(compiled, why=why), answer


def optimised(image: Image, limits: Limits, start: Floats | None = None) -> Answer:
    """Solve a compiled game; Ctrl-C ends that with the incumbent."""
    with interruptible() as stopped:
        return optimise(image, replace(limits, stopped=stopped), start)


def _together(answer: Answer, searched: Answer) -> Answer:
    """Return the better point with the better bound: both bounds are proven, of the same game."""
    best = searched if searched.objective < answer.objective else answer
    bound = min(max(answer.bound, searched.bound), best.objective)
    notes = tuple(dict.fromkeys((*searched.notes, *answer.notes)))
    return replace(answer, point=best.point, objective=best.objective, bound=bound, notes=notes)


def _has_prices(source: BilevelProgram) -> bool:
    """Tell whether a column of the leader multiplies one of a follower in the objective or a row of a follower."""
    objectives, rows = source.objectives.products, source.rows.products
    in_objectives = source.roles[objectives.index] == Role.FOLLOWER
    in_rows = source.roles[source.row_owner[rows.index]] == Role.FOLLOWER
    return bool(np.any(in_objectives & _of_leader(source, objectives)) or np.any(in_rows & _of_leader(source, rows)))


def _of_leader(source: BilevelProgram, products: Product) -> Booleans:
    """Mask the products with one factor of the leader and one of somebody else."""
    owner = source.column_owner
    left, right = owner[products.left] == LEADER, owner[products.right] == LEADER
    return np.asarray(left != right)
