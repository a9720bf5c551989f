"""Uncertainty sets on the user's keys, for ``bl.Uncertain(index, within=...)``.

Values come by key (a dict, an indexed parameter, a series of pandas), as a sequence in the order of the index set, or
as one number for all keys. Keys are compared with the index set, and mutable parameters read, when the game is solved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from bilevel.errors import InvalidGame
from bilevel.language.keyed import Key, KeyedSet, Values, by_key, checked, number, ordered
from bilevel.language.polyhedron import Polyhedron
from reformulations import uncertainty
from reformulations.programs import Floats
from reformulations.sets import budget, cvar, distributions, wasserstein
from reformulations.sets.linear_sets import frozen_vector
from reformulations.sets.radii import Radii, bootstrap_radii, hoeffding_linf, literature_radii, weissman_l1
from reformulations.uncertainty import UncertaintySet

__all__ = [
    "Box",
    "Budget",
    "CVaR",
    "DistributionBall",
    "KeyedSet",
    "Polyhedron",
    "Radii",
    "Scenarios",
    "Wasserstein",
    "bootstrap_radii",
    "hoeffding_linf",
    "literature_radii",
    "weissman_l1",
]

RadiusRule = Literal["confidence", "bootstrap", "literature"]


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """``{u: low <= u <= high}``.

    Examples
    --------
    >>> Box(0, {"north": 3, "south": 4}).on(["north", "south"], "demand").support([1, 1])
    7.0
    """

    low: Values
    high: Values

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``."""
        low, high = ordered(self.low, keys, f"{name}: Box(low)"), ordered(self.high, keys, f"{name}: Box(high)")
        return checked(name, keys, lambda: uncertainty.Box(low, high))


@dataclass(frozen=True, slots=True, eq=False)
class Budget:
    """``{u = nominal + deviation * g: |g| <= 1, sum |g| <= budget}``, or ``0 <= g <= 1`` where ``one_sided``.

    Source: Bertsimas & Sim, Operations Research 52 (2004), DOI 10.1287/opre.1030.0065.
    """

    nominal: Values
    deviation: Values
    budget: float
    one_sided: bool = False

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``."""
        nominal = ordered(self.nominal, keys, f"{name}: Budget(nominal)")
        deviation = ordered(self.deviation, keys, f"{name}: Budget(deviation)")
        most = number(self.budget, f"{name}: Budget(budget)")
        return checked(name, keys, lambda: budget.Budget(nominal, deviation, most, self.one_sided))


@dataclass(frozen=True, slots=True, eq=False)
class Scenarios:
    """Finitely many points, each a dict by key or a sequence in the order of the index set.

    ``points`` is a sequence of them or a dict by label; ``probability``, in the same form, is what the nominal scenario
    is chosen by. A table of pandas is refused, since scenarios may be its rows or its columns.
    """

    points: Sequence[Values] | Mapping[Any, Values]
    probability: Sequence[float] | Mapping[Any, float] | None = None

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``."""
        if hasattr(self.points, "columns"):
            raise InvalidGame(
                f"{name}: Scenarios(points) is a table; give its to_dict() where columns are scenarios, or its "
                'to_dict("index") where rows are'
            )
        if not isinstance(self.points, Sized):
            raise InvalidGame(f"{name}: Scenarios(points) is {self.points!r}; give a sequence, or a dict by label")
        labelled = by_key(self.points)
        found = dict(enumerate(self.points)) if labelled is None else labelled
        labels = list(found)
        points = [
            checked(
                name,
                keys,
                partial(frozen_vector, f"scenario {label}", ordered(point, keys, f"{name}: scenario {label}")),
            )
            for label, point in found.items()
        ]
        probability: Floats | None = None
        if self.probability is not None:
            weights = ordered(self.probability, labels, f"{name}: Scenarios(probability)")
            probability = checked(name, labels, lambda: distributions.distribution("probability", weights))
        return checked(name, keys, lambda: uncertainty.Scenarios(np.array(points), probability))


