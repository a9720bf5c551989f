"""Sparse linear systems with few unknowns an equation, solved by propagation."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy import sparse

from reformulations.arrays import Booleans, Floats, Integers, Matrix
from reformulations.contraction import DUST, contracted

TOLERANCE = 1e-9
"""An equation holds when its residual is at most this, relative to the sum of its terms' magnitudes."""

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


@dataclass(frozen=True, slots=True)
class _System:
    """Equations ``sum_k weight[k] * matrix[k, e] == -wanted[e]`` as adjacency lists, ``matrix`` ``(K, E)``.

    ``members`` says how many unknowns of the source each unknown stands for.
    """

    equations_of: list[list[tuple[int, float]]]
    unknowns_of: list[list[tuple[int, float]]]
    wanted: list[float]
    members: list[int]

    @classmethod
    def of(cls, matrix: Matrix, wanted: Floats, members: Integers) -> _System:
        return cls(_adjacency(matrix), _adjacency(sparse.csc_array(matrix)), wanted.tolist(), members.tolist())


def _adjacency(matrix: Matrix | sparse.csc_array) -> list[list[tuple[int, float]]]:
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


def solve(by_equation: sparse.csc_array, wanted: Floats, free: Booleans) -> Floats | Conflict:
    """Return weights ``(K,)`` that cancel ``wanted`` in every equation that is not ``free``.

    The equations are ``sum_k weight[k] * by_equation[k, e] == -wanted[e]``, ``by_equation`` ``(K, E)``. Only
    what the wanted equations reach takes part; the other weights are zero. Unknowns that an equation
    ties are merged first. Then an equation with one unknown left gives it; when there is none, the next
    unknown becomes a parameter. Equations whose unknowns are all known restrict the parameters,
    which are found at the end by least squares (minimum norm); a parameter that nothing restricts
    takes the value that makes most weights zero. Time is linear in the number of entries reached.

    A :class:`Conflict` is in terms of the merged system; :func:`conflict` finds the one of the source.
    """
    small = contracted(by_equation, wanted, free)
    weights = _propagated(_System.of(small.matrix, small.wanted, np.bincount(small.group)))
    if isinstance(weights, Conflict):
        return Conflict(int(small.equation[weights.equation]), (), ())
    merged = np.zeros(small.matrix.shape[0])
    merged[list(weights)] = list(weights.values())
    return np.asarray(merged[small.group])


def conflict(by_equation: sparse.csc_array, wanted: Floats, free: Booleans) -> Conflict | None:
    """Return the cycle by which the equations of :func:`solve` contradict each other, None when it finds none."""
    held = np.flatnonzero(~free)
    system = _System.of(sparse.csr_array(by_equation[:, held]), wanted[held], np.ones(by_equation.shape[0], np.int64))
    found = _propagated(system)
    if not isinstance(found, Conflict):
        return None
    return Conflict(int(held[found.equation]), found.unknowns, tuple(int(held[e]) for e in found.through))


def _propagated(system: _System) -> dict[int, float] | Conflict:
    state = _reach(system)
    if isinstance(state, Conflict):
        return state
    state.ready.extend(e for e, count in state.left.items() if count == 1)
    restrictions: list[Restriction] = []
    position = 0
    while True:
        while state.ready:
            equation = state.ready.popleft()
            restriction = _settle(system, state, equation)
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
    return _weights(state, _unrestricted(system, state, parameters))


def _reach(system: _System) -> _State | Conflict:
    left: dict[int, int] = {}
    order: list[int] = []
    seen: set[int] = set()
    queue = [e for e, value in enumerate(system.wanted) if value != 0]
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
                if other not in left:
                    left[other] = len(system.unknowns_of[other])
                    queue.append(other)
    return _State(left, order)


def _settle(system: _System, state: _State, equation: int) -> tuple[float, dict[int, float]] | Conflict | None:
    """Give the last unknown of an equation its value, or return what the equation says about parameters."""
    total = system.wanted[equation]
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


def _fix(system: _System, state: _State, k: int, constant: float, slope: dict[int, float], cause: int) -> None:
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
        largest = np.abs(solution).max()
        solution[np.abs(solution) <= DUST * largest] = 0.0
        miss = np.abs(matrix @ solution - right)
        scale = np.abs(right) + np.abs(matrix).max(axis=1) * largest
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


def _unrestricted(system: _System, state: _State, restricted: dict[int, float]) -> list[float]:
    """Give every parameter a value; what no equation restricts makes as many weights zero as it can."""
    zeros: list[Counter[float]] = [Counter() for _ in range(state.parameters)]
    exact: dict[tuple[int, float], float] = {}
    for k, slopes in state.slope.items():
        if len(slopes) == 1:
            ((p, slope),) = slopes.items()
            value = -state.constant[k] / slope
            zeros[p][round(value, 9)] += system.members[k]
            exact.setdefault((p, round(value, 9)), value)
    values = []
    for p, counts in enumerate(zeros):
        best = max(counts, key=lambda value: (counts[value], -abs(value)), default=None)
        values.append(restricted.get(p, 0.0 if best is None else exact[p, best]))
    return values


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


def _conflict(system: _System, state: _State, equation: int) -> Conflict:
    """Return the unknowns that lead from one side of a contradicted equation to the other."""
    chains = [_chain(system, state, k) for k, _ in system.unknowns_of[equation]]
    # What all chains share behind their meeting point does not belong to the cycle.
    while min(map(len, chains)) > 1 < len(chains) and len({tuple(chain[-2:]) for chain in chains}) == 1:
        chains = [chain[:-1] for chain in chains]
    unknowns = dict.fromkeys(k for chain in chains for k, _ in chain)
    through = dict.fromkeys(e for chain in chains for _, e in chain if e >= 0)
    return Conflict(equation, tuple(unknowns), tuple(through))


def _chain(system: _System, state: _State, k: int) -> list[tuple[int, int]]:
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
