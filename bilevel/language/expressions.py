"""Pyomo expressions as arrays of coefficients: the only file that walks expressions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

import numpy as np
from pyomo.common.errors import InvalidValueError
from pyomo.core.base.component import ComponentData
from pyomo.core.base.var import VarData
from pyomo.core.expr.numeric_expr import LinearExpression, MonomialTermExpression, ProductExpression, SumExpression
from pyomo.repn.linear import LinearRepnVisitor
from pyomo.repn.quadratic import QuadraticRepnVisitor
from pyomo.repn.util import InvalidNumber, OrderedVarRecorder
from scipy import sparse

from bilevel.errors import InvalidGame, NotApplicable
from reformulations.programs import Floats, Integers, Matrix, Product

TERM_WIDTH = 120
"""Characters of a refused term that a message shows."""

_LINEAR_FACTORS = (MonomialTermExpression, LinearExpression)


@dataclass(frozen=True, slots=True)
class Coefficients:
    """``constant + matrix @ z + products(z)`` for several expressions.

    ``constant`` is ``(k,)``, ``matrix`` is ``(k, n)``, the products are indexed by expression.
    """

    constant: Floats
    matrix: Matrix
    products: Product


@dataclass(slots=True)
class _Terms:
    """Coefficients as they are met, in flat lists; ``ends`` says where each expression's terms end."""

    ends: list[int] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    variables: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    product_owner: list[int] = field(default_factory=list)
    product_left: list[int] = field(default_factory=list)
    product_right: list[int] = field(default_factory=list)
    product_values: list[Any] = field(default_factory=list)

    def add_products(self, left: Iterable[int], right: Iterable[int], values: Collection[Any]) -> None:
        """Append products to the present expression."""
        self.product_owner.extend([len(self.ends)] * len(values))
        self.product_left.extend(left)
        self.product_right.extend(right)
        self.product_values.extend(values)

    def end(self, found: Any) -> None:
        """Append a linear representation to the present expression, and end it."""
        self.variables.extend(found.linear)
        self.values.extend(found.linear.values())
        self.constants.append(found.constant)
        self.ends.append(len(self.values))


