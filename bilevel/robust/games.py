"""Robust games: column-and-constraint generation, then the certificate at the worst case."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bilevel.certificate.certify import Certificate, certify
from bilevel.certificate.worst_case_check import Claim, check_worst_case
from bilevel.errors import InvalidGame
from bilevel.language.load import load
from bilevel.language.nature import set_at
from bilevel.language.penalties import SHOWN
from bilevel.language.read import Game
from bilevel.robust.answer import RobustAnswer
from bilevel.robust.ccg import CCG, solve_robust
from bilevel.search.optimise import Limits
from bilevel.solution import Solution, SolutionStatus
from bilevel.solvers.interrupts import interruptible
from reformulations.programs import LEADER, BilevelProgram, Floats, Role
from reformulations.robust.elastic_recourse import missed
from reformulations.robust.stages import leading_point

_SHARE, _LEAST_SECONDS = 0.1, 1.0
"""How long other scenarios are tried for: a share of the time of the run, a moment at least."""


def is_robust(game: Game) -> bool:
    """Tell whether nature or recourse take part."""
    return bool(np.isin(game.program.roles, (Role.NATURE, Role.RECOURSE)).any())


def solve_robust_game(
    game: Game,
    method: Any,
    limits: Limits,
    progress: Callable[[Any], None] | None,
    resume: str | Path | None = None,
) -> Solution:
    """Solve a game against the worst case of its uncertainty set and load plan, scenario and recourse.

    The certificate is that of the game with nature held at the worst case of the plan: the leader's
    and the recourse's rows hold there, every follower responds optimally, and the objective is the
    plan's worst-case value; the bound is the master's proven bound. Whether the worst case is the worst is looked at
    in other scenarios (:mod:`bilevel.certificate.worst_case_check`).
    """
    began = time.perf_counter()
    if method != "auto" and not isinstance(method, CCG):
        raise InvalidGame(f'method={method!r}: a game with nature is solved by bl.CCG(...), or "auto"')
    chosen = method if isinstance(method, CCG) else CCG()
    with interruptible() as stopped:
        answer = solve_robust(
            game,
            chosen,
            gap=limits.gap,
            time_limit=limits.time_limit,
            threads=limits.threads,
            progress=progress,
            resume=resume,
            executor=limits.executor,
            stopped=stopped,
        )
    gap = limits.gap if chosen.gap is None else chosen.gap
    certificate, point, notes = None, None, answer.notes
    if answer.point is not None:
        certificate = certify(
            at_worst_case(answer.source, answer.point),
            answer.point,
            bound=answer.bound,
            gap=gap,
            assumptions=answer.assumes,
            threads=limits.threads,
        )
        claim = Claim(answer.source, answer.point, set_at(game, answer.point), answer.scenarios, answer.worst_bound)
        seconds = max(_SHARE * (time.perf_counter() - began), _LEAST_SECONDS)
        certificate = replace(with_worst_case(certificate, claim, seconds, limits.threads), proof=answer.proof)
        point = leading_point(game.program, answer.source, answer.point)
        notes = (
            *(f"at the penalty: {row}" for row in missed(game.program, answer.source, answer.point, SHOWN)),
            *notes,
        )
        load(game, point)
    return Solution(
        status=_status(answer, certificate, interrupted=stopped()),
        objective=None if certificate is None else certificate.objective,
        bound=answer.bound,
        gap=None if certificate is None else certificate.gap,
        certificate=certificate,
        seconds=time.perf_counter() - began,
        method=f"{answer.way}; HiGHS",
        game=game,
        point=point,
        notes=notes,
        iterations=answer.iterations,
    )


def at_worst_case(program: BilevelProgram, point: Floats) -> BilevelProgram:
    """Return the game with nature's columns fixed where ``point`` has them, and recourse decided by the leader."""
    others = np.isin(program.roles, (Role.NATURE, Role.RECOURSE))
    nature = program.roles[program.column_owner] == Role.NATURE
    values = point[: len(program.columns)]
    columns = replace(
        program.columns,
        lower=np.where(nature, values, program.columns.lower),
        upper=np.where(nature, values, program.columns.upper),
    )
    return replace(
        program,
        columns=columns,
        column_owner=np.where(others[program.column_owner], LEADER, program.column_owner),
        row_owner=np.where(others[program.row_owner], LEADER, program.row_owner),
    )


def with_worst_case(
    certificate: Certificate, claim: Claim, seconds: float = _LEAST_SECONDS, threads: int | None = None
) -> Certificate:
    """Return the certificate of a robust plan with what other scenarios, tried for so many ``seconds``, say of it."""
    tolerances = certificate.tolerance, certificate.gap_asked
    return replace(certificate, worst_case=check_worst_case(claim, *tolerances, seconds=seconds, threads=threads))


def _status(answer: RobustAnswer, certificate: Certificate | None, *, interrupted: bool) -> SolutionStatus:
    stopped: SolutionStatus = "interrupted" if interrupted else "time_limit"
    if certificate is None:
        return answer.status if answer.status in {"infeasible", "unbounded"} else stopped
    if certificate.is_proven and answer.status == "optimal":
        return "optimal"
    return stopped if answer.status == "time_limit" else "feasible"
