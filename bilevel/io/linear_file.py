"""A mixed-integer linear program as it stands in a file."""

from __future__ import annotations

from dataclasses import dataclass

from reformulations.programs import Columns, Floats, Rows


@dataclass(frozen=True, slots=True)
class LinearFile:
    """A mixed-integer linear program as it stands in a file; ``sense`` is +1 (minimise) or -1."""

    columns: Columns
    rows: Rows
    cost: Floats
    constant: float
    sense: float
