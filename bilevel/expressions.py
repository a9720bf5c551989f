"""Pyomo expressions as arrays of coefficients: the only file that walks expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyomo.common.errors import InvalidValueError
from pyomo.core.base.component import ComponentData
from pyomo.core.base.var import VarData
from pyomo.repn.linear import LinearRepnVisitor
from pyomo.repn.quadratic import QuadraticRepnVisitor
from pyomo.repn.util import InvalidNumber, OrderedVarRecorder
from scipy import sparse

from bilevel.errors import InvalidGame, NotApplicable
from reformulations.programs import Floats, Integers, Matrix, Product


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
    """Coefficients as they are met, in flat lists; ``counts`` says how many belong to each expression."""

    counts: list[int] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    variables: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    product_owner: list[int] = field(default_factory=list)
    product_pairs: list[tuple[int, int]] = field(default_factory=list)
    product_values: list[Any] = field(default_factory=list)

    def add(self, found: Any) -> None:
        """Append one linear or quadratic representation."""
        quadratic = getattr(found, "quadratic", None)
        if quadratic:
            self.product_owner.extend([len(self.counts)] * len(quadratic))
            self.product_pairs.extend(quadratic)
            self.product_values.extend(quadratic.values())
        self.variables.extend(found.linear)
        self.values.extend(found.linear.values())
        self.counts.append(len(found.linear))
        self.constants.append(found.constant)


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

    def read(self, expressions: Sequence[Any], sources: Sequence[ComponentData]) -> Coefficients:
        """Return the coefficients of ``expressions``; ``sources`` are the components to name in errors.

        Raises
        ------
        NotApplicable
            For a term that is neither linear nor a product of two variables.
        InvalidGame
            For a variable that no player declares, and for coefficients that are not finite.
        """
        terms = _Terms()
        walk, add = self._linear.walk_expression, terms.add
        for i, expression in enumerate(expressions):
            found = walk(expression)
            add(found if found.nonlinear is None else self._with_products(expression, sources[i]))
        return self._assembled(terms, sources)

    def _with_products(self, expression: Any, source: ComponentData) -> Any:
        try:
            found = self._quadratic.walk_expression(expression)
        except NameError as error:
            # Pyomo 6.10.1 fails like this where a coefficient inside a product is not a number.
            raise _not_finite(source, "a coefficient of a product") from error
        if found.nonlinear is not None:
            term = str(found.nonlinear)
            raise NotApplicable(
                source.name,
                f"the term {term if len(term) < 80 else term[:77] + '...'} is neither linear nor a product of two "
                "variables; write it with rows and variables of its own",
            )
        return found

    def _assembled(self, terms: _Terms, sources: Sequence[ComponentData]) -> Coefficients:
        column = self._column.__getitem__
        indptr = np.zeros(len(sources) + 1, np.int64)
        np.cumsum(terms.counts, out=indptr[1:])
        indices = np.fromiter(map(column, terms.variables), np.int64, len(terms.variables))
        owner = np.array(terms.product_owner, np.int64)
        left = np.fromiter((column(one) for one, _ in terms.product_pairs), np.int64, len(owner))
        right = np.fromiter((column(other) for _, other in terms.product_pairs), np.int64, len(owner))
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
        matrix.sort_indices()
        return Coefficients(constants, matrix, Product.of(owner, left, right, weights))

    def _at(self, column: int) -> VarData:
        return next(variable for key, variable in self._variable.items() if self._column[key] == column)

    def _foreign(self, source: ComponentData, column: int) -> InvalidGame:
        return InvalidGame(
            f"{source.name}: it uses {self._at(column).name}, which no active block of this model declares; "
            "activate the block that declares it, declare it in this model, or fix it"
        )


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
