"""Games whose followers or leader have second-order cones: their solutions."""

from __future__ import annotations

import time

import numpy as np

from bilevel.certificate.certify import Certificate, certify
from bilevel.conic.search import ConicSearch, Polyhedral, search_with_tangents
from bilevel.errors import NotApplicable
from bilevel.language.load import load
from bilevel.language.read import Game
from bilevel.methods import Method
from bilevel.solution import Solution, SolutionStatus
from bilevel.solvers.answer import Limits
from reformulations import refusal
from reformulations.conic.cone_rows import follower_cones
from reformulations.programs import LEADER


def has_cones(game: Game) -> bool:
    """Tell whether a follower has quadratic rows that are cones.

    Raises
    ------
    NotApplicable
        For a follower's quadratic row that is not convex, or not known to be.
    """
    try:
        return bool(len(follower_cones(game.program)))
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused


def solve_conic_game(game: Game, method: Method | str, limits: Limits, solver: str = "auto") -> Solution:
    """Solve a game with second-order cones and load the values.

    Each round solves the game with tangents in place of the cones, a game with linear rows, and adds tangents at its
    point and at the followers' conic responses to its leader's decision, until a point satisfies the cones.
    Such a point is one of the declared game, since its followers are optimal over more than their feasible
    sets. A game with tangents is no relaxation, though: its followers respond to other sets. A bound is claimed

    * from all players' rows without the followers' optimality,
    * from a game with tangents where every follower's cone is ``u_0 >= |u_1|``, which tangents say exactly,
    * from followers that do no worse than restricted copies (:mod:`bilevel.conic.bounds`), where these have points for
      every decision of the leader and the followers' objectives stay linear,
    * from global searches (:mod:`bilevel.conic.global_bounds`), where the gap is still open and SCIP is installed,

    and unless it closes the gap the status is ``"feasible"``. Where a follower's optimum is curved, a response that
    is optimal within ``e`` lies up to about ``sqrt(e)`` from it: with a solver's tolerance of 1e-7, the first three
    close gaps down to 1e-3, not always smaller ones; the last closes them where SCIP ends in time.

    Raises
    ------
    NotApplicable
        When a polyhedral game does not fit the method, or none of them has a point.
    """
    began = time.perf_counter()
    try:
        search = search_with_tangents(game, Polyhedral(method, solver), limits, began)
    except refusal.NotApplicable as refused:
        if isinstance(refused, NotApplicable):
            raise
        raise NotApplicable(refused.where, refused.reason) from refused
    return _solution(game, search, limits, began)


def _solution(game: Game, search: ConicSearch, limits: Limits, began: float) -> Solution:
    program, best = game.program, search.best
    sense = float(program.objectives.sense[LEADER])
    bound = sense * search.bound if np.isfinite(search.bound) else None
    certificate = None
    if best is not None:
        certificate = certify(
            program,
            best.point,
            bound=bound,
            gap=limits.gap,
            assumptions=search.assumes,
            threads=limits.threads,
            conic=best.conic,
        )
        load(game, best.point)
    elif search.ended not in ("infeasible", "unbounded", "time_limit"):
        raise NotApplicable(
            search.cones.names[0],
            "no point of the game was found with tangents in place of its cones, which proves nothing; "
            "give bounds to the variables in the quadratic rows",
        )
    return Solution(
        status=_status(search, certificate),
        objective=None if certificate is None else certificate.objective,
        bound=bound,
        gap=None if certificate is None else certificate.gap,
        certificate=certificate,
        seconds=time.perf_counter() - began,
        method=_described(search),
        game=game,
        point=None if best is None else best.point,
        notes=search.notes,
    )


def _described(search: ConicSearch) -> str:
    said = f"tangents of {len(search.cones)} second-order cones, {search.rounds} polyhedral games; HiGHS"
    return f"{said}; the bound by global search; SCIP" if search.searched else said


def _status(search: ConicSearch, certificate: Certificate | None) -> SolutionStatus:
    if certificate is not None and certificate.is_proven:
        return "optimal"
    if search.ended == "time_limit":
        return "time_limit"
    if search.best is not None:
        return "feasible"
    return "unbounded" if search.ended == "unbounded" else "infeasible"
