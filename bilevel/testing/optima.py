"""Optima of small programs by enumeration: integers one by one, pairs by branching, the rest by linear programs."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from itertools import product as combinations
from typing import Any

import numpy as np
from scipy import optimize, sparse

from reformulations.programs import (
    LEADER,
    MPEC,
    BilevelProgram,
    CanonicalGame,
    Columns,
    MixedIntegerProgram,
    Names,
    Product,
    Rows,
)

INF = np.inf
INFEASIBLE = 2
"""What scipy says of a program without a point."""
COMPLEMENTARY = 1e-7
ANSWER = tuple[float, np.ndarray]
NOTHING: ANSWER = (INF, np.empty(0))


def least(cost: np.ndarray, rows: Rows, columns: Columns, whole: bool = False) -> ANSWER:  # noqa: FBT001, FBT002
    """Minimise ``cost @ z`` over rows and bounds; plus infinity where infeasible."""
    if len(rows.products):
        raise ValueError(f"{rows.names[int(rows.products.index[0])]}: a row with products is not linear")
    if np.any(columns.lower > columns.upper):
        return NOTHING
    answer = optimize.milp(
        cost,
        constraints=optimize.LinearConstraint(rows.matrix, rows.lower, rows.upper) if len(rows) else None,
        bounds=optimize.Bounds(columns.lower, columns.upper),
        integrality=columns.integer.astype(np.int64) if whole else None,
        options={"mip_rel_gap": 0.0},
    )
    if answer.status == INFEASIBLE:
        return NOTHING
    if answer.status != 0:
        raise AssertionError(answer.message)
    return float(answer.fun), answer.x


def at(program: Any, integers: np.ndarray) -> Any:
    """Return an MPEC with its integer columns fixed and its products, all with such a column, linear."""
    columns, whole = program.columns, program.columns.integer
    lower, upper, value = columns.lower.copy(), columns.upper.copy(), np.zeros(len(columns))
    lower[whole] = upper[whole] = value[whole] = integers
    rows, cost = program.rows, program.cost.copy()
    linear = sparse.lil_array(rows.matrix)
    for products, target in ((program.products, cost[np.newaxis]), (rows.products, linear)):
        for index, left, right, factor in zip(
            products.index, products.left, products.right, products.value, strict=True
        ):
            fixed, other = (left, right) if whole[left] else (right, left)
            if not whole[fixed]:
                raise ValueError("a product of two continuous columns is not linear at fixed integers")
            target[index, other] += factor * value[fixed]
    return replace(
        program,
        columns=replace(columns, lower=lower, upper=upper),
        cost=cost,
        products=Product.none(),
        rows=Rows(sparse.csr_array(linear), rows.lower, rows.upper, rows.names),
    )


def integers_of(columns: Columns) -> list[np.ndarray]:
    """Return every assignment of the integer columns."""
    ranges = [
        np.arange(np.ceil(low), np.floor(high) + 1)
        for low, high in zip(columns.lower[columns.integer], columns.upper[columns.integer], strict=True)
    ]
    return [np.array(values) for values in combinations(*ranges)]


@singledispatch
def optimum(program: Any) -> ANSWER:
    """Return the least value in the program's minimising sense, and a point."""
    raise TypeError(type(program))


@optimum.register
def _(program: MixedIntegerProgram) -> ANSWER:
    if len(program.products):
        raise ValueError("a quadratic objective is beyond this oracle")
    value, point = least(program.cost, program.rows, program.columns, whole=True)
    return program.constant + value, point


@optimum.register
def _(program: MPEC) -> ANSWER:
    answers = [branch(at(program, values)) for values in integers_of(program.columns)]
    value, point = min(answers, key=lambda answer: answer[0])
    return program.constant + value, point


def branch(mpec: MPEC, best: float = INF) -> ANSWER:
    """Branch on complementary pairs until none is violated."""
    value, point = least(mpec.cost, mpec.rows, mpec.columns)
    if value >= best:
        return NOTHING
    pairs = mpec.complementarity
    violation = np.minimum(pairs.slacks(point), point[pairs.multiplier])
    violation[pairs.equality] = 0
    worst = int(np.argmax(violation)) if len(pairs) else 0
    if not len(pairs) or violation[worst] <= COMPLEMENTARY:
        return value, point
    upper = mpec.columns.upper.copy()
    upper[pairs.multiplier[worst]] = 0
    active = Rows(sparse.csr_array(pairs.slack[[worst]]), np.array([-INF]), pairs.offset[[worst]], Names.of(["active"]))
    first = branch(replace(mpec, columns=replace(mpec.columns, upper=upper)), best)
    second = branch(replace(mpec, rows=mpec.rows.append(active)), min(best, first[0]))
    return min(first, second, key=lambda answer: answer[0])


def box(columns: Columns, picked: np.ndarray) -> Columns:
    """Return the picked columns, continuous."""
    return Columns(
        columns.lower[picked], columns.upper[picked], np.zeros(len(picked), bool), columns.names.take(picked)
    )


