"""Nodes of a branch and bound on complementarities, and the one linear program they all share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bilevel.compiler.pipeline import Image
from bilevel.errors import SolverFailure
from bilevel.solvers.highs import HighsOptions, PersistentHighs, WarmBasis
from bilevel.solvers.outcome import Outcome
from reformulations.farkas import Farkas
from reformulations.pair_rows import excluded_opposites, forced
from reformulations.programs import Columns, Complementarity, Floats, Integers, MixedIntegerProgram, Product, Rows
from reformulations.tangents import epigraph, tangents

OPEN, SLACK_ZERO, MULTIPLIER_ZERO = 0, 1, 2
"""What a node has decided of a pair."""

GUIDING_BOX = 1e4
"""Where a node's program is unbounded, this box gives the point that guides branching; never a bound."""

CROSSING = 1e-9
"""Bounds of a column that cross by less, relatively, are one point."""

Decisions = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Step:
    """The branching that made a node: the ``side`` of a ``candidate``, and the ``amount`` it was to move."""

    candidate: int
    side: int
    amount: float


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the search space: ``decisions`` ``(p,)`` of the pairs, bounds ``(q,)`` of the integer columns.

    ``bound`` is proven for all its points; ``depth`` counts the branchings that led to it. The linear program of a node
    that others were solved before begins at ``basis``.
    """

    bound: float
    depth: int
    decisions: Decisions
    lower: Floats
    upper: Floats
    step: Step | None = None
    basis: WarmBasis | None = None


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The linear program of a node: a ``point`` ``(N,)`` over the MPEC's columns and the ``heights`` of the squares.

    An unbounded program has a point of its restriction to a box, where that has one.
    """

    status: Literal["optimal", "infeasible", "unbounded", "failed"]
    bound: float
    point: Floats | None = None
    heights: Floats | None = None


