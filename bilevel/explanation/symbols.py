"""Pyomo expressions as sympy expressions, variable by variable, apart from the way to arrays."""

from __future__ import annotations

import re
from typing import Any

import pyomo.environ as pyo
import sympy
from pyomo.core.base.component import ComponentData
from pyomo.core.expr.sympy_tools import Pyomo2SympyVisitor

_MARKS = str.maketrans(
    {mark: f"\\{mark}" for mark in "_%&#${} "} | {"\\": r"\backslash ", "^": r"\wedge ", "~": r"\sim "}
)
"""What stands in mathematics for the marks that LaTeX reserves."""

_PART = re.compile(r"([^.\[\]]+)(?:\[([^\]]*)\])?")


class Symbols:
    """One real symbol for each variable of a model; fixed variables and parameters are numbers.

    The symbol has the variable's full name, which tells two variables of one model apart.
    """

    def __init__(self) -> None:
        self._symbols: dict[int, sympy.Symbol] = {}
        self._visitor = _Visitor(self)

    def of(self, variable: ComponentData) -> Any:
        """Return the symbol of a variable, or the number it is fixed at."""
        if variable.fixed:
            return exact(pyo.value(variable))
        symbol = self._symbols.get(id(variable))
        if symbol is None:
            symbol = self._symbols[id(variable)] = sympy.Symbol(variable.name, real=True)
        return symbol

    def expression(self, expression: Any) -> sympy.Expr:
        """Return an expression multiplied out."""
        return sympy.expand(sympy.sympify(self._visitor.walk_expression(expression)))

    def getSympySymbol(self, variable: ComponentData) -> Any:  # noqa: N802 - the name that Pyomo's visitor calls
        """Return what :meth:`of` does, under the name that Pyomo's visitor calls."""
        return self.of(variable)


class _Visitor(Pyomo2SympyVisitor):
    """Pyomo's visitor, with whole numbers as such: ``2 x`` instead of ``2.0 x``."""

    def beforeChild(self, node: Any, child: Any, child_idx: Any) -> Any:  # noqa: N802 - Pyomo's name
        descend, result = super().beforeChild(node, child, child_idx)
        return descend, exact(result) if isinstance(result, float) else result


def exact(value: float) -> Any:
    """Return a whole number as an integer, another as it is."""
    return sympy.Integer(int(value)) if float(value).is_integer() else sympy.Float(value)


def latex_name(name: str) -> str:
    r"""Return a component's name for a formula: ``ev[1].charge[2]`` as ``\mathrm{ev}_{1}.\mathrm{charge}_{2}``."""
    parts = []
    for word, index in _PART.findall(name):
        subscript = f"_{{{_escaped(index)}}}" if index else ""
        parts.append(f"\\mathrm{{{_escaped(word)}}}{subscript}")
    return ".".join(parts)


def _escaped(text: str) -> str:
    return text.translate(_MARKS)
