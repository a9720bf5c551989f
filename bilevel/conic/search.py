"""Points and bounds of games with second-order cones, by polyhedral games that are refined where it matters."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from bilevel.compiler.compile import compile_read
from bilevel.conic.bounds import restricted_bound
from bilevel.conic.candidates import Candidate, polyhedral_candidate, response_candidate
from bilevel.conic.global_bounds import global_bound
from bilevel.errors import InfeasibleGame, OutOfTime, UnboundedFollower
from bilevel.language.read import Game
from bilevel.methods import Method
from bilevel.search.optimise import optimise
from bilevel.solvers.answer import Answer, Limits
from bilevel.solvers.cone_optimum import conic_optimum
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.outcome import HighsOptions
from reformulations.arrays import Floats
from reformulations.conic.cone_epigraph import linear_objective
from reformulations.conic.cone_rows import cone_rows
from reformulations.conic.cone_tangents import Tangents, first_tangents, polyhedral_game, tangents_at, without_cones
from reformulations.conic.cones import Cones
from reformulations.conic.joint_relaxation import joint_relaxation, without_objective
from reformulations.conic.restricted_responses import first_rays, rays_at
from reformulations.programs import LEADER, BilevelProgram

ROUNDS = 20
"""Most polyhedral games; the residual and the gap are reported as they stand after them."""

BOUNDS = 8
"""Most rounds of the bound."""

STALLED = 0.9
"""A round of the bound that leaves more of the gap than this is the last."""

PARTS = (0.1, 0.01)
"""Where between a response and a polyhedral game's point further tangents are taken."""

IDLE = 5
"""Rounds without a better point after which no more are made."""

CLOSED = 1e-7
"""Relative residual of the cones at which a polyhedral game's point is taken."""


@dataclass(frozen=True, slots=True)
class Polyhedral:
    """How games with tangents are solved."""

    method: Method | str
    solver: str


@dataclass(frozen=True, slots=True)
class ConicSearch:
    """Where the search stands: the best point, the bound, the tangents, and what is worth saying."""

    cones: Cones
    tangents: Tangents
    best: Candidate | None = None
    bound: float = -np.inf
    ended: str = ""
    assumes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rounds: int = 0
    searched: bool = False

    def refined(self, found: Candidate | None, response: Candidate | None) -> ConicSearch:
        """Take tangents at a polyhedral game's point and at the response, and between them, closer to the latter.

        The response is a point of the game up to the solver's tolerance and is kept where it is better. A
        polyhedral game's point within the same tolerance of the cones can be farther from optimal by the
        square root of that, and is kept only for want of a response.
        """
        points = [candidate.point for candidate in (response, found) if candidate is not None]
        if response is not None and found is not None:
            points += [response.point + part * (found.point - response.point) for part in PARTS]
        tangents = self.tangents
        for point in points:
            tangents = tangents + tangents_at(self.cones, self.cones.terms(point), np.arange(len(self.cones)))
        return replace(self.with_point(response if response is not None else found), tangents=tangents)

    def with_point(self, found: Candidate | None) -> ConicSearch:
        """Keep a candidate that fits where it is the best so far."""
        better = found is not None and found.fits and (self.best is None or found.value < self.best.value)
        return replace(self, best=found) if better else self

    def is_closed(self, gap: float) -> bool:
        """Tell whether the bound is closed."""
        if self.best is None:
            return self.bound == np.inf
        return self.best.value - self.bound <= gap * max(1.0, abs(self.best.value))


