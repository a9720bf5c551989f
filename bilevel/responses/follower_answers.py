"""What integer followers answer to a leader decision, and what of it is worth storing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from bilevel.errors import SolverFailure
from bilevel.responses.unbounded import unbounded_follower
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from bilevel.solvers.interrupts import Interrupted
from bilevel.solvers.outcome import Outcome
from reformulations.programs import BilevelProgram, Columns, Floats, MixedIntegerProgram
from reformulations.responses import HeldGame, Responses, response_program
from reformulations.stored_responses.high_point import HighPoint
from reformulations.stored_responses.response_rules import Rule, affine_rule, fixed_rule
from reformulations.stored_responses.robust_responses import robust_response, steady_response
from reformulations.stored_responses.switches import substitutes

TIE = 1e-7
"""Relative room within which a response counts as optimal: an order below the certificate's tolerance."""

_EXACT = 1e-9
"""Relative room of followers' optima in the leader's choice among them, and of rows where they are solved exactly."""

_ROBUST_SECONDS = 5.0

_CHECK_SHARE = 0.5
"""Of the time that the followers take to answer: what a certificate takes, which knows an answer."""

ENDING_SECONDS = 0.5
"""How much longer than a limit an answer may take, so that the last decision looked at gives a point."""


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """A leader decision answered: best responses, one point ``(n,)`` each, their objectives, and the leader's choice.

    Objectives ``(k,)`` are as minimised and without the terms that the follower does not decide. ``chosen`` is the best
    point ``(N,)`` of the relaxation for the leader among those where everybody responds optimally and the linking
    columns stay; None where none fits the leader's rows. ``tie`` is what a response may be worse by, relative to
    ``max(1, |optimum|)``.
    """

    held: HeldGame
    responses: tuple[Floats, ...]
    optima: Floats
    chosen: Floats | None
    objective: float
    tie: float = TIE

    def beaten(self, follower: int, value: float) -> bool:
        """Whether the follower can do better than ``value``."""
        optimum = float(self.optima[follower])
        return value > optimum + self.tie * max(1.0, abs(optimum))


