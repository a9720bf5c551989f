"""Games whose objectives do not say who wants what."""

from __future__ import annotations

from collections.abc import Sequence

from bilevel.errors import InvalidGame
from bilevel.language.player import Player
from reformulations.programs import Role


def refuse_wrong_objectives(players: Sequence[Player]) -> None:
    """Check that the leader and each follower have one active objective, and recourse none.

    Raises
    ------
    InvalidGame
        Where that is not so, or where nobody but the leader decides anything.
    """
    if len(players) == 1:
        raise InvalidGame(
            "the model declares no active follower; declare one with Follower(...), "
            "or give the model to an ordinary Pyomo solver"
        )
    for player in players:
        names = ", ".join(objective.name for objective in player.objectives)
        if player.role == Role.RECOURSE:
            if names:
                raise InvalidGame(
                    f"{names}: recourse ({player.name}) has no objective of its own; "
                    "add its cost to the leader's objective, and remove this one"
                )
        elif player.role != Role.NATURE and not _in_equilibrium(player) and len(player.objectives) != 1:
            raise InvalidGame(_leader(players) if player.role == Role.LEADER else _follower(player, names))


def _in_equilibrium(player: Player) -> bool:
    return bool(player.pairs) or player.condition is not None


def _leader(players: Sequence[Player]) -> str:
    names = ", ".join(objective.name for objective in players[0].objectives)
    if names:
        return f"{names}: the leader has more than one active objective; deactivate all but one"
    others = [objective.name for player in players[1:] for objective in player.objectives]
    hint = f" (the active objectives are followers': {', '.join(others[:5])})" if others else ""
    return f"the leader has no active objective{hint}; declare it on the model, outside the followers' blocks"


def _follower(player: Player, names: str) -> str:
    if names:
        return (
            f"{player.name}: a follower has one objective, but {names} are active in it; "
            "deactivate one, or declare the leader's on the model"
        )
    return (
        f"{player.name}: a follower needs an active objective; declare one in its block, or complementarity conditions"
    )
