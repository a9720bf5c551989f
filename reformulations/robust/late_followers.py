"""Games in which followers decide after nature has moved: who decides when, and their masters.

A follower declared inside a block of recourse waits and sees: it responds to the leader and to nature. For finitely
many scenarios ``u^1 .. u^K``, the leader minimising::

    min_{z in Z}  c(z) + max_k  min_{r, y} { q(z, u^k, r, y) : rows of recourse,  y in S(z, u^k) }

``Z`` holds the first stage and the responses of here-and-now followers, ``S`` the optimal responses of the late ones;
among these the leader has the best one, in the master as in the adversary. The master of stored scenarios has one copy
of recourse and of every late follower a scenario, and is a game again::

    min c(z) + eta   s.t.   eta >= q(z, u^k, r^k, y^k),   rows of recourse at u^k,   y^k in S(z, u^k)

Its optimum bounds that of the game from below for every choice of stored scenarios. The worst case over a continuous
set is not at a vertex in general: ``S`` jumps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reformulations.programs import BilevelProgram, Booleans, Integers, Role
from reformulations.refusal import NotApplicable


@dataclass(frozen=True, slots=True)
class Timing:
    """Who decides when: ``early``, ``nature`` and ``late`` columns, ``late_rows``, and a mask of ``late_followers``.

    Late rows are those of late players and those in which nature or a late column appears.
    """

    early: Integers
    nature: Integers
    late: Integers
    late_rows: Booleans
    late_followers: Booleans


def late_followers(program: BilevelProgram) -> Booleans:
    """Return a mask ``(P,)`` of the followers declared inside a block of recourse."""
    blocks = tuple(
        f"{name}." for name, role in zip(program.players, program.roles, strict=True) if role == Role.RECOURSE
    )
    inside = np.array([name.startswith(blocks) for name in program.players], bool)
    return np.asarray(inside & (program.roles == Role.FOLLOWER))


def timing_of(program: BilevelProgram) -> Timing:
    """Return who decides when.

    Raises
    ------
    NotApplicable
        For a here-and-now follower that mentions nature or a late decision, late followers that mention recourse or
        each other, are integer or quadratic, multipliers of late followers, and integer nature.
    """
    late_follower = late_followers(program)
    roles, owner = program.roles, program.column_owner
    is_late = late_follower[owner] | (roles[owner] == Role.RECOURSE)
    is_nature = roles[owner] == Role.NATURE
    rows, after = program.rows, is_late | is_nature
    late_rows = np.asarray((abs(rows.matrix) @ after.astype(np.float64)) > 0)
    late_rows[rows.products.index[after[rows.products.left] | after[rows.products.right]]] = True
    late_rows |= late_follower[program.row_owner]
    found = Timing(np.flatnonzero(~after), np.flatnonzero(is_nature), np.flatnonzero(is_late), late_rows, late_follower)
    _refuse_early(program, found, after)
    _refuse_late(program, found, is_late)
    return found


def _refuse_early(program: BilevelProgram, timing: Timing, after: Booleans) -> None:
    early = (program.roles == Role.FOLLOWER) & ~timing.late_followers
    for row in np.flatnonzero(timing.late_rows & early[program.row_owner])[:1]:
        raise NotApplicable(program.rows.names[int(row)], _EARLY)
    linear, products = program.objectives.linear.tocoo(), program.objectives.products
    mentioned = [linear.row[after[linear.col] & (linear.data != 0)]]
    mentioned.append(products.index[after[products.left] | after[products.right]])
    for player in np.concatenate(mentioned)[early[np.concatenate(mentioned)]][:1]:
        raise NotApplicable(program.players[int(player)], _EARLY)
    for column in timing.nature[program.columns.integer[timing.nature]][:1]:
        raise NotApplicable(program.columns.names[int(column)], "an integer uncertain variable; list its scenarios")


_EARLY = (
    "this follower decides before nature moves, so nature and recourse cannot appear in it; declare it inside the "
    "block of recourse if it waits and sees"
)


def _refuse_late(program: BilevelProgram, timing: Timing, late: Booleans) -> None:
    """Refuse late followers whose responses are no linear program of early decisions and nature alone."""
    owner, names = program.column_owner, program.columns.names
    theirs = timing.late_followers[owner]
    for column in np.flatnonzero(theirs & program.columns.integer)[:1]:
        raise NotApplicable(names[int(column)], "a follower that waits and sees cannot have integer variables")
    entries, terms = program.rows.matrix.tocoo(), program.rows.products
    mine = timing.late_followers[program.row_owner]
    foreign = mine[entries.row] & late[entries.col] & (owner[entries.col] != program.row_owner[entries.row])
    for entry in np.flatnonzero(foreign & (entries.data != 0))[:1]:
        _refuse_foreign(program, int(entries.col[entry]), program.rows.names[int(entries.row[entry])])
    for index, where, by_player in (
        (terms, mine[terms.index], False),
        (program.objectives.products, timing.late_followers[program.objectives.products.index], True),
    ):
        both = where & late[index.left] & late[index.right]
        for term in np.flatnonzero(both)[:1]:
            at = int(index.index[term])
            what = program.players[at] if by_player else program.rows.names[at]
            pair = f"{names[int(index.left[term])]} * {names[int(index.right[term])]}"
            raise NotApplicable(what, f"{pair}: a follower that waits and sees must be linear in late decisions")
    used = np.unique(program.multipliers.matrix.indices)
    m, n = len(program.rows), len(program.columns)
    of_late = np.concatenate([mine, theirs, theirs])
    for position in used[of_late[used]][:1]:
        place = int(position)
        what = program.rows.names[place] if place < m else names[(place - m) % n]
        raise NotApplicable(what, "multipliers of followers that wait and see cannot be used in the game yet")


def _refuse_foreign(program: BilevelProgram, column: int, where: str) -> None:
    raise NotApplicable(
        where,
        f"{program.columns.names[column]} is decided at the same time by another player; followers that wait and see "
        "respond to decisions taken before nature moves and to nature only",
    )
