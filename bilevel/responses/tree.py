"""Branch and cut over the high-point relaxation with intersection cuts from followers' responses."""

from __future__ import annotations

import heapq
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from bilevel.errors import SolverFailure
from bilevel.methods import ValueFunction
from bilevel.responses.answer import ResponseAnswer
from bilevel.responses.follower_answers import FollowerAnswers, Visit
from bilevel.responses.record import ResponseRecord
from bilevel.solvers.highs import HighsOptions
from bilevel.solvers.interrupts import Interrupted
from bilevel.solvers.outcome import Outcome
from bilevel.solvers.vertex_highs import VertexHighs
from reformulations.programs import Floats, Integers, Names, Rows
from reformulations.stored_responses.high_point import HighPoint
from reformulations.stored_responses.integer_responses import block_of, objective_step
from reformulations.stored_responses.intersection_cuts import Vertex, free_set, intersection_cut
from reformulations.stored_responses.response_master import linear_row, without_needless_integers

_WHOLE = 1e-6
_SHARE = 0.5
_CUTS_A_NODE = 20
_MOST_CUTS = 2000
_REPORT_NODES = 100


@dataclass(frozen=True, slots=True, order=True)
class _Node:
    """Bounds of the columns and cuts of a subproblem, its bound from the parent, and the branching that made it."""

    bound: float
    number: int
    lower: Floats = field(compare=False)
    upper: Floats = field(compare=False)
    cuts: tuple[int, ...] = field(compare=False)
    branched: tuple[int, int, float] | None = field(compare=False)


