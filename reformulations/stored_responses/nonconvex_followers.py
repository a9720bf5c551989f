"""Which followers are not convex: optimality conditions do not describe what these respond."""

from __future__ import annotations

import numpy as np

from reformulations.conic.cone_rows import follower_cones
from reformulations.convexity import convex_terms
from reformulations.programs import BilevelProgram, Product, Role
from reformulations.refusal import NotApplicable


def first_nonconvexity(program: BilevelProgram) -> NotApplicable | None:
    """Return where a continuous follower is not convex, as far as is known, and why; None where all are convex.

    An objective is convex where its products of the follower's own columns are a semidefinite form
    (:mod:`reformulations.convexity`), a quadratic row where it is a second-order cone
    (:func:`reformulations.conic.cone_rows.cone_rows`).
    """
    owner, terms = program.column_owner, program.objectives.products
    whole = np.zeros(len(program.players), bool)
    whole[owner[program.columns.integer]] = True
    theirs = (program.roles[terms.index] == Role.FOLLOWER) & ~whole[terms.index]
    own = terms.take(theirs & (owner[terms.left] == terms.index) & (owner[terms.right] == terms.index))
    # the columns of different followers are different, so one form holds the products of all of them
    form = Product.of(
        np.zeros(len(own), np.int64), own.left, own.right, program.objectives.sense[own.index] * own.value
    )
    for term in np.flatnonzero(~convex_terms(form, len(program.columns)))[:1]:
        column = int(form.left[term])
        return NotApplicable(
            program.columns.names[column],
            f"the objective of follower {program.players[int(owner[column])]} is not convex in its own variables",
        )
    try:
        follower_cones(program)
    except NotApplicable as refused:
        return refused
    return None
