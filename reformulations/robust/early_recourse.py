"""Recourse that need not wait for nature although it is not convex: blocks whose cost keeps its direction.

Columns that are decided after nature has moved fall into blocks: two of them are in one block where a row, a product or
a follower joins them. Nature stands in the leader's objective only; given the first stage ``z``, block ``b`` chooses
``r_b`` from a set ``R_b(z)`` that does not depend on nature, on its own. Where what it costs is one number of nature
times one form of recourse::

    max_{u in U} sum_b min_{r_b in R_b(z)} s_b(u) q_b'r_b = max_{u in U} sum_b s_b(u) q_b'r_b*
                                                          = min_r max_{u in U} sum_b s_b(u) q_b'r_b

with ``r_b*`` least in ``q_b'r_b`` alone, provided that ``s_b`` is not negative on ``U``: the decision that is best for
one ``s_b >= 0`` is best for all, so the right-hand side is no more than the middle, and by weak duality no less.
Neither ``R_b(z)`` nor ``U`` need be convex: integers, optimal responses of followers, lists of points. Probabilities of
scenarios with a block each are the leading case, ``s_b = u_b >= 0``.

What fails without: a certain cost in the block, two prices that are not in proportion, or a price of either sign make
the best decision depend on nature; so does a row over blocks with different prices.

The rest of recourse may still be decided before nature moves where its set and ``U`` are convex (minimax, see
:mod:`reformulations.robust.static_costs`): with ``r_b*`` put in, the blocks above add a term linear in ``u``.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from reformulations.interval import activity_range
from reformulations.programs import LEADER, BilevelProgram, Booleans, Floats, Integers, Role
from reformulations.robust.late_followers import late_followers
from reformulations.robust.static_costs import nature_cost
from reformulations.uncertainty import UncertaintySet

_ROUNDING = 1e-12
"""Prices this close to proportional, relative to the largest, are proportional."""

_FEASIBLE = 1e-9
"""Feasibility tolerance of the linear programs over uncertainty sets."""


def may_decide_early(program: BilevelProgram, within: UncertaintySet) -> bool:
    """Tell whether recourse may be decided before nature moves, nature standing in the leader's objective only.

    Exact when
        no follower that decides before nature mentions recourse, and each block that nature multiplies keeps the
        direction of its cost, or it and nature's set are convex.
    """
    late = _late_columns(program)
    if _is_foreseen(program, late):
        return False
    bent, mixed = _not_convex(program, late), _in_other_products(program, late)
    price = sparse.csc_array(sparse.vstack([nature_cost(program).moving, program.objectives.linear[[LEADER]]]))
    sign = float(program.objectives.sense[LEADER])
    for block in _blocks(program, late):
        costs = price[:, block].toarray()
        costs[-1] *= sign
        if not costs[:-1].any() or (within.is_convex and not bent[block].any()):
            continue
        if mixed[block].any() or not _keeps_direction(costs, within):
            return False
    return True


def _late_columns(program: BilevelProgram) -> Booleans:
    owner = program.column_owner
    return np.asarray((program.roles[owner] == Role.RECOURSE) | late_followers(program)[owner])


def _is_foreseen(program: BilevelProgram, late: Booleans) -> bool:
    """Tell whether a follower that decides before nature moves mentions a decision that comes after."""
    early = (program.roles == Role.FOLLOWER) & ~late_followers(program)
    rows, goals = program.rows, program.objectives
    mentions = (abs(goals.linear) @ late.astype(np.float64)) > 0
    mentions[goals.products.index[late[goals.products.left] | late[goals.products.right]]] = True
    in_row = (abs(rows.matrix) @ late.astype(np.float64)) > 0
    in_row[rows.products.index[late[rows.products.left] | late[rows.products.right]]] = True
    mentions[program.row_owner[in_row]] = True
    return bool(np.any(mentions & early))


def _keeps_direction(costs: Floats, within: UncertaintySet) -> bool:
    """Tell whether ``(u, 1) @ costs`` is a number of one sign times a vector; ``costs`` is ``(k + 1, q)``."""
    row, column = np.unravel_index(np.argmax(np.abs(costs)), costs.shape)
    shape, share = costs[:, column], costs[row] / costs[row, column]
    if np.any(np.abs(costs - np.outer(shape, share)) > _ROUNDING * abs(costs[row, column])):
        return False
    slope, constant, room = shape[:-1], float(shape[-1]), _FEASIBLE * abs(costs[row, column])
    return any(_least(sign * slope, within) + sign * constant >= -room for sign in (1.0, -1.0))


def _least(slope: Floats, within: UncertaintySet) -> float:
    """Return a lower bound of ``slope @ u`` over the set: by bounds where these say enough, else the minimum."""
    rows, size = within.polyhedral(), within.dimension
    by_bounds, _ = activity_range(sparse.csr_array(slope[None]), rows.column_lower[:size], rows.column_upper[:size])
    return max(float(by_bounds[0]), -within.support(-slope))


def _blocks(program: BilevelProgram, late: Booleans) -> list[Integers]:
    """Return the late columns of each block: joined by a row, a product of two of them, or a late follower."""
    n, m, own = len(program.columns), len(program.rows), late_followers(program)[program.column_owner]
    entries, terms, goals = program.rows.matrix.tocoo(), program.rows.products, program.objectives.products
    theirs = program.objectives.linear.tocoo()
    player = n + m
    followers, mentioned = theirs.row != LEADER, goals.index != LEADER
    joined = [
        (entries.col, n + entries.row),
        *((side, n + terms.index) for side in (terms.left, terms.right)),
        (np.flatnonzero(own), player + program.column_owner[own]),
        (theirs.col[followers], player + theirs.row[followers]),
        *((side[mentioned], player + goals.index[mentioned]) for side in (goals.left, goals.right)),
        *((side, player + len(program.players) + np.arange(len(goals))) for side in (goals.left, goals.right)),
    ]
    column, hub = (np.concatenate(ends) for ends in zip(*joined, strict=True))
    kept, size = late[column], player + len(program.players) + len(goals)
    links = sparse.coo_array((np.ones(kept.sum()), (column[kept], hub[kept])), shape=(size, size))
    _, label = connected_components(links.tocsr(), directed=False)
    columns = np.flatnonzero(late)
    order = np.argsort(label[columns], kind="stable")
    ends = np.flatnonzero(np.diff(label[columns][order])) + 1
    return [np.asarray(block) for block in np.split(columns[order], ends)]


def _not_convex(program: BilevelProgram, late: Booleans) -> Booleans:
    """Return a mask of late columns that make a set of recourse not convex for a given first stage.

    Those with integer values, in a product with each other in a row or in a follower's objective, or in a late
    follower that responds to other late decisions.
    """
    found, owner = late & program.columns.integer, program.column_owner
    terms, goals, entries = program.rows.products, program.objectives.products, program.rows.matrix.tocoo()
    for product, by_follower in ((terms, True), (goals, goals.index != LEADER)):
        both = late[product.left] & late[product.right] & by_follower
        found[product.left[both]] = True
    rows = late_followers(program)[program.row_owner]
    foreign = rows[entries.row] & late[entries.col] & (owner[entries.col] != program.row_owner[entries.row])
    found[entries.col[foreign & (entries.data != 0)]] = True
    return np.asarray(found)


def _in_other_products(program: BilevelProgram, late: Booleans) -> Booleans:
    """Return a mask of late columns that something else than nature multiplies in the leader's objective."""
    goals, role = program.objectives.products, program.roles[program.column_owner]
    by_other = (goals.index == LEADER) & (role[goals.left] != Role.NATURE) & (role[goals.right] != Role.NATURE)
    found = np.zeros(len(program.columns), bool)
    found[goals.left[by_other]] = found[goals.right[by_other]] = True
    return found & late
