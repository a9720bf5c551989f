"""One player while a walk over a model collects what it owns."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyomo.core.base.block import BlockData
from pyomo.core.base.constraint import ConstraintData
from pyomo.core.base.objective import ObjectiveData
from pyomo.core.base.var import VarData
from pyomo.mpec.complementarity import ComplementarityData

from bilevel.language.equilibrium import Condition
from reformulations.programs import Role


@dataclass(slots=True, eq=False)
class Player:
    """A player, its block, and what it owns so far."""

    name: str
    role: Role
    block: BlockData | None
    variables: list[VarData] = field(default_factory=list)
    rows: list[ConstraintData] = field(default_factory=list)
    objectives: list[ObjectiveData] = field(default_factory=list)
    pairs: list[ComplementarityData] = field(default_factory=list)
    condition: Condition | None = None
