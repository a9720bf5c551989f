"""Values on the user's keys, and what a set that is declared on them offers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from bilevel.errors import InvalidGame
from reformulations.programs import Floats
from reformulations.uncertainty import UncertaintySet

Values = Mapping[Any, float] | Sequence[float] | np.ndarray | float
Key = Hashable

_SHOWN = 3


@runtime_checkable
class KeyedSet(Protocol):
    """A set that can be laid out on the keys of an uncertain component."""

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``; ``name`` is the component's."""
        ...


def ordered(values: Values, keys: Sequence[Key], what: str) -> Floats:
    """Return ``values`` as an array in the order of ``keys``.

    Raises
    ------
    InvalidGame
        When a dict has other keys, or a sequence another length; ``what`` begins the message.
    """
    if isinstance(values, Mapping):
        refuse_keys(set(values) - set(keys), what, "has", keys)
        refuse_keys(set(keys) - set(values), what, "lacks", keys)
        return np.array([values[key] for key in keys], np.float64)
    array = np.asarray(values, np.float64)
    if array.ndim == 0:
        return np.full(len(keys), float(array))
    if array.shape != (len(keys),):
        raise InvalidGame(f"{what} has {len(array)} entries, but the index set has {len(keys)}: {_some(keys)}")
    return array


def refuse_keys(wrong: set[Any], what: str, verb: str, keys: Sequence[Key]) -> None:
    """Refuse keys that ``what`` has and the index set has not, or the other way round."""
    if wrong:
        raise InvalidGame(f"{what} {verb} {_some(sorted(wrong, key=str))}; the index set is {_some(keys)}")


def _some(keys: Sequence[Any]) -> str:
    shown = ", ".join(repr(key) for key in keys[:_SHOWN])
    return shown if len(keys) <= _SHOWN else f"{shown} and {len(keys) - _SHOWN} more"


def checked(name: str, make: Any) -> UncertaintySet:
    """Return what ``make`` makes; what it refuses is said of the component ``name``."""
    try:
        made: UncertaintySet = make()
    except ValueError as reason:
        raise InvalidGame(f"{name}: {reason}") from reason
    return made