class FollowerAnswers:
    """Solves followers, and the leader's choice among their optimal responses, again and again.

    Parameters
    ----------
    relaxation
        The high-point relaxation with the user's bounds.
    options
        Of HiGHS.
    deadline
        When to stop; what has begun then is given :data:`ENDING_SECONDS` more.
    """

    def __init__(self, relaxation: HighPoint, options: HighsOptions, deadline: Deadline) -> None:
        self._relaxation, self._deadline = relaxation, deadline
        self._options = replace(options, stopped=deadline.later(ENDING_SECONDS).passed)
        self._choice = PersistentHighs(relaxation.program, self._options)

    def visit(self, point: Floats) -> Visit:
        """Answer the leader's decision in ``point`` ``(N,)``, integers rounded.

        Raises
        ------
        UnboundedFollower
            When a follower has no best response.
        Interrupted
            When asked to stop before all is answered.
        """
        game = self._relaxation.game
        here = point[: len(game.columns)]
        here = np.where(game.columns.integer, np.round(here), here)
        began = time.perf_counter()
        held, found = self._answered(here)
        self._deadline.reserve(_CHECK_SHARE * (time.perf_counter() - began))
        outcome = self._best_for_leader(here, found)
        if outcome.status == "infeasible":
            # optima that use the tolerance of rows leave no room for points that need less of it
            with suppress(SolverFailure):
                found = self._all_best(held, replace(self._options, feasibility=_EXACT))
                outcome = self._best_for_leader(here, found)
        optima = np.array([value for _, value in found])
        if outcome.status == "interrupted" and outcome.point is None:
            raise Interrupted
        known = outcome.point is not None and outcome.objective is not None
        value = outcome.objective if outcome.objective is not None and known else np.inf
        return Visit(held, tuple(point for point, _ in found), optima, outcome.point if known else None, value)

    def robust(
        self, relaxation: HighPoint, visit: Visit, follower: int, shares: Sequence[float], beaten: float
    ) -> list[Floats]:
        """Return responses better than ``beaten`` that are feasible at many leader decisions of the relaxation's box.

        ``shares`` say where between the best objective and the beaten one their own may lie.
        """
        optimum = float(visit.optima[follower])
        found = robust_response(relaxation, visit.held, follower, np.inf)
        solver = PersistentHighs(found.program, replace(self._options, gap=0.01))
        target, points = np.array([len(found.program.rows) - 1]), []
        for share in shares:
            if self._deadline.passed():
                break
            side = np.array([optimum + share * (beaten - optimum)])
            solver.change_row_bounds(target, np.array([-np.inf]), side)
            outcome = solver.solve(time_limit=min(_ROBUST_SECONDS, self._deadline.remaining()))
            points += [] if outcome.point is None else [outcome.point[: len(found.columns)]]
        return [_placed(relaxation.game, found, point) for point in points]

    def steady(self, relaxation: HighPoint, visit: Visit, follower: int) -> Floats | None:
        """Return the best response found that is feasible whatever the leader does within the relaxation's box."""
        if self._deadline.passed():
            return None
        found = steady_response(relaxation, visit.held, follower)
        options = replace(self._options, gap=1e-3, time_limit=min(_ROBUST_SECONDS, self._deadline.remaining()))
        outcome = PersistentHighs(found.program, options).solve()
        return None if outcome.point is None else _placed(relaxation.game, found, outcome.point[: len(found.columns)])

    def rule(self, visit: Visit, follower: int, response: Floats) -> Rule:
        """Return the rule of the response's integers, its continuous part optimal and moving with the leader."""
        relaxation, held = self._relaxation, visit.held
        game, player = relaxation.game, int(relaxation.followers[follower])
        still = fixed_rule(relaxation, follower, response)
        mine = game.column_owner == player
        if not (mine & ~game.columns.integer).any():
            return replace(still, swaps=substitutes(relaxation, follower, np.where(mine, still.point, held.point)))
        found = response_program(held, np.array([player]))
        outcome = PersistentHighs(_with_integers_fixed(found, response), self._options).solve()
        if outcome.point is None or outcome.row_duals is None or outcome.column_duals is None:
            return still
        point = np.where(mine, _placed(game, found, outcome.point), held.point)
        rows, columns = np.zeros(len(game.rows)), np.zeros(len(game.columns))
        rows[found.rows], columns[found.columns] = outcome.row_duals, outcome.column_duals
        return affine_rule(relaxation, follower, point, rows, columns)

    def _answered(self, here: Floats) -> tuple[HeldGame, list[tuple[Floats, float]]]:
        """Return the game held at a decision and the followers' answers.

        Rows that ``here`` breaks by a tie are let be only where a follower could not respond else: they make its
        optimum better than what any response within its rows reaches.
        """
        held = HeldGame.at(self._relaxation.game, here, 0.0)
        try:
            return held, self._all_best(held, self._options)
        except SolverFailure:
            held = HeldGame.at(self._relaxation.game, here, TIE)
            return held, self._all_best(held, self._options)

    def _all_best(self, held: HeldGame, options: HighsOptions) -> list[tuple[Floats, float]]:
        return [self._best(held, follower, options) for follower in range(len(self._relaxation.followers))]

    def _best(self, held: HeldGame, follower: int, options: HighsOptions) -> tuple[Floats, float]:
        game, player = self._relaxation.game, int(self._relaxation.followers[follower])
        found = response_program(held, np.array([player]))
        outcome = PersistentHighs(found.program, options).solve()
        name = game.players[player]
        if outcome.status == "interrupted":
            raise Interrupted
        if outcome.status == "unbounded":
            raise unbounded_follower(game, player, self._relaxation.linking, held.point)
        if outcome.point is None or outcome.objective is None:
            raise SolverFailure(f"{name}: HiGHS finds no response where the leader's program has one; rescale its rows")
        return _placed(game, found, outcome.point), outcome.objective - found.program.constant

    def _best_for_leader(self, here: Floats, found: Sequence[tuple[Floats, float]]) -> Outcome:
        relaxation, columns = self._relaxation, self._relaxation.program.columns
        linking = np.flatnonzero(relaxation.linking)
        self._choice.change_column_bounds(linking, here[linking], here[linking])
        optima = np.array([value for _, value in found])
        top = optima + _EXACT * np.maximum(1.0, np.abs(optima))
        self._choice.change_column_bounds(relaxation.value, np.minimum(columns.lower[relaxation.value], top), top)
        start = np.full(len(columns), np.nan)
        start[: len(here)] = here
        for player, (response, _) in zip(relaxation.followers.tolist(), found, strict=True):
            mine = np.flatnonzero(relaxation.game.column_owner == player)
            start[mine] = response[mine]
        self._choice.set_start(start)
        return self._choice.solve()


def _placed(game: BilevelProgram, found: Responses, values: Floats) -> Floats:
    point = np.zeros(len(game.columns))
    point[found.columns] = values
    return np.where(game.columns.integer, np.round(point), point)


def _with_integers_fixed(found: Responses, response: Floats) -> MixedIntegerProgram:
    columns, values = found.program.columns, response[found.columns]
    lower, upper = np.where(columns.integer, values, columns.lower), np.where(columns.integer, values, columns.upper)
    return replace(found.program, columns=Columns(lower, upper, np.zeros(len(columns), bool), columns.names))
