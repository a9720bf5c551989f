"""Rows and bounds that contradict each other even if every follower responds at will."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from bilevel.diagnosis.conflicts import SECONDS, Conflict, conflict
from bilevel.diagnosis.findings import Finding, Group
from bilevel.printing import listed
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.elastic import side_name, side_owner
from reformulations.envelopes import linear_relaxation
from reformulations.programs import BilevelProgram, Columns, Floats, Integers, Product, Role, Rows


def row_findings(program: BilevelProgram, threads: int | None = None) -> tuple[Finding, ...]:
    """Explain why the high-point relaxation has no point; empty where it has one, or that is not settled.

    The relaxation has the rows of all players, bounds and integrality, and nobody's optimality. A
    follower that can never respond is named first, by its own rows alone, then with the bounds
    of the others; only where there is none are the rows of all players examined together.
    """
    relaxed = linear_relaxation(program.columns, program.rows)
    if PersistentHighs(relaxed, HighsOptions(threads=threads, time_limit=SECONDS)).solve().status != "infeasible":
        return ()
    followers = np.flatnonzero(program.roles == Role.FOLLOWER).tolist()
    own = [found for player in followers if (found := _follower_finding(program, player, threads)) is not None]
    if own:
        return tuple(own)
    joint = conflict(relaxed, len(program.rows), len(program.columns), threads)
    if joint is None:
        sentence = "the rows of all players cannot hold together"
        return (Finding("all rows", listed(program.players), (), sentence),)
    sentence = f"{_cannot_hold(program, joint.positions)}, even if the followers respond at will"
    return (_finding(program, joint, "all rows", sentence),)


def _cannot_hold(program: BilevelProgram, positions: Integers) -> str:
    """Say that rows and bounds contradict each other, each with its owner where there are several."""
    owners = [side_owner(program, position) for position in positions.tolist()]
    with_owner = len(set(owners)) > 1
    named = [
        side_name(program, position) + (f" ({program.players[owner]})" if with_owner else "")
        for position, owner in zip(positions.tolist(), owners, strict=True)
    ]
    named = [*dict.fromkeys(named)]  # several tangents can stand for one row
    return f"{listed(named)} cannot {'hold' if len(named) == 1 else 'all hold'}"


def owners_of(program: BilevelProgram, positions: Integers) -> str:
    """Return the players that own rows and bounds, separated by commas."""
    owners = sorted({side_owner(program, position) for position in positions.tolist()})
    return listed([program.players[owner] for owner in owners])


def _follower_finding(program: BilevelProgram, player: int, threads: int | None) -> Finding | None:
    chosen = np.flatnonzero(program.row_owner == player)
    own = program.column_owner == player
    for columns, where in (
        (_others_free(program.columns, own), "whatever the others decide"),
        (program.columns, "whatever the others decide within their bounds"),
    ):
        part, used = _part(program, chosen, own, columns)
        found = conflict(linear_relaxation(*part), len(chosen), len(used), threads)
        if found is not None:
            whole = Conflict(_in_source(program, found.positions, chosen, used), found.integral, found.irreducible)
            sentence = f"{_cannot_hold(program, whole.positions)}, so that it can never respond, {where}"
            return _finding(program, whole, "follower rows", sentence, program.players[player])
    return None


def _others_free(columns: Columns, own: np.ndarray) -> Columns:
    lower: Floats = np.where(own, columns.lower, -np.inf)
    return Columns(lower, np.where(own, columns.upper, np.inf), columns.integer & own, columns.names)


def _part(
    program: BilevelProgram, chosen: Integers, own: np.ndarray, columns: Columns
) -> tuple[tuple[Columns, Rows], Integers]:
    """Return the columns and rows of a follower's problem, and where its columns are."""
    rows = program.rows
    position = np.full(len(rows), -1, np.int64)
    position[chosen] = np.arange(len(chosen))
    terms = rows.products.take(position[rows.products.index] >= 0)
    matrix = sparse.csr_array(rows.matrix[chosen])
    mask = own.copy()
    mask[matrix.indices] = mask[terms.left] = mask[terms.right] = True
    used = np.flatnonzero(mask)
    place = np.cumsum(mask) - 1
    part = Rows(
        sparse.csr_array(matrix[:, used]),
        rows.lower[chosen],
        rows.upper[chosen],
        rows.names.take(chosen),
        Product.of(position[terms.index], place[terms.left], place[terms.right], terms.value),
    )
    picked = Columns(columns.lower[used], columns.upper[used], columns.integer[used], columns.names.take(used))
    return (picked, part), used


def _in_source(program: BilevelProgram, positions: Integers, rows: Integers, columns: Integers) -> Integers:
    m, n = len(program.rows), len(program.columns)
    return np.concatenate([rows, m + columns, m + n + columns])[positions]


def _finding(
    program: BilevelProgram, found: Conflict, group: Group, sentence: str, player: str | None = None
) -> Finding:
    names = tuple(dict.fromkeys(side_name(program, position) for position in found.positions.tolist()))
    if found.integral:
        integers = _integers_in(program, found.positions)
        group, sentence = "integrality", f"{sentence}, with {listed(integers)} integer and within bounds"
    if not found.irreducible:
        sentence += " (time ran out before the smallest such set was found)"
    return Finding(group, player or owners_of(program, found.positions), names, sentence)


def _integers_in(program: BilevelProgram, positions: Integers) -> tuple[str, ...]:
    m, n = len(program.rows), len(program.columns)
    rows, terms = positions[positions < m], program.rows.products
    mine = np.isin(terms.index, rows)
    bounded = (positions[positions >= m] - m) % n
    used = np.unique(np.concatenate([program.rows.matrix[rows].indices, terms.left[mine], terms.right[mine], bounded]))
    return tuple(program.columns.names[int(column)] for column in used if program.columns.integer[column])
