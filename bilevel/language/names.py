"""Names of Pyomo's components, made on demand."""

from __future__ import annotations

from collections.abc import Sequence

from pyomo.core.base.component import ComponentData

from reformulations.programs import Names


def names_of(components: Sequence[ComponentData]) -> Names:
    """Return the full names of components of one model.

    A component knows its model weakly, and its full name by it: the names hold the model, so that nobody else need.
    """
    model = components[0].model() if components else None

    def name_of(position: int) -> str:
        return str(components[position].getname(fully_qualified=True, relative_to=model))

    return Names(len(components), name_of)
