"""Two-stage robust games: what is decided before nature moves, what after, and the master of stored scenarios.

Source, for a leader that minimises (one that maximises is turned around; ``sense`` remembers it)::

    min_{z in Z}  c(z) + max_{u in U} min_r { b'r + d'u + u'D z :  L <= A z + u'P z + N u + G r <= H,  l <= r <= h }

``Z`` holds the leader's first stage and the optimal responses of its here-and-now followers, ``u`` is nature's, ``r`` the
recourse. The worst case is named ``eta``; the master of stored scenarios ``u^1 .. u^K`` is again a game::

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

from reformulations.coupled import CoupledForms, Crossed
from reformulations.interval import activity_range
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
    widened,
)
from reformulations.refusal import NotApplicable
from reformulations.stages import refuse_other_classes

ETA = "worst case of the second stage"


@dataclass(frozen=True, slots=True)
class TwoStage:
    """A game split at the moment nature moves.

    Attributes
    ----------
    source
        The game as read, ``n`` columns and ``m`` rows.
    first
        The game before nature moves, minimised; its last column is ``eta``, the worst case of the second stage.
    sense
        +1 where the user's leader minimises, -1 where it maximises.
    first_columns, nature_columns, recourse_columns
        Columns of the source.
    first_rows, second_rows
        Rows of the source; the second are those in which nature or recourse appears.
    rows, lower, upper, row_names
        The second-stage rows and their sides.
    cost
        What is minimised in the second stage, one form.
    recourse
        Bounds and names of the recourse columns.
    """

    source: BilevelProgram
    first: BilevelProgram
    sense: float
    first_columns: Integers
    nature_columns: Integers
    recourse_columns: Integers
    first_rows: Integers
    second_rows: Integers
    rows: CoupledForms
    lower: Floats
    upper: Floats
    row_names: Names
    cost: CoupledForms
    recourse: Columns

    @property
    def eta(self) -> int:
        """Column of the worst case among those of the first stage."""
        return len(self.first_columns)

    def first_cost(self, point: Floats) -> float:
        """Return ``c(z)`` at a point of the master or of the first stage, minimised."""
        here = point[: self.eta + 1]
        return float(self.first.objectives.value(here)[LEADER] - here[self.eta])

    def game_point(self, master_point: Floats, columns: int, rows: int, u: Floats, response: Floats) -> Floats:
        """Return a primal-dual point ``(3 n + m,)`` of the source from one of a master with so many columns and rows.

        Nature is at ``u``, recourse at ``response``; only followers have multipliers.
        """
        n, m = len(self.source.columns), len(self.source.rows)
        point = np.zeros(self.source.point_size)
        point[self.first_columns] = master_point[: self.eta]
        point[self.nature_columns], point[self.recourse_columns] = u, response
        point[n + self.first_rows] = master_point[columns : columns + len(self.first_rows)]
        for target, start in ((n + m, columns + rows), (2 * n + m, 2 * columns + rows)):
            point[target + self.first_columns] = master_point[start : start + self.eta]
        return point


def split(program: BilevelProgram) -> TwoStage:
    """Split a game with nature and recourse into its two stages.

    Raises
    ------
    NotApplicable
        For integer recourse or nature, products of recourse or among nature, followers that mention nature or
        recourse, and a game without nature; names the component.
    """
    refuse_other_classes(program)
    role = program.roles[program.column_owner]
    nature, recourse = np.flatnonzero(role == Role.NATURE), np.flatnonzero(role == Role.RECOURSE)
    first = np.flatnonzero((role == Role.LEADER) | (role == Role.FOLLOWER))
    late = _late_rows(program, role)
    second_rows, first_rows = np.flatnonzero(late), np.flatnonzero(~late)
    columns, rows = program.columns, program.rows
    sense = float(program.objectives.sense[LEADER])
    positions = _positions(len(columns), first, nature, recourse)
    chosen = rows.products.take(late[rows.products.index])
    row_number = _position(len(rows), second_rows)
    forms = _coupled(
        sparse.csr_array(rows.matrix[second_rows]),
        Product(row_number[chosen.index], chosen.left, chosen.right, chosen.value),
        role,
        (first, nature, recourse),
        positions,
    )
    cost = _second_stage_cost(program, role, (first, nature, recourse), positions, sense)
    picked = Columns(
        columns.lower[recourse], columns.upper[recourse], columns.integer[recourse], columns.names.take(recourse)
    )
    least = _least_cost(cost, picked)
    return TwoStage(
        source=program,
        first=_first_stage(program, first, first_rows, positions, sense, least),
        sense=sense,
        first_columns=first,
        nature_columns=nature,
        recourse_columns=recourse,
        first_rows=first_rows,
        second_rows=second_rows,
        rows=forms,
        lower=rows.lower[second_rows],
        upper=rows.upper[second_rows],
        row_names=rows.names.take(second_rows),
        cost=cost,
        recourse=picked,
    )


def master(two_stage: TwoStage, scenarios: Sequence[Floats]) -> BilevelProgram:
    """Return the game of the first stage, ``eta`` and one copy of the recourse a stored scenario, minimised.

    The rows and columns of :attr:`TwoStage.first` come first and keep their numbers; the columns of the copies
    follow, ``q`` a scenario, then nothing else.
    """
    first, q, count = two_stage.first, len(two_stage.recourse), len(scenarios)
    n, m = len(first.columns), len(first.rows)
    width = n + count * q
    columns, rows = first.columns, first.rows
    for k, u in enumerate(scenarios):
        columns = columns.append(replace(two_stage.recourse, names=_of_scenario(two_stage.recourse.names, k)))
        rows = rows.append(_scenario_rows(two_stage, u, k, width))
    rows = replace(rows, matrix=widened(rows.matrix, width))
    owner = np.zeros(width, np.int64)
    owner[:n] = first.column_owner
    row_owner = np.zeros(len(rows), np.int64)
    row_owner[:m] = first.row_owner
    objectives = replace(first.objectives, linear=widened(first.objectives.linear, width))
    kept = np.arange(n), np.arange(m)
    multipliers = _multipliers_among(first.multipliers, (n, m), kept, (width, len(rows)))
    return BilevelProgram(
        first.players, first.roles, columns, owner, rows, row_owner, objectives, replace(
            multipliers, column=first.multipliers.column
        )
    )


def _scenario_rows(two_stage: TwoStage, u: Floats, k: int, width: int) -> Rows:
    """Return the second-stage rows with nature held at ``u``, then ``eta >= cost``, over the columns of the master."""
    n, q = len(two_stage.first.columns), len(two_stage.recourse)
    before, after = n + k * q, width - n - (k + 1) * q
    blocks, offsets, products = [], [], []
    for forms in (two_stage.rows, two_stage.cost):
        coefficients, constant = forms.at_scenario(u)
        parts = [
            widened(coefficients, before),
            forms.recourse,
            sparse.csr_array((len(forms), after)),
        ]
        blocks.append(sparse.csr_array(sparse.hstack(parts, format="csr")))
        offsets.append(constant)
        products.append(forms.products)
    bound = sparse.csr_array(([1.0], ([0], [two_stage.eta])), shape=(1, width))
    matrix = sparse.csr_array(sparse.vstack([blocks[0], bound - blocks[1]], format="csr"))
    return Rows(
        matrix,
        np.append(two_stage.lower - offsets[0], offsets[1]),
        np.append(two_stage.upper - offsets[0], np.inf),
        _of_scenario(two_stage.row_names + Names.of([ETA]), k),
        products[0],
    )


def _of_scenario(names: Names, k: int) -> Names:
    return Names(len(names), lambda i: f"{names[i]} in scenario {k + 1}")


def _late_rows(program: BilevelProgram, role: Integers) -> Booleans:
    """Mask the rows in which nature or recourse appears."""
    matrix, products = program.rows.matrix, program.rows.products
    late_column = (role == Role.NATURE) | (role == Role.RECOURSE)
    late = np.asarray((abs(matrix) @ late_column.astype(np.float64)) > 0)
    late[products.index[late_column[products.left] | late_column[products.right]]] = True
    return late


def _position(size: int, picked: Integers) -> Integers:
    position = np.full(size, -1, np.int64)
    position[picked] = np.arange(len(picked))
    return position


def _positions(size: int, *groups: Integers) -> Integers:
    """Return the place of each column within its own group."""
    position = np.full(size, -1, np.int64)
    for group in groups:
        position[group] = np.arange(len(group))
    return position


def _coupled(
    matrix: Matrix,
    products: Product,
    role: Integers,
    groups: tuple[Integers, Integers, Integers],
    position: Integers,
) -> CoupledForms:
    by_nature = (role[products.left] == Role.NATURE) | (role[products.right] == Role.NATURE)
    crossed, among = products.take(by_nature), products.take(~by_nature)
    nature_left = role[crossed.left] == Role.NATURE
    return CoupledForms(
        *(sparse.csr_array(matrix[:, group]) for group in groups),
        crossed=Crossed(
            crossed.index,
            position[np.where(nature_left, crossed.right, crossed.left)],
            position[np.where(nature_left, crossed.left, crossed.right)],
            crossed.value,
        ),
        products=Product.of(among.index, position[among.left], position[among.right], among.value),
    )


def _second_stage_cost(
    program: BilevelProgram,
    role: Integers,
    groups: tuple[Integers, Integers, Integers],
    position: Integers,
    sense: float,
) -> CoupledForms:
    objectives = program.objectives
    linear = sense * objectives.linear[[LEADER]]
    products = objectives.products
    mine = products.take((products.index == LEADER) & ((role[products.left] == Role.NATURE) | (role[products.right] == Role.NATURE)))
    forms = _coupled(
        sparse.csr_array(linear),
        Product(mine.index, mine.left, mine.right, sense * mine.value),
        role,
        groups,
        position,
    )
    return replace(forms, first=sparse.csr_array(forms.first.shape))


def _least_cost(cost: CoupledForms, recourse: Columns) -> float:
    """Return what the second stage costs at least by the bounds of recourse alone; minus infinity with nature."""
    if cost.depends_on_nature:
        return -np.inf
    least, _ = activity_range(cost.recourse, recourse.lower, recourse.upper)
    return float(least[0])


def _first_stage(
    program: BilevelProgram,
    columns: Integers,
    rows: Integers,
    position: Integers,
    sense: float,
    least: float,
) -> BilevelProgram:
    """Return the leader's and the followers' game before nature moves, with ``eta`` as last column."""
    n, m = len(program.columns), len(program.rows)
    players = np.flatnonzero((program.roles == Role.LEADER) | (program.roles == Role.FOLLOWER))
    player_number = _position(len(program.players), players)
    old, width = program.columns, len(columns) + 1
    eta = Columns(np.array([least]), np.array([np.inf]), np.zeros(1, bool), Names.of([ETA]))
    row_position = _position(m, rows)
    products = program.rows.products.take(row_position[program.rows.products.index] >= 0)
    multipliers = _multipliers_among(program.multipliers, (n, m), (columns, rows), (width, len(rows)))
    row_owner = player_number[program.row_owner[rows]]
    return BilevelProgram(
        players=[program.players[int(player)] for player in players],
        roles=program.roles[players],
        columns=Columns(
            old.lower[columns], old.upper[columns], old.integer[columns], old.names.take(columns)
        ).append(eta),
        column_owner=np.append(player_number[program.column_owner[columns]], LEADER),
        rows=Rows(
            widened(sparse.csr_array(program.rows.matrix[rows][:, columns]), width),
            program.rows.lower[rows],
            program.rows.upper[rows],
            program.rows.names.take(rows),
            Product.of(
                row_position[products.index], position[products.left], position[products.right], products.value
            ),
        ),
        # rows of recourse in which it does not appear restrict the leader
        row_owner=np.where(row_owner < 0, LEADER, row_owner),
        objectives=_first_objectives(program, players, columns, position, sense),
        multipliers=replace(multipliers, column=position[program.multipliers.column]),
    )


def _first_objectives(
    program: BilevelProgram, players: Integers, columns: Integers, position: Integers, sense: float
) -> Objectives:
    """Return the players' objectives over the first stage and ``eta``; the leader's is minimised and has ``eta`` added."""
    objectives, player_number = program.objectives, _position(len(program.players), players)
    signs = np.ones(len(players))
    signs[LEADER] = sense
    linear = widened(
        sparse.csr_array(sparse.diags_array(signs) @ objectives.linear[players][:, columns]), len(columns) + 1
    )
    worst = sparse.csr_array(([1.0], ([LEADER], [len(columns)])), shape=linear.shape)
    role = program.roles[program.column_owner]
    products = objectives.products
    kept = products.take((role[products.left] != Role.NATURE) & (role[products.right] != Role.NATURE))
    index = player_number[kept.index]
    senses = objectives.sense[players].copy()
    senses[LEADER] = 1.0
    return Objectives(
        senses,
        signs * objectives.constant[players],
        sparse.csr_array(linear + worst),
        Product.of(index, position[kept.left], position[kept.right], signs[index] * kept.value),
    )


def _multipliers_among(
    multipliers: MultiplierColumns,
    old: tuple[int, int],
    kept: tuple[Integers, Integers],
    new: tuple[int, int],
) -> MultiplierColumns:
    """Renumber what multiplier columns refer to: ``old`` and ``new`` are counts of columns and rows, ``kept`` which stay."""
    entries = multipliers.matrix.tocoo()
    (n, m), (columns, rows), (width, height) = old, kept, new
    place = np.full(m + 2 * n, -1, np.int64)
    place[rows] = np.arange(len(rows))
    place[m + columns] = height + np.arange(len(columns))
    place[m + n + columns] = height + width + np.arange(len(columns))
    column = place[entries.col]
    shape = (len(multipliers), height + 2 * width)
    matrix = sparse.coo_array((entries.data, (entries.row, column)), shape=shape).tocsr()
    return MultiplierColumns(multipliers.column, sparse.csr_array(matrix))
