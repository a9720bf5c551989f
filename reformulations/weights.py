"""Sparse linear systems with few unknowns an equation, solved by propagation."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from reformulations.programs import Matrix

TOLERANCE = 1e-9
"""An equation holds when its residual is at most this, relative to the sum of its terms' magnitudes."""

DUST = 1e-12
"""What is smaller than this, relative to the terms it was added up from, is rounding."""


Restriction = tuple[int, float, dict[int, float]]
"""An equation that says ``constant + sum_p slope[p] * parameter[p] == 0``: its number, constant, slopes."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why no weights exist: ``equation`` contradicts what the others say about its ``unknowns``.

    ``unknowns`` is the cycle, in order; it is empty where nothing reaches the equation. ``through``
    are the equations that link them.
    """

    equation: int
    unknowns: tuple[int, ...]
    through: tuple[int, ...]


class System:
    """Equations ``sum_k weight[k] * matrix[k, e] == -wanted[e]`` as adjacency lists.

    ``matrix`` is ``(K, E)``: unknowns by equations, each entry once.
    """

    __slots__ = ("equations_of", "unknowns_of")

    def __init__(self, matrix: Matrix) -> None:
        self.equations_of = _adjacency(matrix)
        self.unknowns_of = _adjacency(Matrix(matrix.T))


def _adjacency(matrix: Matrix) -> list[list[tuple[int, float]]]:
    entries = list(zip(matrix.indices.tolist(), matrix.data.tolist(), strict=True))
    return [entries[a:b] for a, b in pairwise(matrix.indptr.tolist())]


@dataclass(slots=True)
class _State:
    """What is known so far: ``weight[k] == constant[k] + sum_p slope[k][p] * parameter[p]``."""

    left: dict[int, int]
    order: list[int]
    constant: dict[int, float] = field(default_factory=dict)
    slope: dict[int, dict[int, float]] = field(default_factory=dict)
    cause: dict[int, int] = field(default_factory=dict)
    ready: deque[int] = field(default_factory=deque)
    parameters: int = 0


def solve(system: System, wanted: Mapping[int, float], free: Sequence[int]) -> dict[int, float] | Conflict:
    """Return the weights that cancel ``wanted`` in every equation that is not ``free``.

    Only what the wanted equations reach takes part. An equation with one unknown left gives it; when
    there is none, the next unknown becomes a parameter. Equations whose unknowns are all known
    restrict the parameters, which are found at the end by least squares (minimum norm); a parameter
    that nothing restricts takes the value that makes most weights zero. Time is linear in the number
    of entries reached.
    """
    state = _reach(system, wanted, free)
    if isinstance(state, Conflict):
        return state
    state.ready.extend(e for e, count in state.left.items() if count == 1)
    restrictions: list[Restriction] = []
    position = 0
    while True:
        while state.ready:
            equation = state.ready.popleft()
            restriction = _settle(system, wanted, state, equation)
            if isinstance(restriction, Conflict):
                return restriction
            if restriction is not None:
                restrictions.append((equation, *restriction))
        while position < len(state.order) and state.order[position] in state.constant:
            position += 1
        if position == len(state.order):
            break
        _fix(system, state, state.order[position], 0.0, {state.parameters: 1.0}, -1)
        state.parameters += 1
    parameters = _restricted(restrictions)
    if isinstance(parameters, int):
        return _conflict(system, state, parameters)
    return _weights(state, _unrestricted(state, parameters))


def _reach(system: System, wanted: Mapping[int, float], free: Sequence[int]) -> _State | Conflict:
    left: dict[int, int] = {}
    order: list[int] = []
    seen: set[int] = set()
    queue = [e for e, value in wanted.items() if value != 0 and not free[e]]
    for e in queue:
        left[e] = len(system.unknowns_of[e])
        if left[e] == 0:
            return Conflict(e, (), ())
    for e in queue:  # grows while it is read
        for k, _ in system.unknowns_of[e]:
            if k in seen:
                continue
            seen.add(k)
            order.append(k)
            for other, _ in system.equations_of[k]:
                if other not in left and not free[other]:
                    left[other] = len(system.unknowns_of[other])
                    queue.append(other)
    return _State(left, order)


def _settle(
    system: System, wanted: Mapping[int, float], state: _State, equation: int
) -> tuple[float, dict[int, float]] | Conflict | None:
    """Give the last unknown of an equation its value, or return what the equation says about parameters."""
    total = wanted.get(equation, 0.0)
    scale = abs(total)
    slopes: dict[int, float] = {}
    steep: dict[int, float] = {}
    last: tuple[int, float] | None = None
    for k, coefficient in system.unknowns_of[equation]:
        if k not in state.constant:
            last = (k, coefficient)
            continue
        term = coefficient * state.constant[k]
        total += term
        scale += abs(term)
        for p, slope in state.slope.get(k, {}).items():
            slopes[p] = slopes.get(p, 0.0) + coefficient * slope
            steep[p] = max(steep.get(p, 0.0), abs(coefficient * slope))
    slopes = {p: slope for p, slope in slopes.items() if abs(slope) > DUST * steep[p]}
    if abs(total) <= DUST * scale:
        total = 0.0
    if last is not None:
        k, coefficient = last
        _fix(system, state, k, -total / coefficient, {p: -s / coefficient for p, s in slopes.items()}, equation)
        return None
    if slopes:
        return total, slopes
    return _conflict(system, state, equation) if abs(total) > TOLERANCE * scale else None