class ExpressionReader:
    """Reads expressions over given columns, by Pyomo's own visitors.

    Parameters
    ----------
    variables
        The variable of each column. Fixed variables that have no column are constants.
    """

    def __init__(self, variables: list[VarData]) -> None:
        self._width = len(variables)
        self._column = {id(variable): j for j, variable in enumerate(variables)}
        self._variable = {id(variable): variable for variable in variables}
        recorder = OrderedVarRecorder(self._variable, self._column, None)
        self._linear = LinearRepnVisitor({}, var_recorder=recorder)
        self._quadratic = QuadraticRepnVisitor({}, var_recorder=recorder)

    def linear(self, expressions: Sequence[Any], sources: Sequence[ComponentData]) -> Coefficients:
        """Return the coefficients of ``expressions`` that are mostly linear.

        ``sources`` are the components to name in errors.

        Raises
        ------
        NotApplicable
            For a term that is neither linear nor a product of two variables.
        InvalidGame
            For a variable that no player declares, and for coefficients that are not finite.
        """
        terms = _Terms()
        for i, expression in enumerate(expressions):
            found = _walk(self._linear, expression, sources[i])
            if found.nonlinear is None:
                terms.end(found)
            else:
                self._add_bilinear(terms, expression, sources[i])
        return self._assembled(terms, sources)

    def bilinear(self, expressions: Sequence[Any], sources: Sequence[ComponentData]) -> Coefficients:
        """Return what :meth:`linear` does, faster where most expressions hold products."""
        terms = _Terms()
        for i, expression in enumerate(expressions):
            self._add_bilinear(terms, expression, sources[i])
        return self._assembled(terms, sources)

    def _add_bilinear(self, terms: _Terms, expression: Any, source: ComponentData) -> None:
        if expression.__class__ is SumExpression:
            expression = self._without_plain_products(terms, expression)
        found = _walk(self._quadratic, expression, source)
        if found.nonlinear is not None:
            raise NotApplicable(
                source.name,
                f"the term {shorten(str(found.nonlinear), TERM_WIDTH)} is neither linear nor a product of two "
                "variables; write it with rows and variables of its own",
            )
        if found.quadratic:
            left, right = zip(*found.quadratic, strict=True)
            terms.add_products(left, right, found.quadratic.values())
        terms.end(found)

    def _without_plain_products(self, terms: _Terms, expression: Any) -> Any:
        """Take the products of a sum with a single variable as factor; return what is left.

        Pyomo's visitor needs seven times as long for them, and revenues consist of nothing else.
        """
        column, walk = self._column, self._linear.walk_expression
        rest, left, right, values = [], [], [], []
        for term in expression.args:
            if term.__class__ is ProductExpression:
                factor, variable = term.args
                if id(variable) not in column:
                    factor, variable = variable, factor
                if id(variable) in column:
                    if id(factor) in column:
                        left.append(id(factor))
                        right.append(id(variable))
                        values.append(1.0)
                        continue
                    if factor.__class__ in _LINEAR_FACTORS:
                        found = walk(factor)
                        left.extend(found.linear)
                        right.extend([id(variable)] * len(found.linear))
                        values.extend(found.linear.values())
                        terms.variables.append(id(variable))
                        terms.values.append(found.constant)
                        continue
            rest.append(term)
        terms.add_products(left, right, values)
        return SumExpression(rest) if rest else 0.0

    def _assembled(self, terms: _Terms, sources: Sequence[ComponentData]) -> Coefficients:
        column = self._column.__getitem__
        indptr = np.array([0, *terms.ends], np.int64)
        indices = np.fromiter(map(column, terms.variables), np.int64, len(terms.variables))
        owner = np.array(terms.product_owner, np.int64)
        left = np.fromiter(map(column, terms.product_left), np.int64, len(owner))
        right = np.fromiter(map(column, terms.product_right), np.int64, len(owner))
        constants, data, weights = _floats(terms.constants), _floats(terms.values), _floats(terms.product_values)

        def row_of(term: int) -> ComponentData:
            return sources[int(np.searchsorted(indptr, term, side="right")) - 1]

        for term in _first(indices >= self._width):
            raise self._foreign(row_of(term), indices[term])
        for term in _first(np.maximum(left, right) >= self._width):
            raise self._foreign(sources[owner[term]], max(left[term], right[term]))
        for term in _first(~np.isfinite(data)):
            raise _not_finite(row_of(term), f"the coefficient of {self._at(indices[term]).name}")
        for term in _first(~np.isfinite(weights)):
            pair = f"{self._at(left[term]).name} * {self._at(right[term]).name}"
            raise _not_finite(sources[owner[term]], f"the coefficient of {pair}")
        for i in _first(~np.isfinite(constants)):
            raise _not_finite(sources[i], "the constant term")
        matrix = sparse.csr_array((data, indices, indptr), shape=(len(sources), self._width))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return Coefficients(constants, matrix, Product.of(owner, left, right, weights))

    def _at(self, column: int) -> VarData:
        return next(variable for key, variable in self._variable.items() if self._column[key] == column)

    def _foreign(self, source: ComponentData, column: int) -> InvalidGame:
        return InvalidGame(
            f"{source.name}: it uses {self._at(column).name}, which no active block of this model declares; "
            "activate the block that declares it, declare it in this model, or fix it"
        )


def _walk(visitor: LinearRepnVisitor, expression: Any, source: ComponentData) -> Any:
    try:
        return visitor.walk_expression(expression)
    except (AttributeError, NameError) as error:
        # Pyomo 6.10.1 fails like this, without a name, where a coefficient inside a product is not a number.
        raise _not_finite(source, "a coefficient of a product") from error
    except ValueError as error:
        raise InvalidGame(
            f"{source.name}: {reason_of(error)}; give every parameter and fixed variable in it a finite value"
        ) from error


def reason_of(error: Exception) -> str:
    """Return what Pyomo says of a parameter or an operation that has no value, without the advice below it."""
    return str(error).strip().split("\n", 1)[0].rstrip(":.")


def _first(mask: np.ndarray) -> Integers:
    """Return the first true position, if any."""
    return np.flatnonzero(mask)[:1]


def _floats(numbers: list[Any]) -> Floats:
    """Return an array; what Pyomo could not evaluate to a number is NaN."""
    try:
        return np.array(numbers, np.float64)
    except (InvalidValueError, TypeError):
        return np.array([np.nan if isinstance(number, InvalidNumber) else number for number in numbers], np.float64)


def _not_finite(source: ComponentData, what: str) -> InvalidGame:
    return InvalidGame(
        f"{source.name}: {what} is not a finite number; give every parameter and fixed variable in it a finite value"
    )