def search_with_tangents(game: Game, how: Polyhedral, limits: Limits, began: float) -> ConicSearch:
    """Search a game with cones by games with tangents, as :func:`bilevel.conic.games.solve_conic_game` describes.

    ``ended`` of what is found is ``"infeasible"`` only where that is proven: by the rows of all players without the
    followers' optimality, by tangents that say the cones exactly, or by a bound to which no point belongs.

    Raises
    ------
    NotApplicable
        When a polyhedral game does not fit the method.
    """
    program = game.program
    cones = cone_rows(program)
    search = ConicSearch(cones, first_tangents(cones))
    search, values = _relaxed(program, search, limits, began)
    if search.ended:
        return search
    search = search.refined(None, _responded(program, cones, values, limits, began))
    idle = 0
    while not search.is_closed(limits.gap) and search.rounds < ROUNDS and idle < IDLE:
        if limits.time_limit is not None and time.perf_counter() - began >= limits.time_limit:
            return replace(search, ended="time_limit")
        before = search.best
        search, done = _round(game, search, how, limits, began)
        if done:
            break
        idle = idle + 1 if _is_as_good(before, search.best, limits.gap) else 0
    if search.best is None and search.ended not in ("", "none"):
        return search
    search = _bounded(program, search, values, limits, began)
    return replace(search, ended="infeasible") if search.best is None and search.bound == np.inf else search


def _is_as_good(before: Candidate | None, after: Candidate | None, gap: float) -> bool:
    """Tell whether a round found nothing that is better by more than the gap."""
    if before is None or after is None:
        return False
    return before.value - after.value <= gap * max(1.0, abs(after.value))


def _bounded(program: BilevelProgram, search: ConicSearch, values: Floats, limits: Limits, began: float) -> ConicSearch:
    """Raise the bound by restricted responses, with rays and tangents at each bound's point, until it is closed.

    Without a point so far, the followers' responses at ``values`` ``(n,)`` and at the bounds' points are tried.
    """
    rays, tangents, cones, note = first_rays(search.cones), search.tangents, search.cones, ""
    if search.best is not None:
        rays = rays + rays_at(cones, cones.terms(search.best.point))
    for _ in range(BOUNDS):
        late = limits.time_limit is not None and time.perf_counter() - began >= limits.time_limit
        best, before = search.best, search.bound
        if late or search.is_closed(limits.gap):
            break
        found = restricted_bound(program, cones, tangents, rays, replace(limits, time_limit=_left(limits, began)))
        rays, note = found.rays, found.reason
        search = replace(search, bound=max(before, found.bound))
        stalled = best is not None and best.value - search.bound > STALLED * (best.value - before)
        if found.point is None or stalled:
            break
        response = _responded(program, cones, found.point, limits, began)
        terms = [cones.terms(found.point)]
        if response is not None:
            terms += [part * terms[0] + (1 - part) * cones.terms(response.point) for part in (0.0, *PARTS)]
            search = search.with_point(response)
        for u in terms:
            rays = rays + rays_at(cones, u)
            tangents = tangents + tangents_at(cones, u, np.arange(len(cones)))
    search = _searched(program, search, values, limits, began)
    return replace(search, notes=(*search.notes, note)) if note and not search.is_closed(limits.gap) else search


def _searched(
    program: BilevelProgram, search: ConicSearch, values: Floats, limits: Limits, began: float
) -> ConicSearch:
    """Raise a bound that is still open by global search, and take the followers' responses at its point."""
    best, spent = search.best, time.perf_counter() - began
    late = limits.time_limit is not None and spent >= limits.time_limit
    if late or search.is_closed(limits.gap):
        return search
    start = values if best is None else best.point[: len(program.columns)]
    found = global_bound(program, start, spent, replace(limits, time_limit=_left(limits, began)))
    search = replace(search, bound=max(search.bound, found.bound), searched=found.bound > search.bound)
    if found.point is None:
        return search
    return search.with_point(_responded(program, search.cones, found.point, limits, began))


