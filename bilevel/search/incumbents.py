"""Bilevel feasible points on the way of a branch and bound: patterns tried, and the best point so far."""

from __future__ import annotations

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.errors import SolverFailure
from bilevel.search.nodes import MULTIPLIER_ZERO, SLACK_ZERO, Node, NodeProgram
from bilevel.solvers.answer import Limits
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.followers_gap import FollowersGap
from reformulations.patterns import at_pattern
from reformulations.programs import Booleans, Floats


class Incumbents:
    """The best point found, and the linear programs that find more."""

    def __init__(self, image: Image, nodes: NodeProgram, limits: Limits) -> None:
        self._mpec, self._nodes, self._limits = image.mpec, nodes, limits
        self.gap = FollowersGap.of(image.mpec)
        options = HighsOptions(threads=limits.threads, presolve=False, duals=False)
        self._responses = PersistentHighs(self.gap.program, options)
        self._bounds: dict[bytes, float] = {}
        self.best = np.inf
        self.point: Floats | None = None
        self.is_unbounded = False

    @property
    def cutoff(self) -> float:
        """Parts of the search space with at least this bound cannot improve on the best by more than the gap asked."""
        if not np.isfinite(self.best):
            return np.inf
        # half of the gap is left for what polishing moves
        return self.best - 0.5 * self._limits.gap * max(1.0, abs(self.best))

    def respond(self, point: Floats) -> float | None:
        """Let the followers respond at the leader's decision of ``point``, and take the best point of that pattern.

        Returns the proven bound of the pattern; None where there is no response.
        """
        slacks, right = self.gap.slacks(point), self.gap.right_side(point)
        self._responses.change_cost(np.arange(len(slacks)), slacks)
        self._responses.change_row_bounds(np.arange(len(right)), right, right)
        outcome = self._responses.attempt(presolve=False)
        if outcome is None or outcome.status != "optimal" or outcome.point is None:
            return None
        return self.offer(self.gap.active(outcome.point), point)

    def offer(self, active: Booleans, point: Floats) -> float:
        """Solve the program of one pattern, with the integers of ``point``, and keep its point if it is the best.

        Returns the proven bound of the pattern, infinite where it has no point.
        """
        pairs, integers = self._mpec.complementarity, np.round(point[self._nodes.integers])
        active = (active | self._nodes.always_active) & ~pairs.equality
        key = np.packbits(active).tobytes() + integers.tobytes()
        if key in self._bounds and not len(self._nodes.parts):
            return self._bounds[key]
        decisions = np.where(active | pairs.equality, SLACK_ZERO, MULTIPLIER_ZERO).astype(np.int8)
        leaf = Node(-np.inf, 0, decisions, integers, integers)
        relaxed = self._nodes.solve(leaf)
        if relaxed.status in ("optimal", "unbounded") and relaxed.bound < self.cutoff:
            self._keep(active, integers, relaxed.point)
            if len(self._nodes.parts):
                relaxed = self._nodes.solve(leaf)
        self._bounds[key] = relaxed.bound
        return relaxed.bound

    def _keep(self, active: Booleans, integers: Floats, point: Floats | None) -> None:
        """Polish a point of one pattern in a program of its own, and keep it if it is the best."""
        try:
            program = at_pattern(self._mpec, active, integers)
            outcome = PersistentHighs(program, HighsOptions(threads=self._limits.threads)).solve()
        except SolverFailure:
            outcome = None
        if outcome is not None and outcome.status == "unbounded":
            self.is_unbounded = True
            return
        if outcome is not None and outcome.status == "optimal" and outcome.point is not None:
            point = outcome.point
            # the tangents at the optimum of a pattern prove it
            self._nodes.add_tangents(point, np.full(len(self._nodes.parts), -np.inf), 0.0)
        if point is None:
            return
        value = self._mpec.objective(point)
        if value < self.best:
            self.best, self.point = value, point
