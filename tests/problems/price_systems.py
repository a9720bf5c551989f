"""Optimality systems of linear followers, written down by hand: columns, rows, complementarity, products."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import optimize, sparse

from reformulations.programs import (
    MPEC,
    Columns,
    Complementarity,
    MultiplierColumns,
    Names,
    Product,
    Rows,
    Stationarity,
)

INF = np.inf


@dataclass
class Follower:
    """min (cost + prices x)'y + 1/2 y'Q y  s.t.  matrix y + leader x >= right (== where equality): lambda."""

    matrix: list[list[float]]
    right: list[float]
    cost: list[float]
    equality: list[int] = field(default_factory=list)
    leader: dict[tuple[int, int], float] = field(default_factory=dict)
    prices: dict[tuple[int, int], float] = field(default_factory=dict)
    hessian: list[list[float]] | None = None


def nonnegative(follower: Follower, upper: float | None = None) -> Follower:
    """Append the rows y >= 0 and, if wanted, -y >= -upper."""
    q = len(follower.cost)
    rows, right = [*follower.matrix, *np.eye(q).tolist()], [*follower.right, *[0.0] * q]
    if upper is not None:
        rows, right = [*rows, *(-np.eye(q)).tolist()], [*right, *[-upper] * q]
    return replace(follower, matrix=rows, right=right)


def game(
    leader: list[str],
    followers: list[Follower],
    products: dict[tuple[str, str], float],
    cost: dict[str, float] | None = None,
    aliases: dict[str, dict[str, float]] | None = None,
    row: dict[tuple[str, str], float] | None = None,
    definitions: list[dict[str, float]] | None = None,
    integer: tuple[str, ...] = (),
) -> MPEC:
    """Columns: the leader's, y of every follower in turn, the aliases; then lambda of every row in turn."""
    aliases = aliases or {}
    q, p = [len(f.cost) for f in followers], [len(f.right) for f in followers]
    names = leader + [f"y{k + 1}" for k in range(sum(q))] + list(aliases) + [f"lambda{k + 1}" for k in range(sum(p))]
    at = {name: k for k, name in enumerate(names)}
    n, first_y, first_row = len(names), len(leader), len(names) - sum(p)
    slack, offset, equality = np.zeros((sum(p), n)), np.zeros(sum(p)), np.zeros(sum(p), bool)
    gradient, right = np.zeros((sum(q), n)), np.zeros(sum(q))
    for f, y, j in zip(followers, np.cumsum([0, *q]), np.cumsum([0, *p]), strict=False):
        own, mine = slice(first_y + y, first_y + y + len(f.cost)), slice(j, j + len(f.right))
        matrix = np.array(f.matrix, float).reshape(len(f.right), len(f.cost))
        slack[mine, own], offset[mine] = matrix, f.right
        equality[[j + k for k in f.equality]] = True
        for (k, x), value in f.leader.items():
            slack[j + k, x] = value
        for (k, x), value in f.prices.items():
            gradient[y + k, x] = value
        if f.hessian is not None:
            gradient[y : y + len(f.cost), own] = f.hessian
        gradient[y : y + len(f.cost), first_row + j : first_row + j + len(f.right)] = -matrix.T
        right[y : y + len(f.cost)] = -np.array(f.cost)
    combination = np.zeros((len(aliases), n))
    for k, parts in enumerate(aliases.values()):
        for name, value in parts.items():
            combination[k, at[name]] = value
    upper = np.zeros((1 + len(definitions or []), n))
    for k, parts in enumerate(definitions or []):
        for name, value in parts.items():
            upper[1 + k, at[name]] = value
    alias_columns = np.array([at[name] for name in aliases], np.int64)
    definition = combination.copy()
    definition[np.arange(len(aliases)), alias_columns] -= 1
    rows = np.vstack([upper, slack, gradient, definition])
    floor = np.concatenate([[-INF], np.zeros(len(upper) - 1), offset, right, np.zeros(len(aliases))])
    ceiling = np.concatenate(
        [[100.0], np.zeros(len(upper) - 1), np.where(equality, offset, INF), right, np.zeros(len(aliases))]
    )
    labels = ["budget"] + [f"definition{k}" for k in range(len(upper) - 1)] + [f"row{k + 1}" for k in range(sum(p))]
    labels += [f"stationarity of y{k + 1}" for k in range(sum(q))] + [f"alias {name}" for name in aliases]
    lower = np.full(n, -INF)
    lower[first_row:] = np.where(equality, -INF, 0.0)
    is_integer = np.array([name in integer for name in names])
    costs = np.zeros(n)
    for name, value in (cost or {}).items():
        costs[at[name]] = value
    return MPEC(
        columns=Columns(np.where(is_integer, 0.0, lower), np.where(is_integer, 1.0, INF), is_integer, Names.of(names)),
        rows=Rows(sparse.csr_array(rows), floor, ceiling, Names.of(labels), terms(row or {}, at)),
        cost=costs,
        constant=0.0,
        products=terms(products, at),
        complementarity=Complementarity(
            sparse.csr_array(slack),
            offset,
            np.arange(first_row, n),
            len(upper) + np.arange(sum(p)),
            equality,
            np.full(sum(p), -1),
            np.repeat(np.arange(1, len(followers) + 1), p),
            Names.of(labels[len(upper) : len(upper) + sum(p)]),
        ),
        stationarity=Stationarity(len(upper) + sum(p) + np.arange(sum(q)), first_y + np.arange(sum(q))),
        aliases=MultiplierColumns(alias_columns, sparse.csr_array(combination)),
    )


def terms(products: dict[tuple[str, str], float], at: dict[str, int]) -> Product:
    pairs = np.array([[at[a], at[b]] for a, b in products], np.int64).reshape(-1, 2)
    return Product.of(np.zeros(len(pairs), np.int64), pairs[:, 0], pairs[:, 1], np.array(list(products.values())))


def kkt_point(mpec: MPEC, followers: list[Follower], leader: list[float]) -> np.ndarray:
    """Solve every LP follower at the leader's decision; fill in multipliers and aliases."""
    x = np.array(leader, float)
    ys, multipliers = [], []
    for f in followers:
        cost, right = np.array(f.cost, float), np.array(f.right, float)
        for (k, i), value in f.prices.items():
            cost[k] += value * x[i]
        for (k, i), value in f.leader.items():
            right[k] -= value * x[i]
        matrix, equal = np.array(f.matrix, float), np.zeros(len(right), bool)
        equal[f.equality] = True
        keywords = {"A_eq": matrix[equal], "b_eq": right[equal]} if equal.any() else {}
        answer = optimize.linprog(
            cost, -matrix[~equal], -right[~equal], bounds=(None, None), method="highs", **keywords
        )
        assert answer.status == 0, answer.message
        duals = np.zeros(len(right))
        duals[~equal] = -answer.ineqlin.marginals
        if equal.any():
            duals[equal] = answer.eqlin.marginals
        ys.append(answer.x)
        multipliers.append(duals)
    point = np.concatenate([x, *ys, np.zeros(len(mpec.aliases)), *multipliers])
    point[mpec.aliases.column] = mpec.aliases.matrix @ point
    return point


def coefficients(mpec: MPEC) -> dict[str, float]:
    return {mpec.columns.names[k]: float(mpec.cost[k]) for k in np.flatnonzero(mpec.cost)}
