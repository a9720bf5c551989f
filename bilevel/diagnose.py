"""Why a game has no solution, in the user's names."""

from __future__ import annotations

import numpy as np
from pyomo.core.base.block import BlockData

from bilevel.attempt import attempt, compiled
from bilevel.certify import certify
from bilevel.conflicts import conflict
from bilevel.diagnosis import Diagnosis, Finding, Group, listed
from bilevel.elastic_rows import Violated, least_violation, responses_in
from bilevel.endless import follower_direction, followers_without_optimum, leader_direction
from bilevel.errors import BilevelError, InfeasibleGame, NotApplicable
from bilevel.infeasible_rows import owners_of, row_findings
from bilevel.optimise import Limits
from bilevel.printing import number
from bilevel.read import read
from reformulations import refusal
from reformulations.canonical import Canonical
from reformulations.elastic import side_name, with_leader_cost
from reformulations.envelopes import linear_relaxation
from reformulations.follower_products import FollowerProducts
from reformulations.kkt import KKT
from reformulations.programs import LEADER, MPEC, BilevelProgram, Floats, Role


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
    return diagnose_program(read(model).program, Limits(time_limit=time_limit, threads=threads))


def diagnose_program(program: BilevelProgram, limits: Limits | None = None) -> Diagnosis:
    """Diagnose a game that has been read.

    Raises
    ------
    NotApplicable
        When the game has uncertainty.
    """
    limits = limits or Limits()
    for player in np.flatnonzero((program.roles == Role.NATURE) | (program.roles == Role.RECOURSE))[:1]:
        reason = "games with uncertainty cannot be diagnosed; fix the scenario first"
        raise NotApplicable(program.players[player], reason)
    try:
        rows = row_findings(program, limits.threads)
        hopeless = {finding.player for finding in rows}
        mpec = _optimality_system(program)
        endless = tuple(
            _endless_follower(program, player, limits.threads)
            for player in followers_without_optimum(program, mpec, limits.threads)
            if program.players[player] not in hopeless
        )
        if rows or endless:
            return Diagnosis("infeasible", rows + endless)
        return _diagnose_responses(program, mpec, limits)
    except (BilevelError, refusal.NotApplicable) as reason:
        return Diagnosis("unknown", (), (f"not examined to the end: {reason}",))


def _optimality_system(program: BilevelProgram) -> MPEC:
    linear = FollowerProducts().apply(program).program
    return KKT().apply(Canonical().apply(linear).program).program


def _endless_follower(program: BilevelProgram, player: int, threads: int | None) -> Finding:
    name = program.players[player]
    direction = follower_direction(program, player, threads)
    sentence = "it has no best response, whatever the others decide within their bounds: "
    if direction is None:
        return Finding("follower objective", name, (), sentence + "no multipliers balance its objective")
    names, moves = _moves(program, direction)
    sentence += f"its objective improves without end as {moves}; bound {names[0] if len(names) == 1 else 'one of them'}"
    return Finding("follower objective", name, names, sentence)


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
        return Diagnosis("infeasible", _condition_findings(program, found, contradicted))
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


def _condition_findings(program: BilevelProgram, found: Violated, contradicted: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return one finding for coupling rows and one for bounds of multipliers, as far as there are any."""
    m, n = len(program.rows), len(program.columns)
    priced = np.zeros(n, bool)
    priced[program.multipliers.column] = True
    of_multiplier = (found.conditions >= m) & priced[(found.conditions - m) % n]
    findings = []
    kinds: tuple[tuple[Group, bool], ...] = (("coupling rows", False), ("multiplier bounds", True))
    for group, mask in kinds:
        chosen = np.flatnonzero(of_multiplier == mask)
        if not len(chosen):
            continue
        conditions, amounts = found.conditions[chosen], found.amounts[chosen]
        names = tuple(side_name(program, position) for position in conditions.tolist())
        by = ", ".join(f"{name} by {number(round(amount, 6))}" for name, amount in zip(names, amounts, strict=True))
        sentence = f"no best response satisfies this; at least violated: {by}"
        values = None if found.point is None else _values(program, conditions, found.point)
        sentence += f", where the followers respond with {values}" if values else ""
        others = [name for name in contradicted if name not in names]
        if others:
            sentence += f"; even without complementarity it contradicts {listed(tuple(others))}"
        findings.append(Finding(group, owners_of(program, conditions), names, sentence, tuple(amounts.tolist())))
    return tuple(findings)


def _values(program: BilevelProgram, conditions: np.ndarray, point: Floats) -> str:
    columns = responses_in(program, conditions.tolist())
    named = {program.columns.names[int(j)]: round(float(point[j]), 6) + 0.0 for j in columns}
    return listed(tuple(f"{name} = {number(value)}" for name, value in named.items()))


def _diagnose_objective(program: BilevelProgram, limits: Limits) -> Diagnosis:
    found = "a point was found, and checked, at which every row holds and every follower responds optimally"
    try:
        image = compiled(program, limits.threads)
    except InfeasibleGame as reason:
        return Diagnosis("unknown", (), (str(reason),))
    except (BilevelError, refusal.NotApplicable) as reason:
        return Diagnosis("feasible", (), (found, f"the leader's objective was not examined: {reason}"))
    direction = leader_direction(image, limits)
    if direction is None:
        return Diagnosis("feasible", (), (found,))
    over_source = direction[: len(program.columns)]
    names, moves = _moves(program, over_source)
    if not names:
        largest = int(np.argmax(np.abs(direction)))
        names, moves = (image.mpec.columns.names[largest],), f"{image.mpec.columns.names[largest]} grows"
    sentence = f"its objective improves without end as {moves}, the followers responding optimally all the way"
    return Diagnosis("unbounded", (Finding("leader objective", program.players[LEADER], names, sentence),))


def _moves(program: BilevelProgram, direction: Floats) -> tuple[tuple[str, ...], str]:
    """Return the names of the columns that move, and in words how."""
    moving = np.flatnonzero(direction)
    moving = moving[np.argsort(-np.abs(direction[moving]), kind="stable")]
    names = tuple(program.columns.names[int(j)] for j in moving)
    how = tuple(f"{name} {'grows' if direction[j] > 0 else 'falls'}" for name, j in zip(names, moving, strict=True))
    return names, listed(how)
