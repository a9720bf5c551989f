"""Values on the user's keys, and what a set that is declared on them offers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence, Set, Sized
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from pyomo.core.expr.numvalue import NumericValue, value
from pyomo.core.expr.visitor import identify_variables

from bilevel.errors import InvalidGame
from reformulations.programs import Floats
from reformulations.sets.linear_sets import EntryError
from reformulations.uncertainty import UncertaintySet

Values = Mapping[Any, float] | Sequence[float] | np.ndarray | float
Key = Hashable
Made = TypeVar("Made")

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
        When values by key have other keys, a sequence has another length, or one of them is no number; ``what`` begins
        the message.
    """
    labelled = by_key(values)
    if labelled is not None:
        refuse_keys(set(labelled) - set(keys), what, "has", keys)
        refuse_keys(set(keys) - set(labelled), what, "lacks", keys)
        return np.array([number(labelled[key], _at(what, key)) for key in keys], np.float64)
    each: Any = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(each, str | NumericValue) or not isinstance(each, Sized):
        return np.full(len(keys), number(each, what))
    if isinstance(each, Set):
        raise InvalidGame(f"{what}: a set has no order; give a dict by key, or a sequence")
    found: list[Any] = list(each)  # type: ignore[call-overload]
    if len(found) != len(keys):
        raise InvalidGame(f"{what} has {len(found)} entries, but the index set has {len(keys)}: {_some(keys)}")
    return np.array([number(item, _at(what, key)) for key, item in zip(keys, found, strict=True)], np.float64)


def _at(what: str, key: Key) -> str:
    return what if key is None else f"{what}[{key!r}]"


def by_key(values: Any) -> dict[Any, Any] | None:
    """Return what is labelled, a dict, an indexed parameter or a series of pandas, as a dict; None for the rest."""
    is_indexed = getattr(values, "is_indexed", None)
    if not hasattr(values, "keys") or (is_indexed is not None and not is_indexed()):
        return None
    return {key: values[key] for key in values.keys()}  # noqa: SIM118 - a series iterates over its values


def number(item: Any, what: str) -> float:
    """Return a number, a parameter or an expression of parameters as they stand now.

    Raises
    ------
    InvalidGame
        When it is none of these, or a variable appears in it; ``what`` begins the message.
    """
    try:
        moved_by = [] if not isinstance(item, NumericValue) else list(identify_variables(item, include_fixed=False))
        found = None if moved_by else float(value(item))
    except (TypeError, ValueError) as reason:
        raise InvalidGame(f"{what}: {item!r} is no number") from reason
    if found is None:
        raise InvalidGame(f"{what}: it depends on {moved_by[0].name}; only a Polyhedron moves with the plan")
    return found


def refuse_keys(wrong: set[Any], what: str, verb: str, keys: Sequence[Key]) -> None:
    """Refuse keys that ``what`` has and the index set has not, or the other way round."""
    if wrong:
        raise InvalidGame(f"{what} {verb} {_some(sorted(wrong, key=str))}; the index set is {_some(keys)}")


def _some(keys: Sequence[Any]) -> str:
    shown = ", ".join(repr(key) for key in keys[:_SHOWN])
    return shown if len(keys) <= _SHOWN else f"{shown} and {len(keys) - _SHOWN} more"


def checked(name: str, keys: Sequence[Key], make: Callable[[], Made]) -> Made:
    """Return what ``make`` makes of ``keys``; what it refuses is said of the component ``name``."""
    try:
        return make()
    except EntryError as reason:
        who = name if keys[reason.entry] is None else repr(keys[reason.entry])
        raise InvalidGame(f"{name}: {reason.before}{who}{reason.after}") from reason
    except ValueError as reason:
        raise InvalidGame(f"{name}: {reason}") from reason