class Tree:
    """Nodes are linear programs; a vertex with integer columns that is not bilevel feasible is cut off.

    The cut is an intersection cut of the set in which a better response of the follower can be played
    (:func:`reformulations.stored_responses.intersection_cuts.free_set`), valid in the node and below. Each new leader
    decision is answered by the followers, which gives incumbents; where its linking columns are fixed, nothing is left
    to search. No big-M anywhere. Needs integer, bounded linking columns; ends with the optimum.
    """

    def __init__(self, source: HighPoint, relaxation: HighPoint, method: ValueFunction, record: ResponseRecord) -> None:
        program = relaxation.program
        self._relaxation, self._method, self._record = relaxation, method, record
        options = HighsOptions(threads=record.limits.threads, gap=1e-9)
        self._answers = FollowerAnswers(source, options, record.deadline)
        continuous = replace(program.columns, integer=np.zeros(len(program.columns), bool))
        # a basis is asked for after each solve, and presolve may leave none
        self._solver = VertexHighs(replace(program, columns=continuous), replace(options, presolve=False))
        self._integers = np.flatnonzero(without_needless_integers(relaxation).integer)
        self._everywhere = set[int]()
        self._linking = np.flatnonzero(relaxation.linking)
        self._matrix = program.rows.matrix.toarray()
        self._row_lower, self._row_upper = program.rows.lower.copy(), program.rows.upper.copy()
        self._first_cut, self._active = len(program.rows), set[int]()
        self._sides: list[float] = []
        self._visits: dict[tuple[float, ...], Visit] = {}
        self._step = objective_step(relaxation)
        self._gain = np.zeros((2, len(program.columns)))
        self._tries = np.zeros((2, len(program.columns)))
        self._heap: list[_Node] = []
        self._dive: list[_Node] = []
        self._count, self._nodes = 0, 0

    def run(self) -> ResponseAnswer:
        """Search until no node is left, or a limit is reached."""
        columns, status = self._relaxation.program.columns, "optimal"
        self._push(self._dive, -np.inf, columns.lower, columns.upper, (), None)
        while self._dive or self._heap:
            if self._record.deadline.passed():
                status = self._record.stopped()
                break
            if self._method.max_iterations is not None and self._nodes >= self._method.max_iterations:
                status = "limit"
                break
            node = self._dive.pop() if self._dive else heapq.heappop(self._heap)
            if node.bound < self._cutoff():
                self._nodes += 1
                with suppress(Interrupted):
                    self._process(node)
                if self._record.deadline.passed():
                    heapq.heappush(self._heap, node)  # what may have been cut short counts as open
            if self._nodes % _REPORT_NODES == 0:
                self._record.tell(self._bound(), self._nodes)
        self._record.tell(self._bound(), self._nodes)
        bound = self._bound()
        if status == "optimal" and self._record.best is None:
            status, bound = "infeasible", np.inf
        elif self._step < self._slack():
            bound = min(bound, self._record.upper - self._slack())
        said = (
            f"responses of integer followers: branch and cut, {self._nodes} nodes, {len(self._sides)} cuts, "
            f"{len(self._visits)} leader decisions answered; HiGHS"
        )
        return ResponseAnswer(status, self._record.best, self._record.upper, bound, said)

    def begin(self, point: Floats) -> bool:
        """Let the followers respond to the decision of ``point``; tell whether that gave a point of the game."""
        with suppress(Interrupted, SolverFailure):
            self._visit(point)
        return self._record.best is not None

    def _process(self, node: _Node) -> None:
        """Solve a node, cut as long as that helps, then branch where something is left."""
        self._install(node)
        cuts = list(node.cuts)
        for attempt in range(_CUTS_A_NODE + 1):
            outcome = self._solve()
            self._record.refuse_unbounded(outcome)
            if outcome.point is None or outcome.objective is None:
                return
            point, bound = outcome.point, outcome.objective
            if attempt == 0 and node.branched is not None and np.isfinite(node.bound):
                self._learn(node.branched, bound - node.bound)
            if bound >= self._cutoff():
                return
            fractions = np.abs(point[self._integers] - np.round(point[self._integers]))
            if fractions.max(initial=0.0) > _WHOLE:
                self._branch(node, self._integers[fractions > _WHOLE], point, bound, tuple(cuts))
                return
            visit = self._visit(point)
            beaten = [k for k, column in enumerate(self._relaxation.value) if visit.beaten(k, float(point[column]))]
            if bound >= self._cutoff() or bool(np.all((node.lower == node.upper)[self._linking])):
                return
            # a point that no follower beats by more than a tie, and that the leader was not given, is only split off
            cut = self._cut(node, visit, beaten[0], point) if beaten and attempt < _CUTS_A_NODE else None
            if cut is None:
                self._split(node, point, bound, tuple(cuts))
                return
            cuts.append(cut)

    def _visit(self, point: Floats) -> Visit:
        """Answer the leader decision of a point once."""
        key = tuple(np.round(point[self._linking]).tolist())
        if key not in self._visits:
            visit = self._answers.visit(point)
            self._visits[key] = visit
            self._record.take(visit)
        return self._visits[key]

    def _cut(self, node: _Node, visit: Visit, follower: int, point: Floats) -> int | None:
        """Add an intersection cut that a response gives; None where none of them cuts."""
        if len(self._sides) >= _MOST_CUTS:
            return None
        columns, rows = self._solver.basis()
        vertex = Vertex(point, self._matrix, node.lower, node.upper, self._row_lower, self._row_upper, columns, rows)
        reached = float(point[self._relaxation.value[follower]])
        robust = self._answers.robust(self._relaxation, visit, follower, (_SHARE,), reached)
        for response in [*robust, visit.responses[follower]]:
            block = block_of(self._relaxation, self._answers.rule(visit, follower, response), 0.0)
            row = None if block is None else linear_row(self._relaxation, block)
            if row is not None and row[1] - row[0] @ point > _WHOLE:
                number = self._append(*row)
                self._everywhere.add(number)
                return number
            found = None if block is None else intersection_cut(vertex, *free_set(self._relaxation, block))
            if found is not None:
                return self._append(*found)
        return None

    def _append(self, cut: Floats, side: float) -> int:
        names = Names.of([f"cut {len(self._sides) + 1}"])
        self._solver.add_rows(Rows(sparse.csr_array(cut[None, :]), np.array([side]), np.array([np.inf]), names))
        self._matrix = np.vstack([self._matrix, cut])
        self._row_lower, self._row_upper = np.append(self._row_lower, side), np.append(self._row_upper, np.inf)
        self._sides.append(side)
        self._active.add(len(self._sides) - 1)
        return len(self._sides) - 1

    def _install(self, node: _Node) -> None:
        """Put a node's bounds into the linear program and switch its cuts on, all others off."""
        self._solver.change_column_bounds(np.arange(len(node.lower)), node.lower, node.upper)
        wanted = set(node.cuts) | self._everywhere
        changed = np.array(sorted(wanted ^ self._active), np.int64)
        if len(changed):
            sides = np.array([self._sides[cut] if cut in wanted else -np.inf for cut in changed.tolist()])
            self._solver.change_row_bounds(self._first_cut + changed, sides, np.full(len(changed), np.inf))
        self._active = wanted

    def _solve(self) -> Outcome:
        outcome = self._solver.attempt()
        return self._solver.solve() if outcome is None else outcome

    def _branch(self, node: _Node, fractional: Integers, point: Floats, bound: float, cuts: tuple[int, ...]) -> None:
        """Split at the fractional column with the best record, linking ones first; dive to the nearer side."""
        linking = fractional[np.isin(fractional, self._linking)]
        candidates = linking if len(linking) else fractional
        below = point[candidates] - np.floor(point[candidates])
        mean = self._gain.sum(axis=1) / np.maximum(self._tries.sum(axis=1), 1.0)
        known = self._tries[:, candidates] > 0
        record = np.where(known, self._gain[:, candidates] / np.maximum(self._tries[:, candidates], 1.0), mean[:, None])
        score = np.maximum(record[0] * below, _WHOLE) * np.maximum(record[1] * (1 - below), _WHOLE)
        best = int(np.argmax(score + 1e-9 * np.minimum(below, 1 - below)))
        column, part = int(candidates[best]), float(below[best])
        lower, upper = node.lower.copy(), node.upper.copy()
        upper[column], lower[column] = np.floor(point[column]), np.ceil(point[column])
        down = (bound, node.lower, upper, cuts, (column, 0, part))
        up = (bound, lower, node.upper, cuts, (column, 1, 1 - part))
        near, far = (down, up) if part < 0.5 else (up, down)  # noqa: PLR2004 - the nearer side
        self._push(self._heap, *far)
        self._push(self._dive, *near)

    def _split(self, node: _Node, point: Floats, bound: float, cuts: tuple[int, ...]) -> None:
        """Split at a linking column that is not fixed into below, at and above its value."""
        free = self._linking[node.lower[self._linking] < node.upper[self._linking]]
        column = int(free[np.argmax((node.upper - node.lower)[free])])
        value = float(np.round(point[column]))
        for low, high in ((node.lower[column], value - 1), (value, value), (value + 1, node.upper[column])):
            if low <= high:
                lower, upper = node.lower.copy(), node.upper.copy()
                lower[column], upper[column] = low, high
                self._push(self._heap, bound, lower, upper, cuts, None)

    def _push(
        self,
        where: list[_Node],
        bound: float,
        lower: Floats,
        upper: Floats,
        cuts: tuple[int, ...],
        branched: tuple[int, int, float] | None,
    ) -> None:
        self._count += 1
        node = _Node(bound, self._count, lower, upper, cuts, branched)
        if where is self._heap:
            heapq.heappush(where, node)
        else:
            where.append(node)

    def _learn(self, branched: tuple[int, int, float], gained: float) -> None:
        column, direction, part = branched
        self._gain[direction, column] += max(gained, 0.0) / max(part, _WHOLE)
        self._tries[direction, column] += 1

    def _slack(self) -> float:
        """Return how far below the incumbent a node may be dropped."""
        return 0.5 * self._record.room if np.isfinite(self._record.upper) else 0.0

    def _cutoff(self) -> float:
        """Return the bound from which on a node cannot hold anything better; objectives may be multiples of a step."""
        return self._record.upper - max(self._slack(), self._step * (1 - _WHOLE))

    def _bound(self) -> float:
        left = [node.bound for node in self._dive] + [node.bound for node in self._heap]
        return min(self._record.upper, *left) if left else self._record.upper
