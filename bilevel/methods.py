"""How a game is solved, as values: pass one as ``method=`` to :func:`bilevel.solve`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

from bilevel.errors import InvalidGame

Range = float | tuple[float, float]

SEARCHES = ("auto", "rounds", "tree", "global")


@dataclass(frozen=True, slots=True)
class BigM:
    """Complementarities with one binary and two big-M rows each.

    Parameters
    ----------
    bounds
        ``None``: every bound is derived, and a row for which none can be is refused. A number: a bound
        of the absolute value of every multiplier. A mapping from a follower's constraint (or
        constraint data, or variable for its bounds) to a number or a range ``(low, high)``, in the
        sign in which :meth:`bilevel.Solution.multiplier` reports it. Bounds that are given and not
        derived are named in the certificate, and the status is then at most ``"feasible"``.
    """

    bounds: float | Mapping[Any, Range] | None = None


@dataclass(frozen=True, slots=True)
class SOS1:
    """Complementarities as special ordered sets: no bound is needed. Solved by SCIP (an extra)."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """Complementarities as rows on condition of a binary: no bound is needed. Solved by SCIP (an extra)."""


@dataclass(frozen=True, slots=True)
class KKT:
    """Each follower is replaced by its KKT conditions (linear rows, convex objective)."""

    complementarity: BigM | SOS1 | Indicator = field(default_factory=BigM)

    def __post_init__(self) -> None:
        if not isinstance(self.complementarity, BigM | SOS1 | Indicator):
            raise InvalidGame(
                f"KKT(complementarity={self.complementarity!r}): give bl.BigM(...), bl.SOS1() or bl.Indicator()"
            )


@dataclass(frozen=True, slots=True)
class StrongDuality:
    """Each follower is replaced by feasibility, dual feasibility and one strong-duality row.

    Linear, hence usable, where every product of that row has a binary factor: the leader acts on the
    followers through binaries only. No binary for complementarities.
    """

    bounds: float | Mapping[Any, Range] | None = None


@dataclass(frozen=True, slots=True)
class Branching:
    """Branch and bound on the followers' complementarities: exact, and no bound of a multiplier is needed.

    Each node fixes slacks or multipliers of some pairs to zero and solves one linear program.

    Parameters
    ----------
    node_limit
        Most nodes; ``None`` for no limit.
    forecast_limit
        Ends the search once the rise of its bound forecasts more nodes than this, with room for early forecasts, which
        are too large; ``None`` for never.
    candidates
        How many pairs or integers are compared before one is chosen to branch on.
    trials
        How often both children of a candidate are solved before its own record is trusted.
    responses
        The followers' responses are computed at every so many nodes.
    """

    node_limit: int | None = None
    forecast_limit: float | None = None
    candidates: int = 8
    trials: int = 1
    responses: int = 20


@dataclass(frozen=True, slots=True)
class ValueFunction:
    """Search over the responses of followers that optimality conditions do not describe, integer or not convex.

    Each stored response bounds what its follower does. Followers do not depend on each other. Linear ones with
    integers are searched by HiGHS, and the leader's variables that they depend on have bounds; quadratic ones are
    searched by SCIP (an extra) and need not be convex.

    Parameters
    ----------
    search
        ``"rounds"``: a master that holds what the stored responses say, and the followers' answers to it, in turns.
        ``"tree"``: branch and cut with one linear program, for integer variables of the leader. ``"auto"``: the tree
        where a follower has continuous variables too. ``"global"``: rounds in which SCIP solves both, by spatial
        branch and bound; what is not linear is always searched that way.
    epsilon
        Where continuous variables of the leader move a follower's rows: by how much a row must be broken, relative to
        its right-hand side, when points are looked for near an optimum that is not attained.
    max_iterations
        Most rounds, or nodes of the tree; 0 for the response to a start alone, ``None`` for no limit.
    """

    search: Literal["auto", "rounds", "tree", "global"] = "auto"
    epsilon: float = 1e-5
    max_iterations: int | None = None

    def __post_init__(self) -> None:
        if self.search not in SEARCHES:
            raise InvalidGame(f"ValueFunction(search={self.search!r}): give one of {', '.join(SEARCHES)}")
        most = self.max_iterations
        if most is not None and (not isinstance(most, Integral) or most < 0):
            raise InvalidGame(f"ValueFunction(max_iterations={most!r}): give a whole number from 0 up, or None")


Method = KKT | StrongDuality | Branching
