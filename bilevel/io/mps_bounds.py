"""The bounds of an MPS file."""

from __future__ import annotations

import numpy as np

from bilevel.io.lines import Lines
from reformulations.programs import Booleans, Floats

_WITH_VALUE = ("UP", "LO", "FX", "UI", "LI")
_WITHOUT = ("FR", "MI", "PL", "BV")


class MpsBounds:
    """The columns declared so far, by name and position, and what their bounds are."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.positions: dict[str, int] = {}
        self._integer: list[bool] = []
        self._lower: list[float | None] = []
        self._upper: list[float | None] = []
        self._said: dict[int, int] = {}
        self._set: str | None = None

    def declare(self, name: str, integer: bool) -> None:  # noqa: FBT001 - what a marker says of the column
        """Begin a column."""
        if name in self.positions:
            raise self._lines.error(f"column {name} begins a second time; its lines must follow each other")
        self.positions[name] = len(self.positions)
        self._integer.append(integer)
        self._lower.append(None)
        self._upper.append(None)

    def take(self, words: list[str]) -> None:
        """Take a line of bounds."""
        kind = words[0].upper()
        if kind in ("SC", "SI"):
            raise self._lines.error(f"bound {kind}: semi-continuous columns are not read; use a binary and a row")
        if kind not in _WITH_VALUE + _WITHOUT:
            raise self._lines.error(f"unknown kind of bound {words[0]!r}; expected {', '.join(_WITH_VALUE + _WITHOUT)}")
        column, value = self._parts(kind, words[1:])
        self._said[column] = self._lines.number
        integer = self._integer[column] or kind in ("UI", "LI", "BV")
        lower, upper = self._lower[column], self._upper[column]
        if kind in ("UP", "UI"):
            upper = value
        elif kind in ("LO", "LI"):
            lower = value
        elif kind in ("FX", "BV"):
            lower, upper = (value, value) if kind == "FX" else (0.0, 1.0)
        elif kind in ("MI", "FR"):
            lower = -np.inf
        if kind in ("PL", "FR"):
            upper = np.inf
        for bound, infinite in ((lower, np.inf), (upper, -np.inf)):
            if bound == infinite or (kind == "FX" and np.isinf(value)):
                raise self._lines.error(f"a bound {kind} of {words[-1]} leaves no value")
        self._integer[column], self._lower[column], self._upper[column] = integer, lower, upper

    def _parts(self, kind: str, words: list[str]) -> tuple[int, float]:
        """Return column and value of a bound; the name of the set before them, or a value too many, is left out."""
        count = 2 if kind in _WITH_VALUE else 1
        if len(words) == 2 and count == 1 and words[1] not in self.positions and words[0] in self.positions:  # noqa: PLR2004
            self._lines.finite(words.pop())
        if len(words) == 3 and count == 1:  # noqa: PLR2004 - BV with the name of a set and a value
            self._lines.finite(words.pop())
        if len(words) not in (count, count + 1):
            raise self._lines.error(f"expected {kind}, the name of a set, a column{' and a value' * (count == 2)}")  # noqa: PLR2004
        name = words[0] if len(words) > count else ""
        self._set = name if self._set is None else self._set
        if name != self._set:
            raise self._lines.error(f"a second set in BOUNDS, {name!r} after {self._set!r}; keep one")
        column = words[-count]
        if column not in self.positions:
            raise self._lines.error(f"there is no column {column}")
        return self.positions[column], self._lines.number_or_infinity(words[-1]) if count == 2 else 0.0  # noqa: PLR2004

    def arrays(self) -> tuple[Floats, Floats, Booleans]:
        """Return lower bounds, upper bounds, integrality ``(n,)``; integer columns without bounds are binary."""
        n = len(self.positions)
        lower, upper = np.zeros(n), np.full(n, np.inf)
        for name, j in self.positions.items():
            low, high = self._lower[j], self._upper[j]
            if j not in self._said and self._integer[j]:
                high = 1.0
            if low is None and high is not None and high < 0:
                raise self._lines.error(
                    f"column {name} has an upper bound below 0 and no lower one, which solvers read in different ways; "
                    "give a bound LO or MI too",
                    self._said[j],
                )
            lower[j], upper[j] = 0.0 if low is None else low, np.inf if high is None else high
            if lower[j] > upper[j]:
                raise self._lines.error(f"the bounds of column {name} leave no value", self._said[j])
        return lower, upper, np.array(self._integer, np.bool_)
