"""Two-stage robust games: what is decided before nature moves, what after, and the master of stored scenarios.

Source, for a leader that minimises (one that maximises is turned around; ``sense`` remembers it)::

    min_{z in Z}  c(z) + max_{u in U} min_r { b'r + d'u + u'D z :  L <= A z + u'P z + N u + G r <= H,  l <= r <= h }

``Z`` holds the leader's first stage and the optimal responses of its here-and-now followers, ``u`` is nature's, ``r``
the recourse. The worst case is named ``eta``; the master of stored scenarios ``u^1 .. u^K`` is again a game::

    min_{z in Z, eta, r^k}  c(z) + eta    s.t.   eta >= b'r^k + d'u^k + (u^k)'D z,
                                                 L <= (A + (u^k)'P) z + N u^k + G r^k <= H,   l <= r^k <= h

Its optimum bounds that of the source from below for every choice of stored scenarios, and equals it once the stored
ones contain a worst case of each plan (Zeng & Zhao, Operations Research Letters 41, 2013,
DOI 10.1016/j.orl.2013.05.003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.interval import activity_range
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Columns,
    Floats,
    Matrix,
    Names,
    Product,
    Role,
    Rows,
    widened,
)
from reformulations.robust.coupled import CoupledForms, Crossed
from reformulations.robust.stages import ETA, Stages, first_stage, leader_extended, positions, stages_of


@dataclass(frozen=True, slots=True)
class TwoStage:
    """A game split at the moment nature moves.

    Attributes
    ----------
    source
        The game as read, ``n`` columns and ``m`` rows.
    first
        The game before nature moves, minimised; after its columns in the source comes ``eta``, the worst case of the
        second stage, then columns that bound it, if any.
    sense
        +1 where the user's leader minimises, -1 where it maximises.
    stages
        Which columns and rows of the source belong where.
    rows, lower, upper, row_names
        The second-stage rows, in which nature or recourse appears, and their sides.
    cost
        What is minimised in the second stage, one form.
    recourse
        Bounds and names of the recourse columns.
    """

    source: BilevelProgram
    first: BilevelProgram
    sense: float
    stages: Stages
    rows: CoupledForms
    lower: Floats
    upper: Floats
    row_names: Names
    cost: CoupledForms
    recourse: Columns

    @property
    def eta(self) -> int:
        """Column of the worst case: the one behind those of the first stage."""
        return len(self.stages.first)

    def first_cost(self, point: Floats) -> float:
        """Return ``c(z)``, minimised, at a point of the first stage or of a master."""
        here = point[: len(self.first.columns)]
        return float(self.first.objectives.value(here)[LEADER] - here[self.eta])

    def game_point(self, solved: BilevelProgram, solved_point: Floats, u: Floats, response: Floats) -> Floats:
        """Return a primal-dual point ``(3 n + m,)`` of the source from one of the master ``solved``.

        Nature stands at ``u``, recourse at ``response``; multipliers are those of the followers.
        """
        n, m = len(self.source.columns), len(self.source.rows)
        width, height, first = len(solved.columns), len(solved.rows), self.stages.first
        rows = np.flatnonzero(~self.stages.late)
        point = np.zeros(self.source.point_size)
        point[first] = solved_point[: self.eta]
        point[self.stages.nature], point[self.stages.recourse] = u, response
        point[n + rows] = solved_point[width : width + len(rows)]
        for target, start in ((n + m, width + height), (2 * n + m, 2 * width + height)):
            point[target + first] = solved_point[start : start + self.eta]
        return point


def split(program: BilevelProgram) -> TwoStage:
    """Split a game with nature and recourse into its two stages.

    Raises
    ------
    NotApplicable
        For integer recourse or nature, products of recourse or among nature, followers that mention nature or
        recourse, and a game without nature; names the component.
    """
    stages = stages_of(program)
    second = np.flatnonzero(stages.late)
    columns, rows, recourse = program.columns, program.rows, stages.recourse
    sense = float(program.objectives.sense[LEADER])
    chosen = rows.products.take(stages.late[rows.products.index])
    number = positions(len(rows), second)
    forms = _coupled(
        sparse.csr_array(rows.matrix[second]),
        Product(number[chosen.index], chosen.left, chosen.right, chosen.value),
        stages,
    )
    cost = _second_stage_cost(program, stages, sense)
    picked = Columns(
        columns.lower[recourse], columns.upper[recourse], columns.integer[recourse], columns.names.take(recourse)
    )
    return TwoStage(
        source=program,
        first=first_stage(program, stages, _least(cost, picked)),
        sense=sense,
        stages=stages,
        rows=forms,
        lower=rows.lower[second],
        upper=rows.upper[second],
        row_names=rows.names.take(second),
        cost=cost,
        recourse=picked,
    )


def _coupled(matrix: Matrix, products: Product, stages: Stages) -> CoupledForms:
    role, position = stages.role, stages.position
    by_nature = (role[products.left] == Role.NATURE) | (role[products.right] == Role.NATURE)
    crossed, among = products.take(by_nature), products.take(~by_nature)
    nature_left = role[crossed.left] == Role.NATURE
    return CoupledForms(
        first=sparse.csr_array(matrix[:, stages.first]),
        nature=sparse.csr_array(matrix[:, stages.nature]),
        recourse=sparse.csr_array(matrix[:, stages.recourse]),
        crossed=Crossed(
            crossed.index,
            position[np.where(nature_left, crossed.right, crossed.left)],
            position[np.where(nature_left, crossed.left, crossed.right)],
            crossed.value,
        ),
        products=Product.of(among.index, position[among.left], position[among.right], among.value),
    )


def _second_stage_cost(program: BilevelProgram, stages: Stages, sense: float) -> CoupledForms:
    products = program.objectives.products
    late = np.maximum(stages.role[products.left], stages.role[products.right]) >= Role.NATURE
    mine = products.take(late & (products.index == LEADER))
    forms = _coupled(
        sparse.csr_array(sense * program.objectives.linear[[LEADER]]),
        Product(mine.index, mine.left, mine.right, sense * mine.value),
        stages,
    )
    return replace(forms, first=sparse.csr_array(forms.first.shape))


def _least(cost: CoupledForms, recourse: Columns) -> float:
    """Return what the second stage costs at least, by the bounds of recourse; minus infinity where nature costs."""
    if cost.depends_on_nature:
        return -np.inf
    least, _ = activity_range(cost.recourse, recourse.lower, recourse.upper)
    return float(least[0])


def master(two_stage: TwoStage, scenarios: Sequence[Floats]) -> BilevelProgram:
    """Return the game of the first stage, ``eta`` and one copy of the recourse a stored scenario, minimised.

    Columns and rows of :attr:`TwoStage.first` keep their numbers; the columns of the copies follow, ``q`` a scenario.
    """
    game = two_stage.first
    for k, u in enumerate(scenarios):
        copy = replace(two_stage.recourse, names=_in_scenario(two_stage.recourse.names, k))
        game = leader_extended(game, copy, _scenario_rows(two_stage, u, k, len(game.columns)))
    return game


def _scenario_rows(two_stage: TwoStage, u: Floats, k: int, before: int) -> Rows:
    """Return the second-stage rows with nature held at ``u``, then ``eta >= cost``; recourse from ``before`` on."""
    width = before + len(two_stage.recourse)
    rows, row_offset = _at_scenario(two_stage.rows, u, before)
    cost, cost_offset = _at_scenario(two_stage.cost, u, before)
    eta = sparse.csr_array(([1.0], ([0], [two_stage.eta])), shape=(1, width))
    return Rows(
        sparse.csr_array(sparse.vstack([rows, eta - cost], format="csr")),
        np.append(two_stage.lower - row_offset, cost_offset),
        np.append(two_stage.upper - row_offset, np.inf),
        _in_scenario(two_stage.row_names + Names.of([ETA]), k),
        two_stage.rows.products,
    )


def _at_scenario(forms: CoupledForms, u: Floats, before: int) -> tuple[Matrix, Floats]:
    """Return forms at ``u`` over the columns of a master, recourse from column ``before`` on, and their constants."""
    coefficients, constant = forms.at_scenario(u)
    parts = [widened(coefficients, before), forms.recourse]
    return sparse.csr_array(sparse.hstack(parts, format="csr")), constant


def _in_scenario(names: Names, k: int) -> Names:
    return Names(len(names), lambda i: f"{names[i]} in scenario {k + 1}")