def _fix(system: System, state: _State, k: int, constant: float, slope: dict[int, float], cause: int) -> None:
    state.constant[k] = constant
    if slope:
        state.slope[k] = slope
    state.cause[k] = cause
    for equation, _ in system.equations_of[k]:
        if equation in state.left:
            state.left[equation] -= 1
            if state.left[equation] == 1:
                state.ready.append(equation)


def _restricted(restrictions: list[Restriction]) -> dict[int, float] | int:
    """Return the restricted parameters, of least norm, or the equation that contradicts the others."""
    distinct: dict[tuple[object, ...], Restriction] = {}
    for equation, constant, slopes in restrictions:
        unit = slopes[min(slopes)]
        scaled = {p: s / unit for p, s in sorted(slopes.items())}
        key = (round(constant / unit, 12), *((p, round(s, 12)) for p, s in scaled.items()))
        distinct.setdefault(key, (equation, constant / unit, scaled))
    values: dict[int, float] = {}
    for group in _groups(list(distinct.values())):
        columns = sorted({p for _, _, slopes in group for p in slopes})
        place = {p: i for i, p in enumerate(columns)}
        matrix = np.zeros((len(group), len(columns)))
        right = np.array([-constant for _, constant, _ in group])
        for i, (_, _, slopes) in enumerate(group):
            for p, slope in slopes.items():
                matrix[i, place[p]] = slope
        solution = np.linalg.lstsq(matrix, right, rcond=None)[0]
        miss = np.abs(matrix @ solution - right)
        scale = np.abs(right) + np.abs(matrix) @ np.abs(solution)
        worst = int(np.argmax(miss - TOLERANCE * scale))
        if miss[worst] > TOLERANCE * scale[worst]:
            return group[worst][0]
        values.update(zip(columns, solution.tolist(), strict=True))
    return values


def _groups(restrictions: list[Restriction]) -> list[list[Restriction]]:
    """Split the restrictions into groups without a parameter in common."""
    root: dict[int, int] = {}

    def find(p: int) -> int:
        root.setdefault(p, p)
        while root[p] != p:
            root[p] = root[root[p]]
            p = root[p]
        return p

    for _, _, slopes in restrictions:
        first, *others = slopes
        for p in others:
            root[find(p)] = find(first)
    groups: dict[int, list[Restriction]] = {}
    for restriction in restrictions:
        groups.setdefault(find(next(iter(restriction[2]))), []).append(restriction)
    return list(groups.values())


def _unrestricted(state: _State, restricted: dict[int, float]) -> list[float]:
    """Give every parameter a value; what no equation restricts makes as many weights zero as it can."""
    zeros: list[list[float]] = [[] for _ in range(state.parameters)]
    for k, slopes in state.slope.items():
        if len(slopes) == 1:
            ((p, slope),) = slopes.items()
            zeros[p].append(-state.constant[k] / slope)
    return [restricted[p] if p in restricted else _most_frequent(values) for p, values in enumerate(zeros)]


def _most_frequent(values: list[float]) -> float:
    """Return the value that stands there most often but for rounding, the smallest of several; 0 for none."""
    first: dict[float, float] = {}
    for value in values:
        first.setdefault(round(value, 9), value)
    counts = Counter(round(value, 9) for value in values)
    return first[max(counts, key=lambda value: (counts[value], -abs(value)))] if values else 0.0


def _weights(state: _State, parameters: list[float]) -> dict[int, float]:
    weights: dict[int, float] = {}
    for k, constant in state.constant.items():
        terms = [constant, *(slope * parameters[p] for p, slope in state.slope.get(k, {}).items())]
        value = sum(terms)
        if abs(value) > DUST * max(map(abs, terms)):
            weights[k] = snapped(value)
    return {k: value for k, value in weights.items() if value != 0}


def snapped(value: float) -> float:
    """Return the decimal of nine digits that ``value`` is but for rounding, else ``value`` itself."""
    short = float(f"{value:.9g}")
    return short if abs(short - value) <= DUST * abs(value) else value


def _conflict(system: System, state: _State, equation: int) -> Conflict:
    """Return the unknowns that lead from one side of a contradicted equation to the other."""
    chains = [_chain(system, state, k) for k, _ in system.unknowns_of[equation]]
    # What all chains share behind their meeting point does not belong to the cycle.
    while min(map(len, chains)) > 1 < len(chains) and len({tuple(chain[-2:]) for chain in chains}) == 1:
        chains = [chain[:-1] for chain in chains]
    unknowns = dict.fromkeys(k for chain in chains for k, _ in chain)
    through = dict.fromkeys(e for chain in chains for _, e in chain if e >= 0)
    return Conflict(equation, tuple(unknowns), tuple(through))


def _chain(system: System, state: _State, k: int) -> list[tuple[int, int]]:
    """Return the unknowns and the equations that fixed them, from ``k`` back to where it began."""
    chain: list[tuple[int, int]] = []
    seen: set[int] = set()
    current: int | None = k
    while current is not None and current not in seen:
        seen.add(current)
        cause = state.cause.get(current, -1)
        chain.append((current, cause))
        others = system.unknowns_of[cause] if cause >= 0 else []
        current = next((j for j, _ in others if j != current), None)
    return chain
