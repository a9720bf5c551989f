"""Pyomo variables as columns: bounds, integrality, names."""

from __future__ import annotations

from math import inf

import numpy as np
from pyomo.core.base.set import SetData
from pyomo.core.base.var import VarData

from bilevel.errors import InvalidGame
from bilevel.language.expressions import reason_of
from bilevel.language.names import names_of
from reformulations.programs import Columns


def columns_of(variables: list[VarData]) -> Columns:
    """Return one column for each variable, its bounds the tighter of domain and ``bounds``.

    An open end of a domain (``PositiveReals``) counts as closed, as in every solver interface.
    A fixed variable among them (a multiplier) is a column whose bounds meet.

    Raises
    ------
    InvalidGame
        For bounds that are not a number or contradict each other, and for domains that are neither
        intervals nor intervals of integers.
    """
    integral: dict[int, bool] = {}
    lower, upper, integer = [], [], []
    for variable in variables:
        domain = variable.domain
        whole = integral.get(id(domain))
        if whole is None:
            whole = integral[id(domain)] = _is_integral(domain, variable)
        low, high = _fixed_bounds(variable) if variable.fixed else bounds_of(variable)
        lower.append(-inf if low is None else low)
        upper.append(inf if high is None else high)
        integer.append(whole)
    columns = Columns(
        np.array(lower, np.float64),
        np.array(upper, np.float64),
        np.array(integer, np.bool_),
        names_of(variables),
    )
    for j in np.flatnonzero(columns.lower > columns.upper)[:1]:
        raise InvalidGame(
            f"{columns.names[j]}: its lower bound {columns.lower[j]:g} is above its upper bound "
            f"{columns.upper[j]:g}; correct its bounds or its domain"
        )
    return columns


def bounds_of(variable: VarData) -> tuple[float | None, float | None]:
    """Return the tighter of domain and ``bounds``, None where there is no bound."""
    try:
        bounds: tuple[float | None, float | None] = variable.bounds
    except ValueError as error:
        raise InvalidGame(
            f"{variable.name}: a bound is not a finite number ({reason_of(error)}); correct its bounds"
        ) from error
    return bounds


def _fixed_bounds(variable: VarData) -> tuple[float, float]:
    if variable.value is None:
        raise InvalidGame(f"{variable.name}: it is fixed without a value; give fix(...) one, or unfix it")
    return float(variable.value), float(variable.value)


def _is_integral(domain: SetData, variable: VarData) -> bool:
    """Return whether a domain holds integers only; refuse one that is no interval."""
    step = domain.get_interval()[2]
    if step is None or abs(step) not in (0, 1):
        raise InvalidGame(
            f"{variable.name}: its domain {domain} is neither an interval nor an interval of integers; "
            "write the choice with binary variables"
        )
    return bool(step)
