"""Why a game with second-order cones has no solution: by tangents, and by games with tangents."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import sparse

from bilevel.certificate.certify import certify
from bilevel.conic.search import CLOSED, ConicSearch, Polyhedral, search_with_tangents
from bilevel.diagnosis.conflicts import SECONDS
from bilevel.diagnosis.findings import Diagnosis, Finding
from bilevel.diagnosis.infeasible_rows import owners_of, row_findings
from bilevel.language.read import Game
from bilevel.printing import listed
from bilevel.solvers.answer import Limits
from bilevel.solvers.cone_optimum import conic_optimum
from bilevel.solvers.outcome import HighsOptions
from reformulations.conic.cone_rows import cone_rows
from reformulations.conic.cone_tangents import Tangents, first_tangents, polyhedral_game, without_cones
from reformulations.conic.cones import Cones
from reformulations.conic.joint_relaxation import joint_relaxation, without_objective
from reformulations.elastic import coupling_conditions, with_leader_cost
from reformulations.programs import LEADER, BilevelProgram, Integers, Role

_NOTE = "a point was found, and checked, at which every row holds and every follower responds optimally"


def diagnose_with_cones(game: Game, limits: Limits) -> Diagnosis:
    """Diagnose a game of which followers have second-order cones.

    That rows contradict each other is shown by tangents of the cones; that no best response satisfies the leader's
    rows, by bounds of the followers' optima (:func:`bilevel.conic.search.search_with_tangents`). Whether a follower
    with cones has a best response anywhere is not examined.

    Raises
    ------
    NotApplicable
        When a game with tangents does not fit the methods.
    """
    program = game.program
    cones = cone_rows(program)
    findings = _row_findings(program, cones, limits.threads)
    if findings:
        return Diagnosis("infeasible", findings)
    found = _any_point(game, limits)
    if found.best is not None:
        certificate = certify(program, found.best.point, threads=limits.threads, conic=found.best.conic)
        if not certificate.holds:
            return Diagnosis(
                "unknown", (), (f"the point found does not stand up to a check: {certificate.failures[0]}",)
            )
        return Diagnosis("feasible", (), (_NOTE, *_objective_notes(program, cones, limits)))
    if found.ended == "infeasible":
        return Diagnosis("infeasible", (_condition_finding(game, cones, limits),))
    if found.ended == "time_limit":
        return Diagnosis("unknown", (), ("the time limit passed before a point was found",))
    where = listed(tuple(cones.names))
    return Diagnosis(
        "unknown", (), (f"no point was found with tangents in place of {where}, and none was excluded", *found.notes)
    )


def _any_point(game: Game, limits: Limits) -> ConicSearch:
    """Search the game without the leader's objective, which ends at the first point."""
    asked = replace(game, program=with_leader_cost(game.program, np.zeros(len(game.program.columns))))
    return search_with_tangents(asked, Polyhedral("auto", "auto"), limits, time.perf_counter())


def _row_findings(program: BilevelProgram, cones: Cones, threads: int | None) -> tuple[Finding, ...]:
    """Explain why the rows of all players have no point, by tangents that stand for their cones in it."""
    tangents = first_tangents(cones)
    for part, picked in _parts(program, cones):
        plain = joint_relaxation(with_leader_cost(without_cones(part, cones), np.zeros(len(part.columns))))
        if plain is None:
            raise AssertionError
        options = HighsOptions(threads=threads, time_limit=SECONDS)
        ended = conic_optimum(without_objective(plain), cones.take(picked), options, tolerance=CLOSED)
        if ended.outcome.status == "infeasible":
            tangents = tangents + _among_all(ended.tangents, cones, picked)
    names = program.rows.names + cones.names.take(tangents.cone(cones))
    polyhedral = polyhedral_game(program, cones, tangents)
    return row_findings(replace(polyhedral, rows=replace(polyhedral.rows, names=names)), threads)


def _parts(program: BilevelProgram, cones: Cones) -> Iterator[tuple[BilevelProgram, Integers]]:
    """Yield the game with all its cones, then each follower's rows alone with its own cones, in and out of the box."""
    yield program, np.arange(len(cones))
    columns, owner = program.columns, program.row_owner[cones.row]
    for player in np.unique(owner[program.roles[owner] == Role.FOLLOWER]).tolist():
        others = program.row_owner != player
        rows = program.rows
        alone = replace(
            program,
            rows=replace(rows, lower=np.where(others, -np.inf, rows.lower), upper=np.where(others, np.inf, rows.upper)),
        )
        own = program.column_owner == player
        free = replace(columns, lower=np.where(own, columns.lower, -np.inf), upper=np.where(own, columns.upper, np.inf))
        yield replace(alone, columns=free), np.flatnonzero(owner == player)
        yield alone, np.flatnonzero(owner == player)


def _among_all(tangents: Tangents, cones: Cones, picked: Integers) -> Tangents:
    """Return tangents of the cones ``picked`` over the terms of all cones."""
    terms = np.flatnonzero(np.isin(cones.cone, picked))
    place = sparse.csr_array((np.ones(len(terms)), (np.arange(len(terms)), terms)), shape=(len(terms), len(cones.cone)))
    return Tangents(sparse.csr_array(tangents.matrix @ place))


def _condition_finding(game: Game, cones: Cones, limits: Limits) -> Finding:
    """Name conditions of the leader that no best response satisfies, without those that are not needed for that."""
    program = game.program
    rows = np.array([row for row in coupling_conditions(program) if row < len(program.rows)], np.int64)
    needed = rows.tolist()
    for row in rows[~np.isin(rows, cones.row)].tolist():
        if _any_point(_without_row(game, row), limits).ended == "infeasible":
            game = _without_row(game, row)
            needed.remove(row)
    if not needed:
        followers = tuple(np.array(program.players)[program.roles == Role.FOLLOWER].tolist())
        sentence = "no decision of the leader leaves them at best responses, as bounds of their optima prove"
        return Finding("complementarity", listed(followers), followers, sentence)
    names = tuple(program.rows.names[row] for row in needed)
    which = "this" if len(names) == 1 else "all of these"
    sentence = f"{listed(names)}: no best response satisfies {which}, as bounds of the followers' optima prove"
    return Finding("coupling rows", owners_of(program, np.array(needed)), names, sentence)


def _without_row(game: Game, row: int) -> Game:
    rows = game.program.rows
    lower, upper = rows.lower.copy(), rows.upper.copy()
    lower[row], upper[row] = -np.inf, np.inf
    return replace(game, program=replace(game.program, rows=replace(rows, lower=lower, upper=upper)))


def _objective_notes(program: BilevelProgram, cones: Cones, limits: Limits) -> tuple[str, ...]:
    """Say where nothing but the followers' optimality may bound the leader's objective."""
    plain = joint_relaxation(without_cones(program, cones))
    options = HighsOptions(threads=limits.threads, time_limit=limits.time_limit)
    if plain is not None and not len(plain.products):
        ended = conic_optimum(plain, cones, options, tolerance=CLOSED)
        if np.isfinite(ended.outcome.bound):
            return ()
    return (f"whether the objective of {program.players[LEADER]} is bounded was not examined",)
