"""How a game is solved, as values: pass one as ``method=`` to :func:`bilevel.solve`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Range = float | tuple[float, float]


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
class KKT:
    """Each follower is replaced by its KKT conditions (linear rows, convex objective)."""

    complementarity: BigM = field(default_factory=BigM)


@dataclass(frozen=True, slots=True)
class StrongDuality:
    """Each follower is replaced by feasibility, dual feasibility and one strong-duality row.

    Linear, hence usable, where every product of that row has a binary factor: the leader acts on the
    followers through binaries only. No binary for complementarities.
    """

    bounds: float | Mapping[Any, Range] | None = None


Method = KKT | StrongDuality
