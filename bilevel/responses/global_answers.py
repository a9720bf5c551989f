"""What quadratic followers, convex or not, answer to a leader decision: SCIP finds the best response and proves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bilevel.errors import SolverFailure
from bilevel.responses.follower_answers import Visit
from bilevel.responses.unbounded import unbounded_follower
from bilevel.solvers import scip
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.interrupts import Interrupted
from bilevel.solvers.outcome import HighsOptions
from reformulations.programs import Floats
from reformulations.responses import HeldGame, QuadraticResponses, quadratic_response_program
from reformulations.stored_responses.deep_responses import deep_response
from reformulations.stored_responses.quadratic_high_point import QuadraticHighPoint

NEAR_OPTIMAL = 5e-7
"""A response counts as optimal within this, relative to ``max(1, |optimum|)``: half the certificate's tolerance."""

_ROOMS = (1e-9, 1e-7)
"""Relative rooms within which the leader chooses among optimal responses, the second where the first has none."""

_LEAST_DEPTH = 1e-6
"""Responses that keep less away from the sides of rows, relatively, say nothing of decisions nearby."""

_SECONDS = 10.0
_ENDING_SECONDS = 0.5


class GlobalAnswers:
    """Solves followers, and the leader's choice among their optimal responses, each as a program for SCIP."""

    def __init__(self, relaxation: QuadraticHighPoint, deadline: Deadline) -> None:
        self._relaxation, self._deadline = relaxation, deadline

    def visit(self, point: Floats) -> Visit:
        """Answer the leader's decision in ``point`` ``(N,)``, integers rounded.

        Raises
        ------
        UnboundedFollower
            When a follower has no best response.
        Interrupted
            When the time is over before all is answered.
        """
        relaxation, game = self._relaxation, self._relaxation.game
        here = point[: len(game.columns)]
        here = np.where(game.columns.integer, np.round(here), here)
        held = HeldGame.at(game, here, NEAR_OPTIMAL)
        found = [self._best(held, int(player)) for player in relaxation.followers]
        optima = np.array([value for _, value in found])
        responses = tuple(response for response, _ in found)
        visit = Visit(held, responses, optima, None, np.inf, NEAR_OPTIMAL)
        candidates = [self._choice(here, responses, optima)]
        if not any(visit.beaten(k, point[j]) for k, j in enumerate(relaxation.value.tolist())):
            candidates.append(point[: len(relaxation.program.columns)])
        values = [np.inf if one is None else relaxation.program.objective(one) for one in candidates]
        best = int(np.argmin(values))
        return replace(visit, chosen=candidates[best], objective=values[best])

    def robust(self, visit: Visit, follower: int, shares: Sequence[float], beaten: float) -> list[Floats]:
        """Return responses better than ``beaten`` that keep away from the sides of rows that the leader moves.

        ``shares`` say where between the best objective and the beaten one their own may lie: such a response stays
        feasible, and better, at decisions around the one held.
        """
        player, points = int(self._relaxation.followers[follower]), []
        optimum = float(visit.optima[follower])
        for share in shares:
            found = deep_response(visit.held, player, optimum + share * (beaten - optimum))
            if found is None or self._deadline.passed():
                break
            outcome = scip.solve(found.program, self._options(1e-2, _SECONDS))
            if outcome.point is not None and outcome.point[-1] > _LEAST_DEPTH:
                points.append(self._placed(found, outcome.point[:-1]))
        return points

    def _best(self, held: HeldGame, player: int) -> tuple[Floats, float]:
        game = self._relaxation.game
        found = quadratic_response_program(held, np.array([player]))
        outcome = scip.solve(found.program, self._options(1e-9))
        name = game.players[player]
        if outcome.status == "unbounded":
            raise unbounded_follower(game, player, self._relaxation.linking, held.point)
        if outcome.status in ("time_limit", "interrupted", "limit"):
            raise Interrupted
        if outcome.point is None:
            raise SolverFailure(f"{name}: SCIP finds no response where the leader's program has one; rescale its rows")
        columns = found.program.columns
        best = np.clip(outcome.point, columns.lower, columns.upper)  # SCIP goes beyond bounds by its tolerance
        return self._placed(found, best), found.program.objective(best) - found.program.constant

    def _choice(self, here: Floats, responses: Sequence[Floats], optima: Floats) -> Floats | None:
        relaxation, n = self._relaxation, len(self._relaxation.game.columns)
        start = np.full(len(relaxation.program.columns), np.nan)
        start[:n][relaxation.linking] = here[relaxation.linking]
        for player, response in zip(relaxation.followers.tolist(), responses, strict=True):
            mine = np.flatnonzero(relaxation.game.column_owner == player)
            start[mine] = response[mine]
        for room in _ROOMS:
            program = relaxation.held_at(here, optima + room * np.maximum(1.0, np.abs(optima)))
            outcome = scip.solve(program, self._options(1e-9), start)
            if outcome.point is not None:
                return outcome.point
        return None

    def _options(self, gap: float, seconds: float = np.inf) -> HighsOptions:
        left = min(seconds, self._deadline.later(_ENDING_SECONDS).remaining())
        return HighsOptions(gap=gap, time_limit=left if np.isfinite(left) else None)

    def _placed(self, found: QuadraticResponses, values: Floats) -> Floats:
        point = np.zeros(len(self._relaxation.game.columns))
        point[found.columns] = values
        return point
