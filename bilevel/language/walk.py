"""Who owns what: one walk over a model's blocks, before any expression is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyomo.core.base.action import BuildAction
from pyomo.core.base.block import Block, BlockData
from pyomo.core.base.boolean_var import BooleanVar
from pyomo.core.base.check import BuildCheck
from pyomo.core.base.component import Component, ComponentData
from pyomo.core.base.constraint import Constraint
from pyomo.core.base.expression import Expression
from pyomo.core.base.objective import Objective
from pyomo.core.base.param import Param
from pyomo.core.base.set import RangeSet, Set
from pyomo.core.base.suffix import Suffix
from pyomo.core.base.var import Var
from pyomo.gdp import Disjunct
from pyomo.mpec.complementarity import Complementarity

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.game import Follower, Multiplier, Recourse, Uncertain
from bilevel.language.equilibrium import conditions_of
from bilevel.language.player import Player
from bilevel.language.submodels import is_submodel, share_out
from reformulations.programs import Role

# A BooleanVar can only be used in components that are refused, so that a declared one is harmless.
READABLE = frozenset(
    {Block, BooleanVar, BuildAction, BuildCheck, Constraint, Expression, Objective, Param, RangeSet, Set, Suffix, Var}
)


@dataclass(frozen=True, slots=True)
class Declarations:
    """What the active blocks of a model declare: players in order, multipliers, nature's variables."""

    players: list[Player]
    multipliers: list[Multiplier]
    uncertain: list[Uncertain]


def walk(model: BlockData) -> Declarations:
    """Collect the active components of a model by the player that owns them.

    A variable or row belongs to the innermost follower or recourse block it is declared in, else
    to the leader; nature's variables belong to nature and multipliers to the leader wherever they
    stand. Players come in the order leader, followers, nature, recourse; complementarity conditions of
    a follower are players of their own after it (:mod:`bilevel.language.equilibrium`). PAO's submodels are followers
    by their own rule (:mod:`bilevel.language.submodels`). Disjunctions count once Pyomo has transformed them into rows.

    Raises
    ------
    InvalidGame
        For nested followers and for active components that cannot be read.
    NotApplicable
        For nested submodels.
    """
    leader = Player("leader", Role.LEADER, model)
    nature = Player("nature", Role.NATURE, None)
    players: list[Player] = []
    found = Declarations(players, [], [])
    # A stack, not recursion: models of ten thousand nested blocks must not meet a recursion limit.
    pending: list[tuple[BlockData, Player]] = [(model, leader)]
    while pending:
        block, owner = pending.pop()
        if block is owner.block:
            players.append(owner)
        inner: list[tuple[BlockData, Player]] = []
        for component in block.component_map(active=True).values():
            if component.ctype is Var:
                _collect_variables(component, owner, leader, nature, found)
            elif component.ctype is Constraint:
                owner.rows.extend(row for row in _own_data(component) if row.active)
            elif component.ctype is Objective:
                owner.objectives.extend(data for data in _own_data(component) if data.active)
            elif component.ctype is Complementarity and owner.role == Role.FOLLOWER:
                owner.pairs.extend(pair for pair in _own_data(component) if pair.active)
            elif component.ctype is Block or is_submodel(component):
                blocks = (data for data in _own_data(component) if data.active)
                inner.extend((data, _owner_of(component, data, owner)) for data in blocks)
            elif component.ctype not in READABLE:
                _refuse_unreadable(component)
        for variables in _on_transformed_disjuncts(block):
            _collect_variables(variables, owner, leader, nature, found)
        pending.extend(reversed(inner))
    if found.uncertain:
        players.append(nature)
    players.sort(key=lambda player: player.role)
    share_out(players)
    players[:] = [part for player in players for part in (_in_equilibrium(player) if player.pairs else [player])]
    return found


def _in_equilibrium(player: Player) -> list[Player]:
    """Return a follower without an objective and, as players of their own, its complementarity conditions."""
    for objective in player.objectives[:1]:
        raise InvalidGame(
            f"{objective.name}: {player.name} has complementarity conditions, which say how it responds; "
            "remove this objective, or declare the conditions in a follower of their own"
        )
    for row in player.rows:
        if not row.equality:
            raise InvalidGame(
                f"{row.name}: an inequality of an equilibrium belongs to a pair; say complements(..., price >= 0) with "
                "the variable that answers it"
            )
    conditions = conditions_of(player.name, player.pairs, player.variables, len(player.rows))
    paired = {id(condition.variable) for condition in conditions}
    player.variables = [variable for variable in player.variables if id(variable) not in paired]
    return [player] + [
        Player(item.source.name, Role.FOLLOWER, None, [item.variable], condition=item) for item in conditions
    ]


def _owner_of(component: Block, data: BlockData, owner: Player) -> Player:
    """Return the player that owns what a block declares."""
    submodel = is_submodel(component)
    if not submodel and not isinstance(component, (Follower, Recourse)):
        return owner
    if submodel and owner.role == Role.FOLLOWER:
        raise NotApplicable(data.name, f"it is a submodel of {owner.name}, which makes three levels; games have two")
    role = Role.FOLLOWER if submodel or isinstance(component, Follower) else Role.RECOURSE
    if owner.role == Role.FOLLOWER:
        raise InvalidGame(
            f"{data.name}: a follower has neither followers nor recourse of its own; "
            f"declare it beside {owner.name} instead of inside"
        )
    if owner.role == role:
        raise InvalidGame(f"{data.name}: recourse is decided once; declare it beside {owner.name} instead of inside")
    return Player(data.name, role, data)


def _collect_variables(component: Var, owner: Player, leader: Player, nature: Player, found: Declarations) -> None:
    """Give the variables of one component to their player."""
    if isinstance(component, Multiplier):
        found.multipliers.append(component)
        # A fixed multiplier is a restriction on the follower's response, not a constant.
        leader.variables.extend(component.values())
        return
    if isinstance(component, Uncertain):
        found.uncertain.append(component)
        owner = nature
    owner.variables.extend(variable for variable in _own_data(component) if not variable.fixed)


def _on_transformed_disjuncts(block: BlockData) -> Iterator[Var]:
    """Yield the variables of disjuncts that are rows by now: these stand in a block beside, the indicators do not."""
    for component in block.component_map(Disjunct).values():
        for disjunct in component.values():
            if disjunct.transformation_block is not None:
                yield from disjunct.component_objects(Var, descend_into=(Block, Disjunct))


def _own_data(component: Component) -> Iterator[ComponentData]:
    """Yield the members a component owns; a ``Reference`` owns none."""
    if not component.is_reference():
        yield from component.values()
    elif any(member.parent_component() is component for member in component.values()):
        raise InvalidGame(
            f"{component.name}: components of type {type(component).__name__} cannot be read; "
            f"declare it as ordinary Pyomo {component.ctype.__name__} components"
        )


def _refuse_unreadable(component: Component) -> None:
    """Refuse an active component whose meaning would be lost."""
    if not component.is_indexed() or any(data.active for data in component.values()):
        if component.ctype is Complementarity:
            raise InvalidGame(
                f"{component.name}: an active component of type Complementarity cannot be read outside a follower; "
                "declare it in a Follower without an objective"
            )
        raise InvalidGame(
            f"{component.name}: an active component of type {component.ctype.__name__} cannot be read; "
            "transform it into ordinary constraints first, or deactivate it"
        )
