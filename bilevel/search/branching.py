"""Branch and bound on complementarities: exact, without a big-M anywhere."""

from __future__ import annotations

import heapq
import time
from dataclasses import replace

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.methods import Branching
from bilevel.search.forecast import Forecast
from bilevel.search.incumbents import Incumbents
from bilevel.search.nodes import OPEN, SLACK_ZERO, Node, NodeProgram, Relaxed
from bilevel.search.seeking import Seeker
from bilevel.solvers.answer import Answer, Limits
from bilevel.solvers.highs import HighsOptions, MipProgress
from reformulations.branching_candidates import Candidates, candidates
from reformulations.decision_count import DecisionCount
from reformulations.programs import Floats
from reformulations.pseudo_costs import PseudoCosts, scores

REPORT_SECONDS = 0.5
DIVE = 0.25
"""A dive goes on while its node's bound lies in this part, from below, of what is left of the gap."""

EARLY_TANGENTS = 3
"""Most rounds of tangents at a node whose point is not complementary."""

FEW_BITS = 12
"""With no more of the leader's decisions left, 4096, they are enumerated: each is settled by one response."""

ROUNDS = 300
"""Most rounds of tangents and of decisions that follow from trials, at one node."""

EARLY = 8
"""Up to this depth the followers respond at every node."""


def branch_and_bound(image: Image, limits: Limits, start: Floats | None = None) -> Answer:
    """Solve the game by branching on its complementarities and integers; ``start`` is a point to begin with.

    A node fixes the slack of some pairs to zero and the multiplier of others; its linear program has
    the rows of both levels and the stationarity conditions. It is closed by its bound, by infeasibility
    that is proved, or as a leaf, never by a failure of the solver: then it is split further, and a
    leaf that fails leaves the bound open. Incumbents are the best points of whole patterns: of
    complementary nodes, and of the followers' responses at the leader's decision of a node (Bard & Moore,
    SIAM J. Sci. Stat. Comput. 11(2), 1990). A quadratic objective is bounded below by tangents.
    """
    search = _Search(image, limits)
    if start is not None:
        search.begin_with(start)
    try:
        search.run()
        search.tell()
    except KeyboardInterrupt:
        search.stopped = "interrupted"
    return search.answer()


