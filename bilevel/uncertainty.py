"""Uncertainty sets on the user's keys, for ``bl.Uncertain(index, within=...)``.

Values come as a dict by key, as a sequence in the order of the index set, or as one number for all keys. The keys are
compared with the index set when the game is solved; an error names both.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from scipy import sparse

from bilevel.errors import InvalidGame
from reformulations import budget, cvar, distributions, uncertainty, wasserstein
from reformulations.programs import Floats
from reformulations.radii import Radii, bootstrap_radii, hoeffding_linf, literature_radii, weissman_l1
from reformulations.uncertainty import UncertaintySet

__all__ = [
    "Box",
    "Budget",
    "CVaR",
    "DistributionBall",
    "Polyhedron",
    "Radii",
    "Scenarios",
    "Wasserstein",
    "bootstrap_radii",
    "hoeffding_linf",
    "literature_radii",
    "weissman_l1",
]

Values = Mapping[Any, float] | Sequence[float] | np.ndarray | float
Key = Hashable
RadiusRule = Literal["confidence", "bootstrap", "literature"]
Row = tuple[Mapping[Any, float], str, float]

_SHOWN = 3


@runtime_checkable
class KeyedSet(Protocol):
    """A set that can be laid out on the keys of an uncertain component."""

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``; ``name`` is the component's."""
        ...


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
        return _checked(name, lambda: uncertainty.Box(low, high))


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
        return _checked(name, lambda: budget.Budget(nominal, deviation, self.budget, self.one_sided))


@dataclass(frozen=True, slots=True, eq=False)
class Polyhedron:
    """Rows ``({key: coefficient, ...}, "<=", right-hand side)`` and bounds, a bounded nonempty polytope.

    Parameters
    ----------
    rows
        The rows; the sign is ``"<="``, ``">="`` or ``"=="``.
    bounds
        One pair ``(low, high)`` for all keys or a dict of pairs; None stands for no bound.

    Examples
    --------
    >>> shares = Polyhedron(rows=[({1: 1, 2: 1, 3: 1}, "<=", 1.8), ({1: 1, 2: 1}, "<=", 1.2)], bounds=(0, 1))
    >>> shares.on([1, 2, 3], "g").support([1, 1, 1])
    1.8
    """

    rows: Sequence[Row] = ()
    bounds: tuple[float | None, float | None] | Mapping[Any, tuple[float | None, float | None]] = (None, None)

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``."""
        place = {key: j for j, key in enumerate(keys)}
        matrix = np.zeros((len(self.rows), len(keys)))
        lower, upper = np.full(len(self.rows), -np.inf), np.full(len(self.rows), np.inf)
        for i, (coefficients, sign, side) in enumerate(self.rows):
            _refuse_keys(set(coefficients) - set(place), f"{name}: row {i} of Polyhedron", "has", keys)
            for key, value in coefficients.items():
                matrix[i, place[key]] = value
            if sign not in ("<=", ">=", "=="):
                raise InvalidGame(f'{name}: row {i} of Polyhedron has the sign {sign!r}; give "<=", ">=" or "=="')
            lower[i] = -np.inf if sign == "<=" else side
            upper[i] = np.inf if sign == ">=" else side
        low, high = self._bounds(keys, name)
        return _checked(name, lambda: uncertainty.Polyhedron(sparse.csr_array(matrix), lower, upper, low, high))

    def _bounds(self, keys: Sequence[Key], name: str) -> tuple[Floats, Floats]:
        pairs = self.bounds
        if isinstance(pairs, Mapping):
            _refuse_keys(set(pairs) ^ set(keys), f"{name}: Polyhedron(bounds)", "and the index set differ in", keys)
            sides = [pairs[key] for key in keys]
        else:
            sides = [pairs] * len(keys)
        low = np.array([-np.inf if least is None else least for least, _ in sides], np.float64)
        return low, np.array([np.inf if most is None else most for _, most in sides], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Scenarios:
    """Finitely many points, each a dict by key or a sequence in the order of the index set.

    ``points`` is a sequence of them or a dict by label; ``probability``, in the same form, is what the nominal scenario
    is chosen by.
    """

    points: Sequence[Values] | Mapping[Any, Values]
    probability: Sequence[float] | Mapping[Any, float] | None = None

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``."""
        labels = list(self.points) if isinstance(self.points, Mapping) else list(range(len(self.points)))
        points = [ordered(self.points[label], keys, f"{name}: scenario {label}") for label in labels]
        weights = self.probability
        probability = None if weights is None else ordered(weights, labels, f"{name}: Scenarios(probability)")
        return _checked(name, lambda: uncertainty.Scenarios(np.array(points), probability))


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
        return _checked(name, lambda: distributions.DistributionBall(reference, self.l1, self.linf))

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
        observed = np.array(list(counts.values()) if isinstance(counts, Mapping) else counts, np.float64)
        # two radii that each fail half as often hold together
        each = 1 - (1 - confidence) / 2
        try:
            found = _radii(observed, confidence, each, radii)
        except ValueError as reason:
            raise InvalidGame(f"DistributionBall.from_counts: {reason}") from reason
        share = (observed / observed.sum()).tolist()
        reference = dict(zip(counts, share, strict=True)) if isinstance(counts, Mapping) else share
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
        table = [[distance(one, other) for other in keys] for one in keys] if callable(distance) else distance
        return _checked(name, lambda: wasserstein.Wasserstein(reference, np.asarray(table, np.float64), self.radius))


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
        return _checked(name, lambda: cvar.CVaR(reference, self.tail))


def _radii(observed: Floats, confidence: float, each: float, rule: str) -> Radii:
    bins, samples = len(observed), int(observed.sum())
    if rule == "confidence":
        return Radii(weissman_l1(bins, samples, each), hoeffding_linf(bins, samples, each))
    if rule == "bootstrap":
        return bootstrap_radii(observed, each, seed=0)
    if rule == "literature":
        return literature_radii(bins, samples, confidence, confidence)
    raise ValueError(f'radii={rule!r}; give "confidence", "bootstrap" or "literature"')


def ordered(values: Values, keys: Sequence[Key], what: str) -> Floats:
    """Return ``values`` as an array in the order of ``keys``.

    Raises
    ------
    InvalidGame
        When a dict has other keys, or a sequence another length; ``what`` begins the message.
    """
    if isinstance(values, Mapping):
        _refuse_keys(set(values) - set(keys), what, "has", keys)
        _refuse_keys(set(keys) - set(values), what, "lacks", keys)
        return np.array([values[key] for key in keys], np.float64)
    array = np.asarray(values, np.float64)
    if array.ndim == 0:
        return np.full(len(keys), float(array))
    if array.shape != (len(keys),):
        raise InvalidGame(f"{what} has {len(array)} entries, but the index set has {len(keys)}: {_some(keys)}")
    return array


def _refuse_keys(wrong: set[Any], what: str, verb: str, keys: Sequence[Key]) -> None:
    if wrong:
        raise InvalidGame(f"{what} {verb} {_some(sorted(wrong, key=str))}; the index set is {_some(keys)}")


def _some(keys: Sequence[Any]) -> str:
    shown = ", ".join(repr(key) for key in keys[:_SHOWN])
    return shown if len(keys) <= _SHOWN else f"{shown} and {len(keys) - _SHOWN} more"


def _checked(name: str, make: Any) -> UncertaintySet:
    try:
        made: UncertaintySet = make()
    except ValueError as reason:
        raise InvalidGame(f"{name}: {reason}") from reason
    return made
