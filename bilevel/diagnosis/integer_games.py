"""Why a game with integer or nonconvex followers has no solution: by their responses, not optimality conditions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bilevel.certificate.certify import certify
from bilevel.compiler.pipeline import optimality_system
from bilevel.diagnosis.attempt import attempt
from bilevel.diagnosis.causes import condition_findings, endless_finding, moves
from bilevel.diagnosis.elastic_rows import least_violation
from bilevel.diagnosis.endless import followers_without_optimum, improving_direction
from bilevel.diagnosis.findings import Diagnosis, Finding
from bilevel.search.optimise import Limits
from reformulations.conic.cone_rows import follower_cones
from reformulations.elastic import with_leader_cost
from reformulations.programs import LEADER, BilevelProgram, Booleans, Floats, MixedIntegerProgram
from reformulations.refusal import NotApplicable
from reformulations.stored_responses.high_point import HighPoint, high_point
from reformulations.stored_responses.nonconvex_followers import first_nonconvexity


def diagnose_by_responses(program: BilevelProgram, rows: tuple[Finding, ...], limits: Limits) -> Diagnosis:
    """Diagnose a game with followers that are integer or not convex, ``rows`` found before.

    A linear follower has no best response where it has none with its integers relaxed: with rational data an integer
    program with a point is unbounded exactly when its relaxation is (Meyer, Mathematical Programming 7, 1974). Of
    followers that are not convex, or have second-order cones, this is not examined.

    Raises
    ------
    NotApplicable
        When followers interact, a bound is missing, or SCIP would be needed.
    """
    hopeless = {finding.player for finding in rows}
    relaxed = _with_continuous_followers(program)
    convex = first_nonconvexity(relaxed) is None and not len(follower_cones(relaxed))
    without = followers_without_optimum(relaxed, optimality_system(relaxed), limits.threads) if convex else ()
    endless = tuple(
        endless_finding(program, player, limits.threads)
        for player in without
        if program.players[player] not in hopeless
    )
    if rows or endless:
        return Diagnosis("infeasible", rows + endless)
    anything = attempt(with_leader_cost(program, np.zeros(len(program.columns))), limits)
    if anything.status == "infeasible":
        return _diagnose_conditions(program, limits)
    if anything.point is None:
        return Diagnosis("unknown", (), (anything.reason or "no point was found, and none was excluded",))
    certificate = certify(program, anything.point, threads=limits.threads)
    if not certificate.holds:
        return Diagnosis("unknown", (), (f"the point found does not stand up to a check: {certificate.failures[0]}",))
    return _diagnose_objective(program, limits)


def _with_continuous_followers(program: BilevelProgram) -> BilevelProgram:
    columns = program.columns
    return replace(program, columns=replace(columns, integer=columns.integer & ~program.follower_columns))


def _diagnose_conditions(program: BilevelProgram, limits: Limits) -> Diagnosis:
    found = least_violation(program, limits)
    if len(found.conditions):
        return Diagnosis("infeasible", condition_findings(program, found, ()))
    if found.point is not None:
        return Diagnosis("unknown", (), ("the game is infeasible by no more than the tolerances of a solver",))
    return Diagnosis(
        "unknown", (), (f"no decision of the leader and best responses to it fit together; {found.reason}",)
    )


def _diagnose_objective(program: BilevelProgram, limits: Limits) -> Diagnosis:
    """Tell whether the leader improves without end by columns that no follower sees, which is all that is examined."""
    found = "a point was found, and checked, at which every row holds and every follower responds optimally"
    try:
        relaxation = high_point(program)
    except NotApplicable as reason:
        return Diagnosis("feasible", (), (found, f"the leader's objective was not examined: {reason}"))
    alone = np.zeros(len(relaxation.program.columns), bool)
    alone[: len(program.columns)] = (program.column_owner == LEADER) & ~relaxation.linking
    improving = improving_direction(_moving(relaxation, alone), limits.threads)
    if improving is not None:
        names, how = moves(program, improving[: len(program.columns)])
        sentence = f"its objective improves without end as {how}, whatever the followers respond"
        return Diagnosis("unbounded", (Finding("leader objective", program.players[LEADER], names, sentence),))
    together: Floats | None = improving_direction(relaxation.program, limits.threads)
    if together is None:
        return Diagnosis("feasible", (), (found,))
    names, how = moves(program, together[: len(program.columns)])
    note = f"if the followers respond at will, the leader's objective improves without end as {how}; bound {names[0]}"
    return Diagnosis("feasible", (), (found, note))


def _moving(relaxation: HighPoint, columns: Booleans) -> MixedIntegerProgram:
    """Return the relaxation with all other columns held; where does not matter to a direction."""
    program = relaxation.program
    lower = np.where(columns, program.columns.lower, 0.0)
    upper = np.where(columns, program.columns.upper, 0.0)
    return replace(program, columns=replace(program.columns, lower=lower, upper=upper))
