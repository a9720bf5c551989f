"""Recourse whose coupling rows have constant prices, and what it costs at least at these prices.

In a second stage ``Q(z, u) = min_r {b'r : L <= A z + u'P z + N u + G r <= H, l <= r <= h} + d'u + u'D z`` the coupling
rows are those in which ``z`` or ``u`` appears. Where a coupling row has recourse columns of its own, in no other row,
that deliver and take at one price ``b_j / G_ij``, that is the row's multiplier as long as they can move: buying and
selling at a market price, say. For any prices ``pi`` of the coupling rows (weak duality)::

    Q(z, u) >= E + pi'(side - A z - u'P z - N u) + d'u + u'D z
    E = min_r {(b - G'pi)'r : rows without z and u, l <= r <= h},    side = L where pi > 0, H where pi < 0

Exact when
    every coupling row's own columns are off their bounds in an optimal recourse. That cannot be known before the answer
    is there: the recourse solved at the answer's worst case must cost what the bound says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.programs import Booleans, Floats, Matrix, MixedIntegerProgram, Rows
from reformulations.robust.coupled import Crossed
from reformulations.robust.dualised import UncertainForm, worst_case_rows
from reformulations.robust.stages import leader_extended
from reformulations.robust.two_stage import TwoStage
from reformulations.sets.linear_sets import LinearSet

_SAME = 1e-9
"""Prices closer to each other than this, relative to their size, are one."""


@dataclass(frozen=True, slots=True)
class ConstantPrices:
    """Prices ``(m,)`` of the second-stage rows, zero where the first stage and nature do not appear.

    ``rest`` is the linear program of what recourse costs at these prices; its optimum is the ``E`` of the module.
    """

    price: Floats
    rest: MixedIntegerProgram


def constant_prices(two_stage: TwoStage) -> ConstantPrices | None:
    """Return the prices of the coupling rows; None where a coupling row has none.

    A row has a price when its own columns of one ratio ``b_j / G_ij`` can both add to it and take from it.
    """
    coupling, forms = coupling_rows(two_stage), two_stage.rows
    rows, cost = np.flatnonzero(coupling), np.asarray(two_stage.cost.recourse.toarray()).ravel()
    if len(rows) == 0 or len(forms.products) or len(two_stage.cost.products) or two_stage.recourse.integer.any():
        return None
    matrix = sparse.csc_array(forms.recourse)
    single = np.flatnonzero(np.diff(matrix.indptr) == 1)
    row, value = matrix.indices[matrix.indptr[single]], matrix.data[matrix.indptr[single]]
    price = np.zeros(len(forms))
    for i in rows:
        mine = np.flatnonzero((row == i) & (value != 0))
        found = _price(two_stage, single[mine], value[mine], cost)
        if found is None or not np.isfinite(two_stage.lower[i] if found > 0 else two_stage.upper[i]):
            return None
        price[i] = found
    kept, recourse = np.flatnonzero(~coupling), two_stage.recourse
    rest = Rows(
        sparse.csr_array(forms.recourse[kept]),
        two_stage.lower[kept],
        two_stage.upper[kept],
        two_stage.row_names.take(kept),
    )
    return ConstantPrices(price, MixedIntegerProgram(recourse, rest, cost - np.asarray(forms.recourse.T @ price), 0.0))


def coupling_rows(two_stage: TwoStage) -> Booleans:
    """Return a mask ``(m,)`` of the second-stage rows in which the first stage or nature appears."""
    forms = two_stage.rows
    coupling = np.zeros(len(forms), bool)
    for matrix in (forms.first, forms.nature):
        entries = matrix.tocoo()
        coupling[entries.row[entries.data != 0]] = True
    coupling[forms.crossed.index] = coupling[forms.products.index] = True
    return coupling


def _price(two_stage: TwoStage, columns: np.ndarray, value: Floats, cost: Floats) -> float | None:
    """Return the price at which ``columns``, alone in a row with coefficients ``value``, can add and take."""
    lower, upper = two_stage.recourse.lower[columns], two_stage.recourse.upper[columns]
    ratio = cost[columns] / value
    most = np.maximum(value * lower, value * upper)
    least = np.minimum(value * lower, value * upper)
    for price in np.unique(ratio):
        same = np.abs(ratio - price) <= _SAME * (1 + abs(price))
        if least[same].sum() < 0 < most[same].sum():
            return float(np.mean(ratio[same]))
    return None


def with_priced_recourse(two_stage: TwoStage, prices: ConstantPrices, rest: float, within: LinearSet) -> TwoStage:
    """Return the game whose first stage knows what the second costs at least at ``prices``, in nature's worst case.

    ``rest`` is the optimum of ``prices.rest``, or any lower bound of it. No scenario is needed to bound the worst case.
    """
    first = two_stage.first
    form = _priced_form(two_stage, prices.price, rest)
    columns, rows = worst_case_rows(form, within, two_stage.eta, len(first.columns), "second stage at constant prices")
    return replace(two_stage, first=leader_extended(first, columns, rows))


def _priced_form(two_stage: TwoStage, price: Floats, rest: float) -> UncertainForm:
    forms, cost = two_stage.rows, two_stage.cost
    side = np.where(price > 0, two_stage.lower, two_stage.upper)
    priced = np.flatnonzero(price)
    shape = (forms.nature.shape[1], forms.first.shape[1])
    weights = sparse.csr_array(price[np.newaxis])
    moved = _by_nature(forms.crossed, -price[forms.crossed.index], shape)
    return UncertainForm(
        fixed=sparse.csr_array(-(weights @ forms.first)),
        constant=rest + float(price[priced] @ side[priced]),
        moving=sparse.csr_array(_by_nature(cost.crossed, np.ones(len(cost.crossed.index)), shape) + moved),
        offset=np.asarray(cost.nature.toarray()).ravel() - np.asarray(forms.nature.T @ price),
        nature=two_stage.source.columns.names.take(two_stage.stages.nature),
    )


def _by_nature(crossed: Crossed, weight: Floats, shape: tuple[int, int]) -> Matrix:
    entries = (weight * crossed.value, (crossed.nature, crossed.first))
    return sparse.csr_array(sparse.coo_array(entries, shape=shape).tocsr())
