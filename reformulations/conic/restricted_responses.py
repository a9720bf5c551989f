"""A relaxation of a game with cones: followers do no worse than restricted copies of themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.arrays import (
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    Names,
    Objectives,
    Product,
    Rows,
    freeze,
    widened,
)
from reformulations.canonical import rows_with_own_columns
from reformulations.conic.cone_tangents import Tangents, with_rows, without_cones
from reformulations.conic.cones import Cones
from reformulations.programs import LEADER, BilevelProgram, MultiplierColumns, Role


@dataclass(frozen=True, slots=True)
class Rays:
    """Points of the cones, ``matrix`` ``(r, D)``: their nonnegative combinations are in the cones."""

    matrix: Matrix

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def __add__(self, other: Rays) -> Rays:
        return Rays(sparse.csr_array(sparse.vstack([self.matrix, other.matrix], format="csr")))


def first_rays(cones: Cones) -> Rays:
    """Return ``u_0 = +-u_j = 1`` for every term of every cone, and ``u_0 = 1`` where there is no other."""
    parts = []
    for start, stop in zip(cones.start[:-1].tolist(), cones.start[1:].tolist(), strict=True):
        for tail in range(start + 1, stop):
            parts += [(start, tail, 1.0), (start, tail, -1.0)]
        if stop == start + 1:
            parts.append((start, start, 0.0))
    return _rays(parts, len(cones.offset))


def _rays(parts: list[tuple[int, int, float]], width: int) -> Rays:
    count = len(parts)
    index = np.tile(np.arange(count), 2)
    places = np.array([part[0] for part in parts] + [part[1] for part in parts], np.int64)
    values = np.array([1.0] * count + [part[2] for part in parts])
    return Rays(sparse.csr_array(sparse.coo_array((values, (index, places)), shape=(count, width)).tocsr()))


def rays_at(cones: Cones, terms: Floats) -> Rays:
    """Return the boundary point ``(|u_1, ..., u_d|, u_1, ..., u_d)``, scaled, of each cone at ``terms`` ``(D,)``."""
    norms, of = cones.norms(terms), cones.cone
    values = np.divide(terms, norms[of], out=np.zeros(len(terms)), where=norms[of] > 0)
    values[cones.head] = 1.0
    entries = (values, (of, np.arange(len(terms))))
    return Rays(sparse.csr_array(sparse.coo_array(entries, shape=(len(cones), len(terms))).tocsr()))


def restricted_responses(program: BilevelProgram, cones: Cones, tangents: Tangents, rays: Rays) -> BilevelProgram:
    """Return a game with linear rows that relaxes a game with cones.

    Source: ``y`` optimal in ``min f(x, y)`` over linear rows and cones. Image: the leader decides ``y`` too, within
    the linear rows and ``tangents``, and the follower a copy ``v`` of it whose cones' terms are combinations
    of ``rays``::

        f(x, y) <= f(x, v),   v in argmin { f(x, v) : linear rows,  F(x, v) + offset = rays' w,  w >= 0 }

    The copies' sets are within the followers', so that ``f(x, v)`` is at least the follower's optimum and every
    point of the source is one of the image *wherever the copies' sets are not empty*, which :func:`emptiness` asks.
    Columns: those of the source, the copies, the weights. Multiplier columns are free.
    """
    base = _relaxed(program, cones, tangents, rays)
    copies = _copied_rows(program, cones, rays)
    followers = np.flatnonzero(program.roles == Role.FOLLOWER)
    objectives = _on_copies(program, base)
    linear, products = objectives.linear, objectives.products
    signs = program.objectives.sense[followers]
    source = program.objectives
    mine = np.isin(products.index, followers)
    theirs = np.isin(source.products.index, followers)
    position = np.zeros(len(program.players), np.int64)
    position[followers] = np.arange(len(followers))
    weight = sparse.diags_array(signs)
    difference = sparse.csr_array(weight @ (widened(source.linear, linear.shape[1]) - linear)[followers])
    difference.eliminate_zeros()
    terms = [(source.products.take(theirs), 1.0), (products.take(mine), -1.0)]
    compared = Rows(
        difference,
        np.full(len(followers), -np.inf),
        np.zeros(len(followers)),
        Names(len(followers), lambda i: f"{program.players[int(followers[i])]} does no worse than its copy"),
        sum(
            (
                Product.of(position[part.index], part.left, part.right, sign * part.value * signs[position[part.index]])
                for part, sign in terms
            ),
            Product.none(),
        ),
    )
    game = with_rows(replace(base, objectives=objectives), *copies)
    return with_rows(game, compared, np.zeros(len(compared), np.int64))


def emptiness(program: BilevelProgram, cones: Cones, tangents: Tangents, rays: Rays) -> BilevelProgram:
    """Return a game whose optimum is the slack that the copies need at worst; zero where none of their sets is empty.

    The leader, within the linear rows and ``tangents``, maximises the sum of the slacks ``t`` that the followers
    minimise: ``F(x, v) + offset + t e_0 = rays' w``, one slack a follower.
    """
    base = _relaxed(program, cones, tangents, rays)
    rows, owner = _copied_rows(program, cones, rays)
    followers = np.flatnonzero(program.roles == Role.FOLLOWER)
    n, k, m = len(base.columns), len(followers), len(rows)
    heads = np.zeros(m, bool)
    conic = m - int(_followers_terms(program, cones).sum())
    heads[conic:] = _is_head(cones)[_followers_terms(program, cones)]
    place = np.zeros(len(program.players), np.int64)
    place[followers] = n + np.arange(k)
    picked = np.flatnonzero(heads)
    loose = sparse.coo_array((np.ones(len(picked)), (picked, place[owner[picked]])), shape=(m, n + k)).tocsr()
    names = Names(k, lambda i: f"slack of {program.players[int(followers[i])]}")
    columns = base.columns.append(Columns(np.zeros(k), np.full(k, np.inf), np.zeros(k, bool), names))
    goals = sparse.coo_array(
        (np.ones(2 * k), (np.concatenate([followers, np.zeros(k, np.int64)]), np.tile(n + np.arange(k), 2))),
        shape=(len(program.players), n + k),
    )
    sense = np.ones(len(program.players))
    sense[LEADER] = -1.0
    count = len(base.rows)
    game = replace(
        base,
        columns=columns,
        column_owner=np.concatenate([base.column_owner, followers]),
        rows=Rows(
            widened(base.rows.matrix, n + k), base.rows.lower, base.rows.upper, base.rows.names, base.rows.products
        ),
        objectives=Objectives(sense, np.zeros(len(sense)), sparse.csr_array(goals.tocsr())),
        multipliers=_no_multipliers(count, n + k),
    )
    linear = sparse.csr_array(widened(rows.matrix, n + k) + loose)
    return with_rows(game, Rows(linear, rows.lower, rows.upper, rows.names, rows.products), owner)


def _no_multipliers(m: int, n: int) -> MultiplierColumns:
    return MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, m + 2 * n)))


def _is_head(cones: Cones) -> Booleans:
    head = np.zeros(len(cones.offset), bool)
    head[cones.head] = True
    return head


def _followers_terms(program: BilevelProgram, cones: Cones) -> Booleans:
    """Mask the terms ``(D,)`` of followers' cones."""
    owner = program.row_owner[cones.row]
    return np.asarray((program.roles[owner] == Role.FOLLOWER)[cones.cone])


def _relaxed(program: BilevelProgram, cones: Cones, tangents: Tangents, rays: Rays) -> BilevelProgram:
    """Give the followers' columns and rows to the leader; append copies and weights, which are the followers'."""
    linear, weights = without_cones(program, cones), len(rays)
    rows = linear.rows.append(tangents.rows(cones))
    cone = cones.cone[rays.matrix.indices[rays.matrix.indptr[:-1]]]
    n, followers = len(program.columns), np.flatnonzero(program.follower_columns)
    columns = program.columns
    copies = Columns(
        columns.lower[followers],
        columns.upper[followers],
        columns.integer[followers],
        Names(len(followers), lambda j: f"copy of {columns.names[int(followers[j])]}"),
    )
    free = Columns(
        np.zeros(weights), np.full(weights, np.inf), np.zeros(weights, bool), Names(weights, lambda j: f"weight {j}")
    )
    return replace(
        linear,
        columns=columns.append(copies).append(free),
        column_owner=np.concatenate(
            [
                np.where(program.follower_columns, LEADER, program.column_owner),
                program.column_owner[followers],
                program.row_owner[cones.row[cone]],
            ]
        ),
        rows=Rows(
            widened(rows.matrix, n + len(followers) + weights), rows.lower, rows.upper, rows.names, rows.products
        ),
        row_owner=np.full(len(rows), LEADER),
        multipliers=_no_multipliers(len(rows), n + len(followers) + weights),
    )


def _places(program: BilevelProgram) -> Integers:
    """Return the copy of each follower's column ``(n,)``; other columns stay."""
    place = np.arange(len(program.columns))
    followers = np.flatnonzero(program.follower_columns)
    place[followers] = len(place) + np.arange(len(followers))
    return place


def _copied_rows(program: BilevelProgram, cones: Cones, rays: Rays) -> tuple[Rows, Integers]:
    """Return the followers' linear rows over their copies, then their cones' terms as combinations of rays."""
    place, n = _places(program), len(program.columns)
    linear = without_cones(program, cones)
    stays = np.flatnonzero(rows_with_own_columns(linear))
    width = n + int(program.follower_columns.sum()) + len(rays)
    entries = linear.rows.matrix[stays].tocoo()
    copied = sparse.coo_array((entries.data, (entries.row, place[entries.col])), shape=(len(stays), width)).tocsr()
    products = linear.rows.products
    position = np.full(len(linear.rows), -1, np.int64)
    position[stays] = np.arange(len(stays))
    kept = products.take(position[products.index] >= 0)
    terms = np.flatnonzero(_followers_terms(program, cones))
    found = cones.factor[terms].tocoo()
    moved = sparse.coo_array((found.data, (found.row, place[found.col])), shape=(len(terms), width)).tocsr()
    generated = sparse.hstack(
        [sparse.csr_array((len(terms), width - len(rays))), rays.matrix[:, terms].T], format="csr"
    )
    right = -cones.offset[terms]
    first = linear.rows
    rows = Rows(
        sparse.csr_array(sparse.vstack([copied, moved - generated], format="csr")),
        np.concatenate([first.lower[stays], right]),
        np.concatenate([first.upper[stays], right]),
        first.names.take(stays) + Names(len(terms), lambda i: f"term of {cones.names[int(cones.cone[terms[i]])]}"),
        Product.of(position[kept.index], place[kept.left], place[kept.right], kept.value),
    )
    owner = np.concatenate([program.row_owner[stays], program.row_owner[cones.row[cones.cone[terms]]]])
    return rows, owner


def _on_copies(program: BilevelProgram, base: BilevelProgram) -> Objectives:
    """Return the objectives, the followers' over their copies."""
    place, objectives, width = _places(program), program.objectives, len(base.columns)
    entries = objectives.linear.tocoo()
    follower = program.roles[entries.row] == Role.FOLLOWER
    column = np.where(follower, place[entries.col], entries.col)
    linear = sparse.coo_array((entries.data, (entries.row, column)), shape=(len(program.players), width)).tocsr()
    products = objectives.products
    theirs = program.roles[products.index] == Role.FOLLOWER
    left = np.where(theirs, place[products.left], products.left)
    right = np.where(theirs, place[products.right], products.right)
    return replace(
        objectives, linear=sparse.csr_array(linear), products=Product.of(products.index, left, right, products.value)
    )