class _Search:
    """The open nodes, and everything learned from the closed ones."""

    def __init__(self, image: Image, limits: Limits) -> None:
        self._began = self._reported = time.perf_counter()
        self._image, self._limits = image, limits
        self._options = image.method if isinstance(image.method, Branching) else Branching()
        self._pairs = image.mpec.complementarity
        # HiGHS adds up the time of all solves of an instance, which stays below the time of the search
        options = HighsOptions(threads=limits.threads, time_limit=limits.time_limit, presolve=False, duals=False)
        self._program = NodeProgram(image, options)
        self.incumbents = Incumbents(image, self._program, limits)
        self._costs = PseudoCosts.none(len(self._pairs) + len(self._program.integers))
        self._open: list[tuple[float, int, Node]] = []
        self._pushed = self._nodes = 0
        self._closed_at = np.inf
        self._current = self._program.root()
        self._settling = self.incumbents.gap.settles and self._program.are_integer(self.incumbents.gap.linking)
        root = self._current
        self._count = DecisionCount.of(image.mpec.rows, self._program.integers, root.lower, root.upper)
        self._forecast, self._is_hopeless = Forecast(), False
        self._seeker = Seeker(image, limits)
        self._seeker.is_over |= self._few_decisions(root)
        self.stopped = ""

    def begin_with(self, start: Floats) -> None:
        """Take the best point of the pattern of ``start``."""
        self.incumbents.offer(start[self._pairs.multiplier] > self._pairs.slacks(start), start)

    def run(self) -> None:
        """Take node after node: the preferred child while the dive promises, else the one of the least bound."""
        node: Node | None = self._current
        while node is not None and not self.incumbents.is_unbounded:
            self._current = node
            self._report()
            self._look_around()
            self.stopped = self._limit_reached()
            if self.stopped:
                return
            parts = self._parts(node)
            for other in parts[1:]:
                self._push(other)
            if parts and self._promises(parts[0]):
                node = parts[0]
                continue
            for first in parts[:1]:
                self._push(first)
            node = self._pop()
        self._current = replace(self._current, bound=np.inf)

    def answer(self) -> Answer:
        """Return the best point with the proven bound."""
        seconds, best = time.perf_counter() - self._began, self.incumbents.best
        if self.incumbents.is_unbounded:
            return Answer("unbounded", None, np.inf, -np.inf, self._nodes, seconds)
        bound = self._lower_bound()
        status = self.stopped or "limit"
        if self.incumbents.point is None:
            status = "infeasible" if bound == np.inf else status
        elif best - bound <= self._limits.gap * max(1.0, abs(best)):
            status = "optimal"
        return Answer(status, self.incumbents.point, best, bound, self._nodes, seconds)

    def _lower_bound(self) -> float:
        least = self._open[0][0] if self._open else np.inf
        return min(self._closed_at, self.incumbents.best, self._current.bound, least)

    def _limit_reached(self) -> str:
        limit, nodes = self._limits.time_limit, self._options.node_limit
        if self._limits.stopped():
            return "interrupted"
        # without its root a search has no bound to show for the time it took
        if limit is not None and self._nodes and time.perf_counter() - self._began > limit:
            return "time_limit"
        if nodes is not None and self._nodes >= nodes:
            return "limit"
        return "limit" if self._is_hopeless else ""

    def _look_around(self) -> None:
        """Look for good points now and then, and record how the bound rises; give up where that is too slow."""
        self._take(self._seeker.step(self._nodes, self.incumbents.point))
        if not self._forecast.is_due(self._nodes):
            return
        self._forecast = self._forecast.recorded(self._lower_bound())
        if self._forecasts_too_many():
            left = self._limits.after(time.perf_counter() - self._began).time_limit
            self._take(self._seeker.thorough(left, self.incumbents.point))
            self._is_hopeless = self._forecasts_too_many()

    def _forecasts_too_many(self) -> bool:
        most = self._options.forecast_limit
        return most is not None and self._forecast.exceeds(most, self.incumbents.best)

    def _take(self, point: Floats | None) -> None:
        if point is not None:
            self.begin_with(point)

    def _report(self) -> None:
        if time.perf_counter() - self._reported >= REPORT_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Tell where the search stands to whoever wants to know."""
        now, best = time.perf_counter(), self.incumbents.best
        self._reported = now
        if self._limits.progress is None:
            return
        bound = self._lower_bound()
        gap = (best - bound) / max(1.0, abs(best)) if np.isfinite(best) else np.inf
        self._limits.progress(MipProgress(best, bound, gap, self._nodes, now - self._began))

    def _promises(self, node: Node) -> bool:
        best = self.incumbents.best
        if not self._open or not np.isfinite(best):
            return True
        least = self._open[0][0]
        return node.bound <= least + DIVE * (best - least)

    def _push(self, node: Node) -> None:
        self._pushed += 1
        heapq.heappush(self._open, (node.bound, -self._pushed, node))

    def _pop(self) -> Node | None:
        if not self._open:
            return None
        _, _, node = heapq.heappop(self._open)
        return node

    def _close(self, bound: float) -> list[Node]:
        """Close a node at its bound: what the bound of the whole search cannot rise above."""
        self._closed_at = min(self._closed_at, bound)
        return []

    def _parts(self, node: Node) -> list[Node]:
        """Return the nodes into which a node is split, the preferred one first; none where it is closed."""
        for rounds in range(ROUNDS):
            if node.bound >= self.incumbents.cutoff:
                break
            self._nodes += 1
            relaxed = self._program.solve(node)
            if rounds == 0:
                self._learn(node, relaxed)
            if relaxed.status == "infeasible":
                return []
            node = replace(node, bound=max(node.bound, relaxed.bound), basis=self._program.basis())
            outcome = self._without_point(node, relaxed) if relaxed.point is None else self._at(node, relaxed, rounds)
            if not isinstance(outcome, Node):
                return outcome
            node = outcome
        return self._close(node.bound)

    def _at(self, node: Node, relaxed: Relaxed, rounds: int) -> list[Node] | Node:
        """Look at the point of a node's program; return the parts of the node, or the node to be solved again."""
        point = np.asarray(relaxed.point)
        found = self._candidates(node, point)
        if relaxed.status == "optimal" and node.bound < self.incumbents.cutoff:
            settled = self._look_for_incumbents(node, point, found)
            if settled is not None:
                return self._close(max(node.bound, settled))
            if self._sharpened(relaxed, found, rounds):
                return node
        if node.bound >= self.incumbents.cutoff:
            return self._close(node.bound)
        if not len(found.index) or (relaxed.status == "unbounded" and not np.any(node.decisions == OPEN)):
            return self._leaf(node, relaxed)
        parts = self._split(node, relaxed, found)
        return parts[0] if len(parts) == 1 else parts

    def _candidates(self, node: Node, point: Floats) -> Candidates:
        undecided, values = node.decisions == OPEN, point[self._program.integers]
        if self._few_decisions(node):
            undecided = np.zeros(len(undecided), bool)
        return candidates(self._pairs, point, undecided, values, (node.lower, node.upper))

    def _few_decisions(self, node: Node) -> bool:
        """Tell whether so few decisions of the leader are left that each is looked at, rather than the pairs."""
        undecided = self._settling and bool(np.any(node.lower < node.upper))
        return undecided and self._count.bits(node.lower, node.upper) <= FEW_BITS

    def _learn(self, node: Node, relaxed: Relaxed) -> None:
        step, best = node.step, self.incumbents.best
        if step is None or relaxed.status in ("unbounded", "failed") or not np.isfinite(node.bound):
            return
        most = best - node.bound if np.isfinite(best) else max(1.0, abs(node.bound))
        gain = min(max(relaxed.bound - node.bound, 0.0), most)
        self._costs = self._costs.learned(step.candidate, step.side, gain, step.amount)

    def _look_for_incumbents(self, node: Node, point: Floats, found: Candidates) -> float | None:
        """Try the patterns that a node's point suggests; return the bound of a node that its response settles."""
        due = node.depth < EARLY or self._nodes % self._options.responses == 0
        if found.fractional:
            if due:
                whole = np.clip(np.round(point[self._program.integers]), node.lower, node.upper)
                guess = self._program.solve(replace(node, lower=whole, upper=whole))
                if guess.status == "optimal" and guess.point is not None:
                    self.incumbents.respond(guess.point)
            return None
        if found.solved:
            active = point[self._pairs.multiplier] > self._pairs.slacks(point)
            self.incumbents.offer(np.where(node.decisions == OPEN, active, node.decisions == SLACK_ZERO), point)
        settled = self._settling and bool(np.all(node.lower == node.upper))
        bound = self.incumbents.respond(point) if settled or due else None
        return bound if settled else None

    def _sharpened(self, relaxed: Relaxed, found: Candidates, rounds: int) -> bool:
        """Add tangents where the squares' heights are too low: at solved points up to the gap, else the worst."""
        if relaxed.point is None or relaxed.heights is None or not (found.solved or rounds < EARLY_TANGENTS):
            return False
        error = max(0.02 * self._limits.gap, 1e-7) if found.solved else 1e-3
        return self._program.add_tangents(relaxed.point, relaxed.heights, error * max(1.0, abs(relaxed.bound)))

    def _without_point(self, node: Node, relaxed: Relaxed) -> list[Node]:
        """Split a node of whose program nothing is known, or leave its bound open."""
        undecided = np.flatnonzero(node.decisions == OPEN)
        if len(undecided):
            return [self._program.child(node, int(undecided[0]), side, 0.0) for side in (0, 1)]
        return self._leaf(node, relaxed) if relaxed.status == "unbounded" else self._close(node.bound)

    def _leaf(self, node: Node, relaxed: Relaxed) -> list[Node]:
        """Close a node where nothing is left to decide, or where nothing but integers is and it is unbounded."""
        point = relaxed.point
        if relaxed.status == "unbounded":
            point = self._program.integer_point(node)
            if point is None:
                return []
            if not len(self._program.parts):
                self.incumbents.is_unbounded = True
                return []
        if point is not None:
            self.incumbents.offer(node.decisions == SLACK_ZERO, point)
        return self._close(node.bound)

    def _split(self, node: Node, relaxed: Relaxed, found: Candidates) -> list[Node]:
        """Choose what to branch on; return the children, or one node where trials decided something, or none.

        The most promising candidates are tried by solving both children until their own record is
        reliable (Achterberg, Koch & Martin, Operations Research Letters 33(1), 2005).
        """
        smallest = 1e-6 * max(1.0, abs(node.bound)) if np.isfinite(node.bound) else 1.0
        gains = np.maximum(self._costs.expected(found.index, found.amounts), smallest)
        order = np.argsort(-scores(gains), kind="stable")
        bounds = np.full((len(gains), 2), node.bound)
        if relaxed.status == "unbounded":
            order = np.argsort(-found.amounts.min(axis=1) - 1e-6 * found.amounts.sum(axis=1), kind="stable")
            return self._children(node, found, int(order[0]), bounds)
        tried = order[: self._options.candidates]
        for k in tried[~self._costs.are_reliable(found.index[tried], self._options.trials)].tolist():
            bounds[k] = self._trial(node, found, k)
            closed = bounds[k] >= self.incumbents.cutoff
            if closed.any():
                self._closed_at = min(self._closed_at, bounds[k][closed].min())
                return [child for side, child in enumerate(self._pair(node, found, k, bounds)) if not closed[side]]
            gains[k] = np.maximum(bounds[k] - node.bound, smallest)
        return self._children(node, found, int(tried[np.argmax(scores(gains[tried]))]), bounds)

    def _trial(self, node: Node, found: Candidates, k: int) -> Floats:
        """Return the bounds of both children of a candidate, by their linear programs."""
        bounds = np.full(2, node.bound)
        for side, child in enumerate(self._pair(node, found, k, np.array([bounds] * (k + 1)))):
            relaxed = self._program.solve(child)
            self._learn(child, relaxed)
            bounds[side] = max(node.bound, relaxed.bound)
        return bounds

    def _pair(self, node: Node, found: Candidates, k: int, bounds: Floats) -> list[Node]:
        candidate, value = int(found.index[k]), float(found.values[k])
        children = (self._program.child(node, candidate, side, value, float(found.amounts[k, side])) for side in (0, 1))
        return [
            child if bound == node.bound else replace(child, bound=bound)
            for child, bound in zip(children, bounds[k].tolist(), strict=True)
        ]

    def _children(self, node: Node, found: Candidates, k: int, bounds: Floats) -> list[Node]:
        """Return both children, first the one that moves the point less."""
        first, second = self._pair(node, found, k, bounds)
        return [first, second] if found.amounts[k, 0] < found.amounts[k, 1] else [second, first]
