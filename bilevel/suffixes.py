"""What solvers of Pyomo put into suffixes: followers' multipliers as ``dual`` and ``rc``."""

from __future__ import annotations

import numpy as np
from pyomo.core.base.block import BlockData
from pyomo.core.base.suffix import Suffix

from bilevel.certificate.multiplier_table import have_multipliers
from bilevel.solution import Solution


def fill_suffixes(model: BlockData, solution: Solution) -> None:
    """Write the multipliers of a solution into the suffixes of the model that import them.

    ``dual`` holds those of followers' rows, ``rc`` the sum of both bounds' for their variables, each
    ``d(follower's optimum, in its own sense)/d(right-hand side)``. Both are emptied first; rows and variables of the
    leader have none, nor have those of followers that decide integers or are not convex.
    """
    wanted = {name: model.component(name) for name in ("dual", "rc")}
    game, program = solution.game, solution.game.program
    followers = have_multipliers(program, solution.certificate)
    n, m = len(game.variables), len(game.constraints)
    for name, suffix in wanted.items():
        if not isinstance(suffix, Suffix) or not suffix.import_enabled():
            continue
        suffix.clear()
        if solution.point is None:
            continue
        if name == "dual":
            components, owner, values = game.constraints, program.row_owner, solution.point[n : n + m]
        else:
            sides = solution.point[n + m : n + m + 2 * n].reshape(2, n)
            components, owner, values = game.variables, program.column_owner, sides.sum(axis=0)
        for place in np.flatnonzero(followers[owner] & ~np.isnan(values)).tolist():
            suffix[components[place]] = float(values[place])
