"""Linear rows in place of cones: tangents, the polyhedral game that they make, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.arrays import Floats, Integers, Matrix, Names, Rows, freeze
from reformulations.conic.cones import Cones
from reformulations.programs import BilevelProgram, Role
from reformulations.refusal import NotApplicable


@dataclass(frozen=True, slots=True)
class Tangents:
    """Rows ``s'u >= 0``, each ``s`` in a cone: ``matrix`` ``(t, D)`` over the terms of all cones.

    A cone is its own dual, so each row holds on the whole cone, and the multipliers of the rows
    make a point ``matrix' @ multipliers`` of the dual cone.
    """

    matrix: Matrix

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def __add__(self, other: Tangents) -> Tangents:
        return Tangents(sparse.csr_array(sparse.vstack([self.matrix, other.matrix], format="csr")))

    def cone(self, cones: Cones) -> Integers:
        """Return the cone of each row ``(t,)``."""
        return cones.cone[self.matrix.indices[self.matrix.indptr[:-1]]]

    def rows(self, cones: Cones) -> Rows:
        """Return the rows over the columns of ``cones``."""
        of = self.cone(cones)
        names = Names(len(self), lambda i: f"tangent {i} of {cones.names[int(of[i])]}")
        offset = np.asarray(self.matrix @ cones.offset)
        return Rows(sparse.csr_array(self.matrix @ cones.factor), -offset, np.full(len(self), np.inf), names)


def first_tangents(cones: Cones) -> Tangents:
    """Return ``u_0 >= +-u_j`` for every term of every cone, and ``u_0 >= 0`` where there is no other."""
    tails = np.ones(len(cones.offset), bool)
    tails[cones.head] = False
    places = np.flatnonzero(tails)
    lonely = cones.head[np.diff(cones.start) == 1]
    heads = np.concatenate([np.repeat(cones.head[cones.cone[places]], 2), lonely])
    tangent = np.concatenate([np.repeat(places, 2), lonely])
    sign = np.concatenate([np.tile([1.0, -1.0], len(places)), np.zeros(len(lonely))])
    index = np.arange(len(heads))
    entries = (np.concatenate([np.ones(len(heads)), sign]), (np.tile(index, 2), np.concatenate([heads, tangent])))
    matrix = sparse.csr_array(sparse.coo_array(entries, shape=(len(heads), len(cones.offset))).tocsr())
    return _scaled(matrix, cones)


def tangents_at(cones: Cones, terms: Floats, chosen: Integers) -> Tangents:
    """Return the tangent ``|u| u_0 >= (u_1, ..., u_d)'u`` of each of the cones ``chosen`` at ``terms`` ``(D,)``.

    Cones whose ``(u_1, ..., u_d)`` is zero have no tangent there and are left out.
    """
    norms = cones.norms(terms)
    of = cones.cone
    kept = np.isin(of, chosen) & (norms[of] > 0)
    number = np.cumsum(np.isin(np.arange(len(cones)), chosen) & (norms > 0)) - 1
    slope = -np.divide(terms, norms[of], out=np.zeros(len(terms)), where=norms[of] > 0)
    slope[cones.head] = 1.0
    count = int(number[-1]) + 1 if len(cones) else 0
    entries = (slope[kept], (number[of[kept]], np.flatnonzero(kept)))
    matrix = sparse.csr_array(sparse.coo_array(entries, shape=(count, len(terms))).tocsr())
    return _scaled(matrix, cones)


def _scaled(matrix: Matrix, cones: Cones) -> Tangents:
    """Scale each row so that its largest coefficient over the columns is one; drop rows without columns."""
    over = sparse.csr_array(matrix @ cones.factor)
    largest = abs(over).max(axis=1).toarray().ravel() if over.shape[0] else np.empty(0)
    kept = np.flatnonzero(largest > 0)
    return Tangents(sparse.csr_array(sparse.diags_array(1 / largest[kept]) @ matrix[kept]))


def without_cones(program: BilevelProgram, cones: Cones) -> BilevelProgram:
    """Return the game whose rows behind ``cones`` have neither terms nor sides.

    Raises
    ------
    NotApplicable
        Where a column stands for the multiplier of such a row.
    """
    targets = program.multipliers.matrix.indices
    for row in cones.row[np.isin(cones.row, targets)][:1]:
        raise NotApplicable(
            program.rows.names[int(row)],
            "the multiplier of a quadratic row cannot be a variable of the game; use multipliers of linear rows "
            "(of the balances that the quadratic row's variables stand in, say)",
        )
    rows = program.rows
    gone = np.zeros(len(rows), bool)
    gone[cones.row] = True
    kept = sparse.diags_array((~gone).astype(np.float64))
    matrix = sparse.csr_array(kept @ rows.matrix)
    matrix.eliminate_zeros()
    lower, upper = np.where(gone, -np.inf, rows.lower), np.where(gone, np.inf, rows.upper)
    linear = Rows(matrix, lower, upper, rows.names, rows.products.take(~gone[rows.products.index]))
    return replace(program, rows=linear)


def with_rows(program: BilevelProgram, rows: Rows, owner: Integers) -> BilevelProgram:
    """Return the game with further rows of ``owner`` ``(t,)`` after its own."""
    n, m, t = len(program.columns), len(program.rows), len(rows)
    entries = sparse.coo_array(program.multipliers.matrix)
    place = np.where(entries.col >= m, entries.col + t, entries.col)
    multipliers = sparse.coo_array(
        (entries.data, (entries.row, place)), shape=(len(program.multipliers), m + t + 2 * n)
    ).tocsr()
    return replace(
        program,
        rows=program.rows.append(rows),
        row_owner=np.concatenate([program.row_owner, owner]),
        multipliers=replace(program.multipliers, matrix=sparse.csr_array(multipliers)),
    )


def polyhedral_game(program: BilevelProgram, cones: Cones, tangents: Tangents) -> BilevelProgram:
    """Return the game with ``tangents`` in place of the rows behind ``cones``, appended after all rows.

    Each player's feasible set is then an outer approximation. The followers' optima are lower
    bounds of theirs, so that a point of this game is one of the declared game exactly when it
    satisfies the cones.
    """
    owner = program.row_owner[cones.row[tangents.cone(cones)]]
    return with_rows(without_cones(program, cones), tangents.rows(cones), owner)


def conic_point(program: BilevelProgram, cones: Cones, tangents: Tangents, point: Floats) -> tuple[Floats, Floats]:
    """Return the primal-dual point of ``program`` and the multipliers ``(D,)`` of its cones.

    Parameters
    ----------
    program
        The declared game, ``n`` columns and ``m`` rows.
    cones, tangents
        Its cones and the rows that stood for them.
    point
        The primal-dual point ``(n + m + t + 2 n,)`` of :func:`polyhedral_game`.
    """
    n, m, t = len(program.columns), len(program.rows), len(tangents)
    sense = program.objectives.sense[program.row_owner[cones.row]]
    weights = point[n + m : n + m + t] * sense[tangents.cone(cones)]
    duals = np.asarray(tangents.matrix.T @ np.maximum(weights, 0.0))
    source = np.delete(point, np.arange(n + m, n + m + t))
    multipliers = sense * cones.row_multipliers(cones.terms(point), duals)
    upper = program.roles[program.row_owner[cones.row]] != Role.FOLLOWER
    source[n + cones.row] = np.where(upper, 0.0, multipliers)
    return source, duals


def aggregated(program: BilevelProgram, cones: Cones, point: Floats, duals: Floats) -> tuple[BilevelProgram, Floats]:
    """Return the game with one linear row ``s'u >= 0`` for each cone, ``s`` its multipliers, and the point there.

    The row's own multiplier is one (minus one for a maximiser): the KKT conditions of this game at
    the point are, beside ``s`` and ``u`` being in the cones, the conic ones of the declared game.
    """
    n, m, k = len(program.columns), len(program.rows), len(cones)
    weight = sparse.csr_array((duals, (cones.cone, np.arange(len(duals)))), shape=(k, len(duals)))
    rows = Rows(
        sparse.csr_array(weight @ cones.factor), -np.asarray(weight @ cones.offset), np.full(k, np.inf), cones.names
    )
    owner = program.row_owner[cones.row]
    linear = with_rows(without_cones(program, cones), rows, owner)
    multipliers = point[n : n + m].copy()
    multipliers[cones.row] = 0.0
    follower = program.roles[owner] == Role.FOLLOWER
    conic = np.where(follower, program.objectives.sense[owner], 0.0)
    return linear, np.concatenate([point[:n], multipliers, conic, point[n + m :]])
