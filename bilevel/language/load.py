"""Values of a point back into the user's own variables."""

from __future__ import annotations

from pyomo.core.staleflag import StaleFlagManager

from bilevel.language.read import Game
from reformulations.programs import Floats


def load(game: Game, values: Floats) -> None:
    """Set the value of each of the game's variables from ``values`` ``(n,)``.

    Further entries (multipliers of a primal-dual point) are left aside; fixed variables keep
    their values. Values are not checked against domain and bounds, where a solver's tolerance
    would raise alarm. A multilevel problem of PAO gets them in its levels.
    """
    StaleFlagManager.mark_all_as_stale()
    for variable, value in zip(game.variables, values.tolist(), strict=False):
        if not variable.fixed:
            variable.set_value(value, skip_validation=True)
    begin = 0
    for level in game.levels:
        level.x.values = values[begin : begin + level.x.num].tolist()
        begin += level.x.num
