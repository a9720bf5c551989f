"""Followers as PAO declares them: blocks that say which variables are not theirs.

In PAO's ``SubModel(fixed=...)`` it does not matter where a variable is declared: a submodel decides those that its rows
and its objective use and that ``fixed`` does not list; the leader decides the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pyomo.core.base.var import Var, VarData
from pyomo.core.expr.visitor import identify_variables

from bilevel.errors import InvalidGame
from bilevel.game import Multiplier
from bilevel.language.player import Player
from reformulations.programs import Role


def is_submodel(component: Any) -> bool:
    """Return whether a component is a PAO submodel; PAO itself is not imported for that."""
    ctype = getattr(component, "ctype", None)
    return getattr(ctype, "__module__", "") == "pao.pyomo.components" and getattr(ctype, "__name__", "") == "SubModel"


def share_out(players: Sequence[Player]) -> None:
    """Give each variable to the submodel that decides it, and the others of submodels to the leader.

    Raises
    ------
    InvalidGame
        When a submodel says nothing of what is fixed in it, and when two decide one variable.
    """
    followers = [player for player in players if is_submodel(player.block)]
    if not followers:
        return
    leader = next(player for player in players if player.role == Role.LEADER)
    free = {id(variable) for player in (leader, *followers) for variable in player.variables}
    decided: dict[int, Player] = {}
    for follower in followers:
        fixed = {id(variable) for variable in _fixed(follower)}
        for variable in _used(follower):
            if id(variable) in fixed or id(variable) not in free or isinstance(variable.parent_component(), Multiplier):
                continue
            other = decided.setdefault(id(variable), follower)
            if other is not follower:
                raise InvalidGame(
                    f"{variable.name}: {other.name} and {follower.name} both use it and neither has it in fixed=[...]; "
                    "add it to fixed=[...] of the one that does not decide it"
                )
    declared = [variable for player in (leader, *followers) for variable in player.variables]
    for player in (leader, *followers):
        player.variables = [variable for variable in declared if decided.get(id(variable), leader) is player]


def _fixed(follower: Player) -> Iterator[VarData]:
    """Yield the variables that a submodel declares as decided by others."""
    listed = getattr(follower.block, "_fixed", None)
    if listed is None:
        raise InvalidGame(
            f"{follower.name}: it does not say which variables it takes as given; give SubModel(fixed=[...])"
        )
    pending = list(listed)
    while pending:
        item = pending.pop()
        if isinstance(item, Var):
            yield from item.values()
        elif isinstance(item, VarData):
            yield item
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
        else:
            raise InvalidGame(f"{follower.name}: fixed=[...] lists {item}, which is no variable")


def _used(follower: Player) -> Iterator[VarData]:
    for objective in follower.objectives:
        yield from identify_variables(objective.expr, include_fixed=False)
    for row in follower.rows:
        yield from identify_variables(row.expr, include_fixed=False)