def part(rows: Rows, picked: np.ndarray, own: np.ndarray, point: np.ndarray) -> Rows:
    """Return the rows over the columns ``own``, the others at ``point``; products have one factor elsewhere."""
    rest = point.copy()
    rest[own] = 0
    matrix = sparse.lil_array(rows.matrix)
    for index, left, right, factor in zip(
        rows.products.index, rows.products.left, rows.products.right, rows.products.value, strict=True
    ):
        fixed, other = (right, left) if left in own else (left, right)
        matrix[index, other] += factor * rest[fixed]
    linear = sparse.csr_array(matrix)[picked]
    shift = linear @ rest
    block = sparse.csr_array(linear[:, own])
    return Rows(block, rows.lower[picked] - shift, rows.upper[picked] - shift, rows.names.take(picked))


def slope(program: BilevelProgram, player: int, point: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the gradient ``(q,)`` of a player's objective by ``own``, linear in them, the others at ``point``."""
    rest = point.copy()
    rest[own] = 0
    objectives = program.objectives
    gradient = objectives.linear[[player]].toarray().ravel()
    gradient = gradient + objectives.products.hessian(len(rest), player) @ rest
    return np.asarray(objectives.sense[player] * gradient[own])


def responses(program: BilevelProgram, point: np.ndarray) -> tuple[np.ndarray, Rows] | None:
    """Return the followers' columns and the rows of their optimal faces at the leader's ``point``; linear followers."""
    own = np.flatnonzero(program.follower_columns)
    faces = part(program.rows, np.flatnonzero(program.follower_rows), own, point)
    for player in range(1, len(program.players)):
        mine = np.flatnonzero(program.column_owner == player)
        if not len(mine):
            continue
        cost = slope(program, player, point, mine)
        rows = part(program.rows, np.flatnonzero(program.row_owner == player), mine, point)
        value, _ = least(cost, rows, box(program.columns, mine))
        if value == INF:
            return None
        spread = np.zeros((1, len(own)))
        spread[0, np.searchsorted(own, mine)] = cost
        name = Names.of([f"optimality of {player}"])
        faces = faces.append(Rows(sparse.csr_array(spread), np.array([-INF]), np.array([value + 1e-9]), name))
    return own, faces


@optimum.register
def _(program: BilevelProgram) -> ANSWER:
    return _of_game(program, worst=False)


def pessimistic_optimum(program: BilevelProgram) -> ANSWER:
    """Return the least value over the integer leader's decisions with the worst response to each."""
    return _of_game(program, worst=True)


def _of_game(program: BilevelProgram, *, worst: bool) -> ANSWER:
    best = NOTHING
    leader = np.flatnonzero(program.column_owner == LEADER)
    if not program.columns.integer[leader].all():
        raise ValueError("this oracle enumerates decisions of a leader with integer columns only")
    for values in integers_of(program.columns):
        point = np.zeros(len(program.columns))
        point[leader] = values
        answer = _at_decision(program, point, worst=worst)
        best = min(best, answer, key=lambda one: one[0])
    return best


def _at_decision(program: BilevelProgram, point: np.ndarray, *, worst: bool) -> ANSWER:
    found = responses(program, point)
    if found is None:
        return NOTHING
    own, faces = found
    coupling = part(program.rows, np.flatnonzero(program.row_owner == LEADER), own, point)
    inside = box(program.columns, own)
    cost = slope(program, LEADER, point, own)
    if worst:
        for i in range(len(coupling)):
            row = coupling.matrix[[i]].toarray().ravel()
            if -least(-row, faces, inside)[0] > coupling.upper[i] + 1e-7:
                return NOTHING
            if least(row, faces, inside)[0] < coupling.lower[i] - 1e-7:
                return NOTHING
        response = least(-cost, faces, inside)
    else:
        response = least(cost, faces.append(coupling), inside)
    if response[0] == INF:
        return NOTHING
    point = point.copy()
    point[own] = response[1]
    sense = program.objectives.sense[LEADER]
    return float(sense * program.objectives.value(point)[LEADER]), point


@optimum.register
def _(program: CanonicalGame) -> ANSWER:
    """The point is the columns, then the multipliers of the lower level's rows."""
    best, lower = NOTHING, program.lower
    for values in integers_of(program.columns):
        point = np.zeros(len(program.columns))
        point[program.columns.integer] = values
        cost = lower.cost + lower.gradient @ point
        right = lower.offset - lower.matrix @ point
        solved = optimize.linprog(  # type: ignore[call-overload]  # sparse matrices are taken as well
            cost,
            A_ub=-lower.own[~lower.equality],
            b_ub=-right[~lower.equality],
            A_eq=lower.own[lower.equality],
            b_eq=right[lower.equality],
            bounds=(None, None),
        )
        if solved.status != 0:
            continue
        duals = np.zeros(len(lower))
        duals[~lower.equality], duals[lower.equality] = -solved.ineqlin.marginals, solved.eqlin.marginals
        columns = program.columns
        low, high = columns.lower.copy(), columns.upper.copy()
        low[columns.integer] = high[columns.integer] = values
        face = np.zeros((1, len(point)))
        face[0, lower.columns] = cost
        feasible = Rows(
            sparse.csr_array(sparse.vstack([lower.matrix, sparse.csr_array(face)], format="csr")),
            np.append(lower.offset, -INF),
            np.append(np.where(lower.equality, lower.offset, INF), solved.fun + 1e-9),
            Names.of([*lower.names, "face"]),
        )
        fixed = at(replace(program, columns=columns), values)
        value, found = least(fixed.cost, fixed.rows.append(feasible), replace(columns, lower=low, upper=high))
        if value + program.constant < best[0]:
            best = value + program.constant, np.concatenate([found, duals])
    return best