class NodeProgram:
    """The optimality system without complementarities, kept warm in HiGHS while nodes come and go.

    Between nodes only bounds of columns and sides of rows change, so the last basis stays dual
    feasible. Rows are only added: the tangents of a quadratic objective, valid at every node.
    """

    def __init__(self, image: Image, options: HighsOptions) -> None:
        self._pairs, self._size = image.mpec.complementarity, len(image.mpec.columns)
        self._options = options
        self.integers: Integers = np.flatnonzero(image.program.columns.integer)
        program, self.parts = epigraph(_continuous(image.linear_program))
        self._solver = PersistentHighs(program, options)
        self._rows, self._farkas = program.rows, Farkas.of(program.rows.matrix)
        self._columns = len(program.columns)
        self._base = np.concatenate([program.columns.lower, program.columns.upper, program.rows.upper])
        self._now = self._base.copy()
        self._standing: WarmBasis | None = None
        self._zero_at = self._columns + self._pairs.multiplier
        self._active_at, self._active_side = _active_sides(self._pairs, self._columns)
        self._excluded = excluded_opposites(image.mpec)
        self.always_active, self._never_active = forced(image.mpec, image.bounds)

    def root(self) -> Node:
        """Return the node of the whole game: pairs are decided where their bounds say so."""
        decisions = np.zeros(len(self._pairs), np.int8)
        decisions[self._pairs.equality | self.always_active] = SLACK_ZERO
        decisions[self._never_active] = MULTIPLIER_ZERO
        lower, upper = self._base[self.integers], self._base[self._columns + self.integers]
        return Node(-np.inf, 0, decisions, lower, upper)

    def child(self, node: Node, candidate: int, side: int, value: float, amount: float | None = None) -> Node:
        """Return one of the two parts into which a candidate splits a node; its step, where the ``amount`` is known.

        Candidates below ``p`` are pairs: side 0 has the slack at zero (and the multiplier of the opposite
        bound with it), side 1 the multiplier. The others are integer columns at ``value``: rounded down
        and less, or more.
        """
        p = len(self._pairs)
        decisions, lower, upper = node.decisions, node.lower, node.upper
        if candidate >= p:
            lower, upper = lower.copy(), upper.copy()
            if side == 0:
                upper[candidate - p] = np.floor(value)
            else:
                lower[candidate - p] = np.floor(value) + 1
        else:
            decisions = decisions.copy()
            decisions[candidate] = MULTIPLIER_ZERO if side else SLACK_ZERO
            other = int(self._excluded[candidate])
            if side == 0 and other >= 0:
                decisions[other] = MULTIPLIER_ZERO
        step = None if amount is None else Step(candidate, side, amount)
        return Node(node.bound, node.depth + 1, decisions, lower, upper, step, node.basis)

    def solve(self, node: Node) -> Relaxed:
        """Solve the linear program of a node; its infeasibility is believed only with a proof or a second answer."""
        if not self._move(node):
            return Relaxed("infeasible", np.inf)
        if node.basis is not None and node.basis is not self._standing:
            self._solver.begin_at(node.basis)
        self._standing = None
        outcome = self._solver.attempt(self._options.time_limit, presolve=False)
        if outcome is not None and outcome.status == "infeasible" and not self._is_proved():
            outcome = None
        if outcome is None:
            outcome = self._again()
        if outcome is None or outcome.status not in ("optimal", "infeasible", "unbounded"):
            return Relaxed("failed", -np.inf)
        if outcome.status == "infeasible":
            return Relaxed("infeasible", np.inf)
        bound = -np.inf
        if outcome.status == "optimal":
            bound = outcome.bound
        else:
            outcome = self._boxed()
        if outcome is None or outcome.point is None:
            return Relaxed("unbounded" if bound == -np.inf else "failed", bound)
        status: Literal["optimal", "unbounded"] = "unbounded" if bound == -np.inf else "optimal"
        return Relaxed(status, bound, outcome.point[: self._size], outcome.point[self._size :])

    def basis(self) -> WarmBasis:
        """Return the basis at which the program of the last node ended, for its parts to begin at."""
        self._standing = self._solver.warm_basis()
        return self._standing

    def add_tangents(self, point: Floats, heights: Floats, error: float) -> bool:
        """Cut off heights that are more than ``error`` below their squares; tell whether there were any."""
        if not len(self.parts):
            return False
        roots = self.parts.roots(point)
        chosen = np.flatnonzero(self.parts.weight * roots**2 - heights > error)
        if len(chosen):
            rows = tangents(self.parts, roots)
            picked = Rows(
                sparse.csr_array(rows.matrix[chosen]), rows.lower[chosen], rows.upper[chosen], rows.names.take(chosen)
            )
            self._solver.add_rows(picked)
            self._rows = self._rows.append(picked)
            self._farkas = Farkas.of(self._rows.matrix)
        return bool(len(chosen))

    def integer_point(self, node: Node) -> Floats | None:
        """Return any point of a node with its integer columns integer, None where it has none."""
        self._move(node)
        current = self._solver.current()
        columns = replace(current.columns, integer=np.isin(np.arange(len(current.columns)), self.integers))
        program = replace(current, columns=columns, cost=np.zeros(len(columns)), products=Product.none())
        outcome = PersistentHighs(program, self._options).solve()
        return None if outcome.point is None else outcome.point[: self._size]

    def are_integer(self, columns: Integers) -> bool:
        """Tell whether all of the columns are integer or fixed in the whole game."""
        fixed = self._base[columns] == self._base[self._columns + columns]
        return bool(np.all(np.isin(columns, self.integers) | fixed))

    def _move(self, node: Node) -> bool:
        """Give HiGHS the bounds and sides of the node; False where the bounds of a column contradict each other."""
        n, values = self._columns, self._base.copy()
        active = node.decisions == SLACK_ZERO
        values[self._active_at[active]] = self._active_side[active]
        values[self._zero_at[node.decisions == MULTIPLIER_ZERO]] = 0.0
        values[self.integers], values[n + self.integers] = node.lower, node.upper
        changed = values != self._now
        columns = (changed[:n] | changed[n : 2 * n]).nonzero()[0]
        lower, upper = values[columns], values[n + columns]
        crossing = lower > upper
        if crossing.any():
            if np.any(lower[crossing] - upper[crossing] > CROSSING * (1 + np.abs(lower[crossing]))):
                return False
            upper[crossing] = lower[crossing]
        if len(columns):
            self._solver.change_column_bounds(columns, lower, upper)
        rows = changed[2 * n :].nonzero()[0]
        if len(rows):
            self._solver.change_row_bounds(rows, self._rows.lower[rows], values[2 * n + rows])
        self._now = values
        return True

    def _bounds(self) -> tuple[Floats, Floats]:
        return self._now[: self._columns], self._now[self._columns : 2 * self._columns]

    def _is_proved(self) -> bool:
        ray = self._solver.infeasibility_ray()
        if ray is None or len(ray) != len(self._rows):
            return False
        row_upper = self._rows.upper.copy()
        sides = self._now[2 * self._columns :]
        row_upper[: len(sides)] = sides
        return self._farkas.proves(ray, (self._rows.lower, row_upper), self._bounds())

    def _again(self) -> Outcome | None:
        try:
            return self._solver.solve(time_limit=self._options.time_limit)
        except SolverFailure:
            return None

    def _boxed(self) -> Outcome | None:
        lower, upper = self._bounds()
        free = np.flatnonzero(np.isinf(lower) | np.isinf(upper))
        low, high = np.maximum(lower[free], -GUIDING_BOX), np.minimum(upper[free], GUIDING_BOX)
        high, low = np.maximum(low, high), np.minimum(low, high)
        self._solver.change_column_bounds(free, low, high)
        outcome = self._solver.attempt(self._options.time_limit, presolve=False)
        self._solver.change_column_bounds(free, lower[free], upper[free])
        return outcome


def _active_sides(pairs: Complementarity, n: int) -> tuple[Integers, Floats]:
    """Return where each pair's slack becomes zero, and by which value, in lower bounds, upper bounds, upper sides.

    The bound ``z >= l`` has ``z <= l`` for it, ``-z >= -u`` has ``z >= u``, a row its lower side as the upper one. An
    equality repeats what it has.
    """
    entry = np.minimum(pairs.slack.indptr[:-1], max(pairs.slack.nnz - 1, 0))
    column, sign = pairs.slack.indices[entry], pairs.slack.data[entry]
    single = pairs.row < 0
    position = np.where(single, np.where(sign > 0, n, 0) + column, 2 * n + pairs.row)
    return position, np.where(single, sign * pairs.offset, pairs.offset)


def _continuous(program: MixedIntegerProgram) -> MixedIntegerProgram:
    """Return the program with integer columns rounded inwards and continuous."""
    columns, whole = program.columns, program.columns.integer
    relaxed = Columns(
        np.where(whole, np.ceil(columns.lower - CROSSING), columns.lower),
        np.where(whole, np.floor(columns.upper + CROSSING), columns.upper),
        np.zeros(len(columns), bool),
        columns.names,
    )
    return replace(program, columns=relaxed)
