"""The components that turn a Pyomo model into a game: followers, nature, recourse.

What is declared on the model is the leader's; what is declared on one of the blocks below belongs
to that block's player.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyomo.core.base.block import Block, IndexedBlock, ScalarBlock
from pyomo.core.base.component import ModelComponentFactory
from pyomo.core.base.constraint import Constraint, ConstraintData
from pyomo.core.base.global_set import UnindexedComponent_set
from pyomo.core.base.var import IndexedVar, ScalarVar, Var, VarData

from bilevel.errors import InvalidGame


def is_scalar(indices: tuple[Any, ...]) -> bool:
    """Return whether the positional arguments of a component declare a scalar one."""
    return not indices or (len(indices) == 1 and indices[0] is UnindexedComponent_set)


@ModelComponentFactory.register("A follower of a leader-follower game.")
class Follower(Block):
    """A player that answers the leader: its variables, its rows, its one objective.

    Use it like a Pyomo block, scalar or indexed, by rule or as a decorator::

        @m.Follower(TYPES)
        def ev(ev, n): ...

        m.ev = Follower(TYPES, rule=ev_rule)

    In its rows and objective the variables of others are parameters. It keeps the ctype of a block,
    so that an ordinary solver meets two active objectives and refuses the game instead of
    optimising the leader and the follower together.
    """

    def __new__(cls, *indices: Any, **_: Any) -> Any:
        """Make the scalar or the indexed kind."""
        if cls is not Follower:
            return super().__new__(cls)
        return super().__new__(ScalarFollower if is_scalar(indices) else IndexedFollower)


class ScalarFollower(ScalarBlock, Follower):
    """A single follower."""


class IndexedFollower(IndexedBlock, Follower):
    """One follower for each index."""


@ModelComponentFactory.register("Decisions taken after nature has moved.")
class Recourse(Block):
    """Decisions the leader takes after nature has moved: variables and rows, no objective.

    Scalar where nature's set is continuous, indexed by scenario where scenarios are discrete. What
    recourse costs stands in the leader's objective.
    """

    def __new__(cls, *indices: Any, **_: Any) -> Any:
        """Make the scalar or the indexed kind."""
        if cls is not Recourse:
            return super().__new__(cls)
        return super().__new__(ScalarRecourse if is_scalar(indices) else IndexedRecourse)


class ScalarRecourse(ScalarBlock, Recourse):
    """A single recourse block."""


class IndexedRecourse(IndexedBlock, Recourse):
    """One recourse block for each scenario."""


class Uncertain(Var):
    """Variables that nature decides, against the leader.

    Parameters
    ----------
    *indices
        Index sets, as for a Pyomo variable.
    within
        The uncertainty set, an object of :mod:`bilevel.uncertainty`; kept as attribute ``within``.
        (A Pyomo variable reads ``within`` as its domain; here ``domain`` alone says that.)
    """

    within: Any

    def __new__(cls, *indices: Any, **_: Any) -> Any:
        """Make the scalar or the indexed kind."""
        if cls is not Uncertain:
            return super().__new__(cls)
        return super().__new__(ScalarUncertain if is_scalar(indices) else IndexedUncertain)

    def __init__(self, *indices: Any, within: Any = None, **keywords: Any) -> None:
        super().__init__(*indices, ctype=Var, **keywords)
        self.within = within


class ScalarUncertain(ScalarVar, Uncertain):
    """A single variable of nature."""

    def __init__(self, *indices: Any, within: Any = None, **keywords: Any) -> None:
        super().__init__(*indices, ctype=Var, **keywords)
        self.within = within


class IndexedUncertain(IndexedVar, Uncertain):
    """Variables of nature, one for each index."""


class Multiplier(Var):
    """A follower's multiplier as a variable of the game, a nodal price for instance.

    ``d(follower's optimal objective, in its own sense) / d(right-hand side)``, whatever the sense
    of the row. The leader may use it anywhere; another follower may use it as a price.

    Parameters
    ----------
    of
        A constraint or one of its rows; a variable or one of its members; or a dict of rows (or
        variables), whose keys then index the multipliers. An indexed component gives multipliers
        with the same index.
    bound
        For variables: ``"upper"`` or ``"lower"``, the bound whose multiplier is meant.
    **keywords
        As for a Pyomo variable; ``bounds`` are restrictions that the leader places on the multiplier.

    Attributes
    ----------
    targets
        The row or variable behind each index (index ``None`` for a scalar).
    bound
        As given.

    Raises
    ------
    InvalidGame
        When there is no multiplier of what is given.

    Examples
    --------
    >>> import pyomo.environ as pyo
    >>> m = pyo.ConcreteModel()
    >>> m.market = Follower()
    >>> m.market.dispatch = pyo.Var(bounds=(0, 5))
    >>> m.market.balance = pyo.Constraint(expr=m.market.dispatch == 3)
    >>> m.price = Multiplier(m.market.balance)
    >>> m.scarcity = Multiplier(m.market.dispatch, bound="upper", bounds=(None, 0))
    """

    targets: dict[Any, ConstraintData | VarData]
    bound: str | None

    def __new__(cls, of: Any = None, *, bound: str | None = None, **_: Any) -> Any:
        """Make the scalar or the indexed kind, after ``of`` (which is left out when Pyomo clones a model)."""
        if cls is not Multiplier:
            return super().__new__(cls)
        check_target(of, bound)
        return super().__new__(ScalarMultiplier if isinstance(of, (ConstraintData, VarData)) else IndexedMultiplier)


class ScalarMultiplier(ScalarVar, Multiplier):
    """The multiplier of one row or bound."""

    def __init__(self, of: Any, *, bound: str | None = None, **keywords: Any) -> None:
        super().__init__(ctype=Var, **keywords)
        self.targets = {None: of}
        self.bound = bound


class IndexedMultiplier(IndexedVar, Multiplier):
    """The multipliers of several rows or bounds."""

    def __init__(self, of: Any, *, bound: str | None = None, **keywords: Any) -> None:
        targets = dict(of.items())
        dense = not isinstance(of, Mapping) and len(targets) == len(of.index_set())
        super().__init__(of.index_set() if dense else list(targets), ctype=Var, **keywords)
        self.targets = targets
        self.bound = bound


def check_target(of: Any, bound: str | None) -> None:
    """Refuse what has no multiplier, and a bound where none or another is meant."""
    members = list(of.values()) if isinstance(of, (Mapping, Constraint, Var)) else [of]
    for member in members:
        name = getattr(member, "name", repr(member))
        if isinstance(member, VarData):
            if bound not in ("upper", "lower"):
                raise InvalidGame(
                    f'{name}: a variable has two multipliers; say Multiplier({name}, bound="upper") or "lower"'
                )
        elif isinstance(member, ConstraintData):
            if bound is not None:
                raise InvalidGame(f"{name}: a row has one multiplier; leave out bound={bound!r}")
        else:
            raise InvalidGame(
                f"{name}: only rows and bounds of variables have multipliers; "
                "give a constraint, a variable, or a dict of rows"
            )
