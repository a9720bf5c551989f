"""Recourse that follows nature by an affine rule: an upper bound of the cost, by one static program.

Source, in the notation of :mod:`reformulations.robust.two_stage`, with ``r(u) = r0 + R u`` in the place of recourse::

    min_{z, r0, R} c(z) + max_{u in U} b'(r0 + R u) + d'u + u'D z
    s.t.  L <= A z + u'P z + N u + G (r0 + R u) <= H,   l <= r0 + R u <= h   for all u in U

Every row is linear in ``u`` and holds for all of ``U`` exactly when its dual says so
(:mod:`reformulations.robust.dualised`). Among all rules the affine ones are a restriction: what they cost bounds the
robust optimum from above (Ben-Tal, Goryashko, Guslitzer & Nemirovski, Mathematical Programming 99, 2004, DOI
10.1007/s10107-003-0454-y).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import BilevelProgram, Columns, Matrix, Names, Rows, widened
from reformulations.refusal import NotApplicable
from reformulations.robust.coupled import CoupledForms
from reformulations.robust.dualised import UncertainForm, worst_case_rows
from reformulations.robust.stages import ETA, leader_extended
from reformulations.robust.two_stage import TwoStage
from reformulations.sets.linear_sets import LinearSet


@dataclass(frozen=True, slots=True)
class _Rule:
    """Columns of the rule: intercepts from ``start`` on, then the slopes, one block of ``k`` for each recourse."""

    start: int
    recourse: int
    nature: int

    @property
    def width(self) -> int:
        return self.start + self.recourse * (1 + self.nature)

    def intercept(self, weights: Matrix) -> Matrix:
        """Return ``weights @ r0`` ``(m, width)`` for ``weights`` ``(m, q)``."""
        entries = weights.tocoo()
        columns = self.start + entries.col
        shape = (weights.shape[0], self.width)
        return sparse.csr_array(sparse.coo_array((entries.data, (entries.row, columns)), shape=shape))

    def slopes(self, weights: Matrix) -> Matrix:
        """Return ``weights @ R`` ``(k, width)`` for one row ``weights`` ``(1, q)``: a form for each of nature's."""
        entries = weights.tocoo()
        first = self.start + self.recourse + entries.col * self.nature
        columns = (first[:, None] + np.arange(self.nature)).ravel()
        rows = np.tile(np.arange(self.nature), len(first))
        data = np.repeat(entries.data, self.nature)
        return sparse.csr_array(sparse.coo_array((data, (rows, columns)), shape=(self.nature, self.width)))


def affine_game(two_stage: TwoStage, within: LinearSet) -> BilevelProgram:
    """Return the static game with affine recourse, minimised; its first columns are those of the first stage.

    Raises
    ------
    NotApplicable
        For a row of the second stage with products of the first.
    """
    for row in two_stage.rows.products.index[:1]:
        raise NotApplicable(
            two_stage.row_names[int(row)], "a product of the first stage stands beside recourse; linearise it first"
        )
    first, recourse = two_stage.first, two_stage.recourse
    rule = _Rule(len(first.columns), len(recourse), within.dimension)
    count = rule.width - rule.start
    columns = Columns(
        np.full(count, -np.inf),
        np.full(count, np.inf),
        np.zeros(count, bool),
        Names(count, lambda j: f"part {j} of the affine rule"),
    )
    none = Rows(sparse.csr_array((0, rule.width)), np.empty(0), np.empty(0), Names.of([]))
    game = leader_extended(first, columns, none)
    for form, most, name in _demands(two_stage, rule):
        game = _below(game, form, most, within, name, two_stage.eta)
    return game


def _demands(two_stage: TwoStage, rule: _Rule) -> Iterator[tuple[UncertainForm, float | None, str]]:
    """Yield what must stay below a number in all scenarios, or below the worst case where there is none."""
    recourse, size = two_stage.recourse, len(two_stage.recourse)
    yield _form(two_stage.cost, 0, rule), None, ETA
    for i in range(len(two_stage.rows)):
        form = _form(two_stage.rows, i, rule)
        yield from _sides(form, two_stage.lower[i], two_stage.upper[i], two_stage.row_names[i])
    unit = sparse.eye_array(size, format="csr")
    for j in range(size):
        picked = sparse.csr_array(unit[[j]])
        form = UncertainForm(rule.intercept(picked), 0.0, rule.slopes(picked), np.zeros(rule.nature))
        yield from _sides(form, recourse.lower[j], recourse.upper[j], recourse.names[j])


def _sides(form: UncertainForm, lower: float, upper: float, name: str) -> Iterator[tuple[UncertainForm, float, str]]:
    if np.isfinite(upper):
        yield form, upper, name
    if np.isfinite(lower):
        turned = UncertainForm(
            sparse.csr_array(-form.fixed), -form.constant, sparse.csr_array(-form.moving), -form.offset
        )
        yield turned, -lower, name


def _form(forms: CoupledForms, i: int, rule: _Rule) -> UncertainForm:
    recourse = sparse.csr_array(forms.recourse[[i]])
    mine = forms.crossed.index == i
    entries = (forms.crossed.value[mine], (forms.crossed.nature[mine], forms.crossed.first[mine]))
    crossed = sparse.coo_array(entries, shape=(rule.nature, rule.width))
    return UncertainForm(
        fixed=sparse.csr_array(widened(sparse.csr_array(forms.first[[i]]), rule.width) + rule.intercept(recourse)),
        constant=0.0,
        moving=sparse.csr_array(sparse.csr_array(crossed) + rule.slopes(recourse)),
        offset=np.asarray(forms.nature[[i]].toarray()).ravel(),
    )


def _below(
    game: BilevelProgram, form: UncertainForm, most: float | None, within: LinearSet, name: str, eta: int
) -> BilevelProgram:
    """Append what keeps a form below ``most`` in all scenarios, or below the column ``eta``."""
    width = len(game.columns)
    if most is None:
        columns, rows = worst_case_rows(form, within, eta, width, name)
        return leader_extended(game, columns, rows)
    bounded = Columns(np.array([-np.inf]), np.array([most]), np.zeros(1, bool), Names.of([f"worst case of {name}"]))
    columns, rows = worst_case_rows(form, within, width, width + 1, name)
    return leader_extended(game, bounded.append(columns), rows)
