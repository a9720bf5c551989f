"""Why a game has no solution, in the user's names."""

from __future__ import annotations

import numpy as np
from pyomo.core.base.block import BlockData

from bilevel.certificate.certify import certify
from bilevel.compiler.pipeline import optimality_system
from bilevel.conic.games import has_cones
from bilevel.diagnosis.attempt import attempt, compiled
from bilevel.diagnosis.causes import condition_findings, endless_finding, moves
from bilevel.diagnosis.cone_games import diagnose_with_cones
from bilevel.diagnosis.conflicts import conflict
from bilevel.diagnosis.elastic_rows import least_violation
from bilevel.diagnosis.endless import followers_without_optimum, leader_direction
from bilevel.diagnosis.findings import Diagnosis, Finding
from bilevel.diagnosis.infeasible_rows import row_findings
from bilevel.diagnosis.integer_games import diagnose_by_responses
from bilevel.errors import BilevelError, InfeasibleGame, NotApplicable
from bilevel.language.read import Game, read
from bilevel.printing import listed
from bilevel.responses.value_function import needs_responses
from bilevel.search.optimise import Limits
from reformulations import refusal
from reformulations.elastic import with_leader_cost
from reformulations.envelopes import linear_relaxation
from reformulations.programs import LEADER, MPEC, BilevelProgram, Role


def diagnose(model: BlockData, *, time_limit: float = 60.0, threads: int | None = None) -> Diagnosis:
    """Find out why a game has no solution: which rows, bounds or variables of which player, by name.

    In this order, and only as far as needed: are the rows of all players feasible together if nobody needs to
    respond optimally, and is each follower feasible somewhere; has each follower a best response
    somewhere; is there a point at which all respond optimally, and if not, which conditions of the
    leader on the responses must give way, by how much at least; is the leader's objective bounded.

    Parameters
    ----------
    model
        A Pyomo model with followers.
    time_limit
        Seconds for each game that is solved on the way.
    threads
        Of HiGHS.

    Raises
    ------
    InvalidGame
        When the model is not a game.
    NotApplicable
        When the game has uncertainty.
    """
    return diagnose_game(read(model), Limits(time_limit=time_limit, threads=threads).checked())


def diagnose_game(game: Game, limits: Limits | None = None) -> Diagnosis:
    """Diagnose a game that has been read.

    Raises
    ------
    NotApplicable
        When the game has uncertainty.
    """
    limits, program = limits or Limits(), game.program
    for player in np.flatnonzero((program.roles == Role.NATURE) | (program.roles == Role.RECOURSE))[:1]:
        reason = "games with uncertainty cannot be diagnosed; fix the scenario first"
        raise NotApplicable(program.players[player], reason)
    try:
        rows = row_findings(program, limits.threads)
        if needs_responses(program):
            return diagnose_by_responses(program, rows, limits)
        if has_cones(game):
            return Diagnosis("infeasible", rows) if rows else diagnose_with_cones(game, limits)
        hopeless = {finding.player for finding in rows}
        mpec = optimality_system(program)
        endless = tuple(
            endless_finding(program, player, limits.threads)
            for player in followers_without_optimum(program, mpec, limits.threads)
            if program.players[player] not in hopeless
        )
        if rows or endless:
            return Diagnosis("infeasible", rows + endless)
        return _diagnose_responses(program, mpec, limits)
    except (BilevelError, refusal.NotApplicable) as reason:
        return Diagnosis("unknown", (), (f"not examined to the end: {reason}",))


def _diagnose_responses(program: BilevelProgram, mpec: MPEC, limits: Limits) -> Diagnosis:
    """Look for a point at which all followers respond optimally, and say what stands in the way."""
    anything = attempt(with_leader_cost(program, np.zeros(len(program.columns))), limits)
    if anything.status == "infeasible":
        return _diagnose_conditions(program, mpec, limits)
    if anything.point is None:
        return Diagnosis("unknown", (), (anything.reason or "no point was found, and none was excluded",))
    certificate = certify(program, anything.point, threads=limits.threads)
    if not certificate.holds:
        return Diagnosis("unknown", (), (f"the point found does not stand up to a check: {certificate.failures[0]}",))
    return _diagnose_objective(program, limits)


def _diagnose_conditions(program: BilevelProgram, mpec: MPEC, limits: Limits) -> Diagnosis:
    contradicted = _without_complementarity(program, mpec, limits.threads)
    found = least_violation(program, limits)
    if len(found.conditions):
        return Diagnosis("infeasible", condition_findings(program, found, contradicted))
    if contradicted:
        sentence = f"{listed(contradicted)} cannot all hold: where the rows do, followers have no best response"
        return Diagnosis("infeasible", (Finding("stationarity", listed(program.players), contradicted, sentence),))
    if found.point is not None:
        return Diagnosis("unknown", (), ("the game is infeasible by no more than the tolerances of a solver",))
    followers = tuple(np.array(program.players)[program.roles == Role.FOLLOWER].tolist())
    sentence = "no decision of the leader leaves them at best responses to each other, though each has one somewhere"
    finding = Finding("complementarity", listed(followers), followers, sentence)
    return Diagnosis("infeasible", (finding,), (found.reason,))


def _without_complementarity(program: BilevelProgram, mpec: MPEC, threads: int | None) -> tuple[str, ...]:
    """Return the names of what contradicts each other in the optimality system without complementarities."""
    relaxed = linear_relaxation(mpec.columns, mpec.rows)
    found = conflict(relaxed, len(mpec.rows), len(program.columns), threads)
    if found is None:
        return ()
    m, n = len(mpec.rows), len(program.columns)
    names = [
        mpec.rows.names[position]
        if position < m
        else f"{'lower' if position < m + n else 'upper'} bound of {mpec.columns.names[(position - m) % n]}"
        for position in found.positions.tolist()
    ]
    return tuple(dict.fromkeys(name for name in names if not name.startswith("definition of ")))


def _diagnose_objective(program: BilevelProgram, limits: Limits) -> Diagnosis:
    found = "a point was found, and checked, at which every row holds and every follower responds optimally"
    try:
        image = compiled(program, limits)
    except InfeasibleGame as reason:
        return Diagnosis("unknown", (), (str(reason),))
    except (BilevelError, refusal.NotApplicable) as reason:
        return Diagnosis("feasible", (), (found, f"the leader's objective was not examined: {reason}"))
    direction = leader_direction(image, limits)
    if direction is None:
        return Diagnosis("feasible", (), (found,))
    over_source = direction[: len(program.columns)]
    names, how = moves(program, over_source)
    if not names:
        largest = int(np.argmax(np.abs(direction)))
        names, how = (image.mpec.columns.names[largest],), f"{image.mpec.columns.names[largest]} grows"
    sentence = f"its objective improves without end as {how}, the followers responding optimally all the way"
    return Diagnosis("unbounded", (Finding("leader objective", program.players[LEADER], names, sentence),))