@dataclass(frozen=True, slots=True, eq=False)
class DistributionBall:
    """Distributions near ``reference``: ``||rho - reference||_1 <= l1`` and ``||rho - reference||_inf <= linf``.

    Examples
    --------
    >>> DistributionBall({1: 0.4, 2: 0.6}, l1=0.1, linf=0.05).on([1, 2], "share").support([0, 1])
    0.65
    """

    reference: Values
    l1: float | None = None
    linf: float | None = None

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``."""
        reference = ordered(self.reference, keys, f"{name}: DistributionBall(reference)")
        l1, linf = (
            None if radius is None else number(radius, f"{name}: DistributionBall({which})")
            for which, radius in (("l1", self.l1), ("linf", self.linf))
        )
        return checked(name, keys, lambda: distributions.DistributionBall(reference, l1, linf))

    @classmethod
    def from_counts(
        cls, counts: Mapping[Any, int] | Sequence[int], confidence: float = 0.95, radii: RadiusRule = "confidence"
    ) -> DistributionBall:
        """Return the ball around observed frequencies that holds the true distribution with some confidence.

        Parameters
        ----------
        counts
            How often each outcome was observed.
        confidence
            Of the whole ball, both radii together; of each radius on its own for ``"literature"``.
        radii
            ``"confidence"``: Weissman's L1 and Hoeffding's L-infinity radius, a guarantee for any number of
            observations; ``"bootstrap"``: smaller, right only for many observations; ``"literature"``: what papers on
            energy dispatch use, **no** confidence radii (see :func:`literature_radii`).

        Examples
        --------
        >>> DistributionBall.from_counts({"rain": 40, "sun": 60}).linf
        0.159...
        """
        labelled, what = by_key(counts), "DistributionBall.from_counts"
        if not isinstance(counts, Sized):
            raise InvalidGame(f"{what}: {counts!r} are no counts; give a sequence, or a dict by outcome")
        outcomes = dict(enumerate(counts)) if labelled is None else labelled
        observed = np.array([number(count, f"{what}: count of {key!r}") for key, count in outcomes.items()], np.float64)
        for key, count in zip(outcomes, observed, strict=True):
            if not (count >= 0 and count.is_integer()):
                raise InvalidGame(f"{what}: count of {key!r} is {count:g}, expected a whole number from 0 up")
        asked = number(confidence, f"{what}: confidence")
        # two radii that each fail half as often hold together
        each = 1 - (1 - asked) / 2
        try:
            found = _radii(observed, asked, each, radii)
        except ValueError as reason:
            raise InvalidGame(f"{what}: {reason}") from reason
        share = (observed / observed.sum()).tolist()
        reference = share if labelled is None else dict(zip(labelled, share, strict=True))
        return cls(reference, found.l1, found.linf)


@dataclass(frozen=True, slots=True, eq=False)
class Wasserstein:
    """Distributions to which mass can be moved from ``reference`` at a total distance of ``radius`` at most.

    ``distance`` is a table in the order of the index set, or a function of two keys.

    Examples
    --------
    >>> near = Wasserstein({1: 0.5, 3: 0.5}, distance=lambda one, other: abs(one - other), radius=0.2)
    >>> near.on([1, 3], "share").support([0, 1])
    0.6
    """

    reference: Values
    distance: Callable[[Any, Any], float] | Sequence[Sequence[float]] | np.ndarray
    radius: float

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``."""
        reference, distance = ordered(self.reference, keys, f"{name}: Wasserstein(reference)"), self.distance
        radius = number(self.radius, f"{name}: Wasserstein(radius)")
        rows = [[distance(one, other) for other in keys] for one in keys] if callable(distance) else distance
        table = [ordered(row, keys, f"{name}: Wasserstein(distance), row {i}") for i, row in enumerate(rows)]
        return checked(name, keys, lambda: wasserstein.Wasserstein(reference, np.array(table), radius))


@dataclass(frozen=True, slots=True, eq=False)
class CVaR:
    """Distributions with no outcome more probable than ``reference / tail``: the mean of the worst share ``tail``.

    Examples
    --------
    >>> CVaR({"calm": 0.9, "storm": 0.1}, tail=0.2).on(["calm", "storm"], "share").support([0, 10])
    5.0
    """

    reference: Values
    tail: float

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``."""
        reference = ordered(self.reference, keys, f"{name}: CVaR(reference)")
        tail = number(self.tail, f"{name}: CVaR(tail)")
        return checked(name, keys, lambda: cvar.CVaR(reference, tail))


def _radii(observed: Floats, confidence: float, each: float, rule: str) -> Radii:
    bins, samples = len(observed), int(observed.sum())
    if rule == "confidence":
        return Radii(weissman_l1(bins, samples, each), hoeffding_linf(bins, samples, each))
    if rule == "bootstrap":
        return bootstrap_radii(observed, each, seed=0)
    if rule == "literature":
        return literature_radii(bins, samples, confidence, confidence)
    raise ValueError(f'radii={rule!r}; give "confidence", "bootstrap" or "literature"')