def _relaxed(program: BilevelProgram, search: ConicSearch, limits: Limits, began: float) -> tuple[ConicSearch, Floats]:
    """Bound the game by the joint optimum of all players' rows, and return its point ``(n,)``."""
    plain = joint_relaxation(without_cones(program, search.cones))
    n = len(program.columns)
    options = HighsOptions(threads=limits.threads, time_limit=_left(limits, began), gap=0.5 * limits.gap)
    if plain is None:
        flat = joint_relaxation(without_cones(_without_leader_objective(program), search.cones))
        if flat is None:
            raise AssertionError
        ended = conic_optimum(flat, search.cones, options, tolerance=CLOSED)
    else:
        ended = conic_optimum(*linear_objective(plain, search.cones), options, tolerance=CLOSED)
        if ended.outcome.status == "unbounded":
            ended = conic_optimum(without_objective(plain), search.cones, options, tolerance=CLOSED)
        else:
            search = replace(search, bound=ended.outcome.bound)
    outcome = ended.outcome
    if outcome.status == "infeasible":
        return replace(search, ended="infeasible"), np.empty(0)
    if outcome.point is None:
        return replace(search, ended="time_limit"), np.empty(0)
    values = outcome.point[:n]
    return search, np.where(program.columns.integer, np.round(values), values)


def _without_leader_objective(program: BilevelProgram) -> BilevelProgram:
    objectives = program.objectives
    kept = np.arange(len(program.players)) != LEADER
    linear = objectives.linear.multiply(kept[:, np.newaxis].astype(np.float64)).tocsr()
    linear.eliminate_zeros()
    products = objectives.products.take(objectives.products.index != LEADER)
    return replace(program, objectives=replace(objectives, linear=linear, products=products))


def _round(game: Game, search: ConicSearch, how: Polyhedral, limits: Limits, began: float) -> tuple[ConicSearch, bool]:
    """Solve one polyhedral game; the second entry says that its point satisfies the cones."""
    program, cones = game.program, search.cones
    answer, found, assumes, notes = _polyhedral(game, search, how, limits, began)
    search = replace(search, rounds=search.rounds + 1, assumes=assumes, notes=notes)
    if answer.point is None or found is None:
        if answer.status == "time_limit":
            return replace(search, ended="time_limit"), True
        ended = answer.status if cones.is_polyhedral else ""
        return replace(search, ended=ended or "none"), True
    exact = cones.take(np.flatnonzero(program.row_owner[cones.row] != LEADER)).is_polyhedral
    if exact:
        search = replace(search, bound=max(search.bound, answer.bound))
    response = _responded(program, cones, found.point[: len(program.columns)], limits, began)
    search = search.refined(found, response)
    inside = bool((cones.residuals(cones.terms(found.point)) <= CLOSED).all())
    near = search.best is not None and abs(search.best.value - found.value) <= limits.gap * max(1.0, abs(found.value))
    return search, inside or near


def _polyhedral(
    game: Game, search: ConicSearch, how: Polyhedral, limits: Limits, began: float
) -> tuple[Answer, Candidate | None, tuple[str, ...], tuple[str, ...]]:
    """Solve the game with the tangents so far."""
    polyhedral = polyhedral_game(game.program, search.cones, search.tangents)
    deadline = Deadline.of(limits, began)
    try:
        image = compile_read(replace(game, program=polyhedral), how.method, limits.threads, how.solver, deadline).image
    except OutOfTime as reason:
        return Answer("time_limit", None, np.inf, -np.inf, 0, 0.0), None, (), (str(reason),)
    except InfeasibleGame:
        return Answer("infeasible", None, np.inf, np.inf, 0, 0.0), None, (), ()
    except UnboundedFollower:
        # at other prices than those of the tangents so far its cones may bound it
        priced = bool((game.program.objectives.products.index != LEADER).any())
        if search.cones.is_polyhedral or not priced:
            raise
        return Answer("limit", None, np.inf, -np.inf, 0, 0.0), None, (), ()
    answer = optimise(image, replace(limits, time_limit=_left(limits, began)))
    if answer.point is None:
        return answer, None, image.assumes, image.notes
    point = image.source_point(answer.point)
    return answer, polyhedral_candidate(game.program, search.cones, search.tangents, point), image.assumes, image.notes


def _responded(program: BilevelProgram, cones: Cones, values: Floats, limits: Limits, began: float) -> Candidate | None:
    return response_candidate(program, cones, values, limits.threads, _left(limits, began))


def _left(limits: Limits, began: float) -> float | None:
    return None if limits.time_limit is None else max(limits.time_limit - (time.perf_counter() - began), 0.1)
