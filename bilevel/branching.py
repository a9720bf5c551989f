"""Branch and bound on complementarities: exact, without a big-M anywhere."""

from __future__ import annotations

import heapq
import time
from dataclasses import replace

import numpy as np

from bilevel.answer import Answer, Limits
from bilevel.highs import HighsOptions, MipProgress
from bilevel.incumbents import Incumbents
from bilevel.methods import Branching
from bilevel.nodes import OPEN, SLACK_ZERO, Node, NodeProgram, Relaxed, Step
from bilevel.pipeline import Image
from reformulations.branching_candidates import Candidates, candidates
from reformulations.programs import Floats
from reformulations.pseudo_costs import PseudoCosts, scores

REPORT_SECONDS = 0.5
DIVE = 0.25
"""A dive goes on while its node's bound lies in this part, from below, of what is left of the gap."""

ROUNDS = 300
"""Most rounds of tangents and of decisions that follow from trials, at one node."""

EARLY = 8
"""Up to this depth the followers respond at every node."""


def branch_and_bound(image: Image, limits: Limits, start: Floats | None = None) -> Answer:
    """Solve the game by branching on its complementarities and integers; ``start`` is a point of the MPEC to begin with.

    A node fixes the slack of some pairs to zero and the multiplier of others; its linear program has
    the rows of both levels and the stationarity conditions. It is closed by its bound, by infeasibility
    that is proved, or as a leaf, never by a failure of the solver: then it is split further, and a
    leaf that fails leaves the bound open. Incumbents are the best points of whole patterns: of
    complementary nodes, and of the followers' responses at the leader's decision of a node (Bard & Moore,
    SIAM J. Sci. Stat. Comput. 11(2), 1990). A quadratic objective is bounded below by tangents.
    """
    search = _Search(image, limits)
    if start is not None:
        pairs = image.mpec.complementarity
        search.incumbents.offer(start[pairs.multiplier] > pairs.slacks(start), start)
    try:
        search.run()
    except KeyboardInterrupt:
        search.stopped = "interrupted"
    return search.answer()


class _Search:
    """The open nodes, and everything learned from the closed ones."""

    def __init__(self, image: Image, limits: Limits) -> None:
        self._began = self._reported = time.perf_counter()
        self._limits = limits
        self._options = image.method if isinstance(image.method, Branching) else Branching()
        self._pairs = image.mpec.complementarity
        # HiGHS adds up the time of all solves of an instance, which stays below the time of the search
        options = HighsOptions(threads=limits.threads, time_limit=limits.time_limit, presolve=False)
        self._program = NodeProgram(image, options)
        self.incumbents = Incumbents(image, self._program, limits)
        self._costs = PseudoCosts.none(len(self._pairs) + len(self._program.integers))
        self._open: list[tuple[float, int, Node]] = []
        self._pushed = self._nodes = 0
        self._closed_at = np.inf
        self._current = self._program.root()
        self.stopped = ""

    def run(self) -> None:
        """Take node after node: the preferred child while the dive promises, else the one of the least bound."""
        node: Node | None = self._current
        while node is not None and not self.incumbents.is_unbounded:
            self._current = node
            self._report()
            self.stopped = self._limit_reached()
            if self.stopped:
                return
            preferred, *others = self._parts(node) or [None]
            for other in others:
                self._push(other)
            if preferred is not None and not self._promises(preferred):
                self._push(preferred)
                preferred = None
            node = preferred if preferred is not None else self._pop()
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
        if limit is not None and time.perf_counter() - self._began > limit:
            return "time_limit"
        return "limit" if nodes is not None and self._nodes >= nodes else ""

    def _report(self) -> None:
        now, best = time.perf_counter(), self.incumbents.best
        if self._limits.progress is None or now - self._reported < REPORT_SECONDS:
            return
        self._reported = now
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
                return self._close(node.bound)
            self._nodes += 1
            relaxed = self._program.solve(node)
            if rounds == 0:
                self._learn(node, relaxed)
            if relaxed.status == "infeasible":
                return []
            node = replace(node, bound=max(node.bound, relaxed.bound))
            if node.bound >= self.incumbents.cutoff:
                return self._close(node.bound)
            if relaxed.point is None:
                return self._without_point(node, relaxed)
            found = candidates(
                self._pairs, relaxed.point, node.decisions == OPEN, self._program.integers, (node.lower, node.upper)
            )
            if relaxed.status == "optimal":
                settled = self._look_for_incumbents(node, relaxed.point, found)
                if settled is not None:
                    return self._close(max(node.bound, settled))
                if self._sharpen(node, relaxed, found, rounds):
                    continue
            if node.bound >= self.incumbents.cutoff:
                return self._close(node.bound)
            if not len(found.index):
                return self._leaf(node, relaxed)
            chosen = self._choose(node, relaxed, found)
            if not isinstance(chosen, Node):
                return chosen
            node = chosen
        return self._close(node.bound)
