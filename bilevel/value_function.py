"""Integer followers: column-and-constraint generation over their responses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bilevel.answer import Limits
from bilevel.errors import NotApplicable, SolverFailure, UnboundedFollower
from bilevel.highs import HighsOptions, PersistentHighs
from bilevel.methods import ValueFunction
from bilevel.outcome import MipProgress, Outcome
from bilevel.response_boxes import boxed, greatest_values
from reformulations.high_point import high_point
from reformulations.integer_responses import Block, block_of, exclusion
from reformulations.programs import BilevelProgram, Columns, Floats, MixedIntegerProgram
from reformulations.response_master import master
from reformulations.response_rules import affine_rule, fixed_rule
from reformulations.responses import HeldGame, Responses, response_program
from reformulations.robust_responses import robust_response

_TIE = 1e-7
"""Relative room within which a response counts as optimal: an order below the certificate's tolerance."""

_MIDDLE = 0.5
"""Where between the follower's best objective and that of the master's point a robust response may lie."""

_LOOSEST = 0.05
_SHARE = 0.3
"""Masters are solved to this share of the gap that is left, at most to the loosest: only the last ones must be exact."""

_ROBUST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ResponseRound:
    """One round: proven bounds in the leader's own sense, ``lower <= upper``, responses stored and seconds so far."""

    lower: float
    upper: float
    responses: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class ResponseAnswer:
    """What the rounds ended with; the leader minimises in here.

    ``status`` is ``"optimal"``, ``"infeasible"``, ``"time_limit"`` or ``"limit"``; ``point`` ``(n,)`` the best bilevel
    feasible point, ``bound`` proven; ``notes`` say what is worth knowing about the way.
    """

    status: str
    point: Floats | None
    objective: float
    bound: float
    rounds: tuple[ResponseRound, ...]
    notes: tuple[str, ...]


def respond_in_rounds(
    game: BilevelProgram, method: ValueFunction, limits: Limits, progress: Callable[[Any], None] | None = None
) -> ResponseAnswer:
    """Solve a game with linear followers, some of their columns integer.

    Each round solves a master (:func:`reformulations.response_master.master`), a relaxation, lets the followers respond
    to its leader decision, takes the best response for the leader that fits its rows as an incumbent, and stores the
    responses. Where the leader's linking columns are integer this ends with the optimum. Where some are continuous, a row
    counts as broken at its side: if the rounds then end with a gap, they go on with rows broken by ``epsilon`` for better
    incumbents, while the proven bound stays.

    Raises
    ------
    NotApplicable
        When the game is not linear, followers interact, or a bound is missing; names the component.
    UnboundedFollower
        When a follower has no best response.
    """
    return _Rounds(game, method, limits, progress).run()


class _Rounds:
    """The state of a run: stored rules, bounds, the best point."""

    def __init__(
        self, game: BilevelProgram, method: ValueFunction, limits: Limits, progress: Callable[[Any], None] | None
    ) -> None:
        self._began = time.perf_counter()
        self._game, self._method, self._limits, self._progress = game, method, limits, progress
        self._options = HighsOptions(threads=limits.threads, gap=1e-9)
        self._high_point = high_point(game)
        self._relaxation = boxed(self._high_point, self._options)
        self._value_upper = greatest_values(self._relaxation, self._options)
        self._lower, self._upper = -np.inf, np.inf
        self._best: Floats | None = None
        self._epsilon, self._known = 0.0, 0
        self._rules: list[Any] = []
        self._blocks: list[Block] = []
        self._rounds: list[ResponseRound] = []
        self._notes: list[str] = []
        integer = game.columns.integer[self._relaxation.linking]
        self._is_integer = bool(integer.all())
        self._base = PersistentHighs(self._high_point.program, replace(self._options, gap=0.1 * limits.gap))

    def run(self) -> ResponseAnswer:
        """Go round until the bounds meet, nothing new is said, or a limit is reached."""
        status, gap = "limit", _LOOSEST
        while self._method.max_iterations is None or len(self._rounds) < self._method.max_iterations:
            outcome = self._solve_master(gap)
            if outcome.status == "unbounded":
                raise NotApplicable(
                    "the leader's objective",
                    "it is unbounded even before the followers respond; give bounds to variables",
                )
            if self._epsilon == 0.0:
                self._lower = min(max(self._lower, outcome.bound), self._upper)
            is_done = outcome.point is None or outcome.bound >= self._upper - self._room()
            added = 0 if is_done or outcome.point is None else self._respond(outcome.point)
            self._report()
            if self._is_closed():
                status = "optimal"
                break
            if self._remaining() == 0.0 or (outcome.point is None and outcome.status != "infeasible"):
                status = "time_limit"
                break
            if is_done or (not added and gap <= 0.5 * self._limits.gap):
                if not self._go_on(outcome.point):
                    status = "infeasible" if np.isinf(self._lower) and self._lower > 0 else "limit"
                    break
                gap = self._next_gap()
            else:
                gap = self._next_gap() if added else 0.5 * self._limits.gap
        return ResponseAnswer(status, self._best, self._upper, self._lower, tuple(self._rounds), tuple(self._notes))

    def _room(self) -> float:
        return self._limits.gap * max(1.0, abs(self._upper))

    def _is_closed(self) -> bool:
        return bool(np.isfinite(self._upper)) and self._upper - self._lower <= self._room()

    def _remaining(self) -> float:
        limit = self._limits.time_limit
        return np.inf if limit is None else max(self._began + limit - time.perf_counter(), 0.0)

    def _next_gap(self) -> float:
        if not np.isfinite(self._upper) or not np.isfinite(self._lower):
            return _LOOSEST
        left = (self._upper - self._lower) / max(1.0, abs(self._upper))
        return float(min(_LOOSEST, max(0.5 * self._limits.gap, _SHARE * left)))

    def _solve_master(self, gap: float) -> Outcome:
        program = master(self._relaxation, self._blocks, self._value_upper)
        seconds = self._remaining()
        options = HighsOptions(
            threads=self._limits.threads, gap=gap, time_limit=max(seconds, 0.1) if np.isfinite(seconds) else None
        )
        solver = PersistentHighs(program, options)
        if self._best is not None:
            start = np.full(len(program.columns), np.nan)
            start[: len(self._best)] = self._best
            solver.set_start(start)
        return solver.solve()

    def _respond(self, point: Floats) -> int:
        """Let the followers respond to a master's point; return how many blocks that added."""
        game, relaxation = self._game, self._relaxation
        n = len(game.columns)
        here = np.where(game.columns.integer, np.round(point[:n]), point[:n])
        held = HeldGame.at(game, here, _TIE)
        answers = [self._best_response(held, follower) for follower in range(len(relaxation.followers))]
        optima = np.array([value for _, value in answers])
        chosen = self._incumbent(here, optima)
        added = 0
        for follower, (response, optimum) in enumerate(answers):
            reached = float(point[relaxation.value[follower]])
            if reached <= optimum + _TIE * max(1.0, abs(optimum)):
                continue
            added += self._store(held, follower, response if chosen is None else chosen)
            target = optimum + _MIDDLE * (reached - optimum)
            robust = self._robust(held, follower, target)
            if robust is not None:
                added += self._store(held, follower, robust)
        return added

    def _best_response(self, held: HeldGame, follower: int) -> tuple[Floats, float]:
        """Return the follower's best response ``(n,)`` and its objective without the terms it does not decide."""
        player = int(self._relaxation.followers[follower])
        found = response_program(held, np.array([player]))
        outcome = PersistentHighs(found.program, self._options).solve()
        name = self._game.players[player]
        if outcome.status == "unbounded":
            raise UnboundedFollower(
                f"{name}: its objective is unbounded at a decision of the leader; bound its variables"
            )
        if outcome.point is None or outcome.objective is None:
            raise SolverFailure(
                f"{name}: HiGHS finds no response at a decision at which the master found one; rescale its rows"
            )
        return _placed(self._game, found, outcome.point), outcome.objective - found.program.constant

    def _incumbent(self, here: Floats, optima: Floats) -> Floats | None:
        """Return the best point for the leader where everybody responds optimally; None where none fits its rows."""
        relaxation = self._relaxation
        linking = np.flatnonzero(relaxation.linking)
        columns = self._high_point.program.columns
        self._base.change_column_bounds(linking, here[linking], here[linking])
        top = optima + _TIE * np.maximum(1.0, np.abs(optima))
        self._base.change_column_bounds(relaxation.value, np.minimum(columns.lower[relaxation.value], top), top)
        outcome = self._base.solve(time_limit=None if np.isinf(self._remaining()) else max(self._remaining(), 1.0))
        if outcome.point is None or outcome.objective is None:
            return None
        if outcome.objective < self._upper:
            self._upper, self._best = outcome.objective, outcome.point
            self._tighten()
        return outcome.point[: len(self._game.columns)]

    def _tighten(self) -> None:
        """Narrow the box to where the leader does no worse than the incumbent, and what the responses say with it."""
        self._relaxation = boxed(self._relaxation, self._options, self._upper)
        self._value_upper = greatest_values(self._relaxation, self._options, self._upper)
        self._rewrite()

    def _rewrite(self) -> None:
        excluded = [block for block in self._blocks if block.follower < 0]
        written = [block_of(self._relaxation, rule, self._epsilon) for rule in self._rules]
        self._blocks = [block for block in written if block is not None] + excluded

    def _robust(self, held: HeldGame, follower: int, target: float) -> Floats | None:
        found = robust_response(self._relaxation, held, follower, target)
        seconds = min(_ROBUST_SECONDS, max(self._remaining(), 0.1))
        outcome = PersistentHighs(found.program, replace(self._options, gap=0.01, time_limit=seconds)).solve()
        return None if outcome.point is None else _placed(self._game, found, outcome.point[: len(found.columns)])

    def _store(self, held: HeldGame, follower: int, response: Floats) -> int:
        """Store the response, its continuous part moving with the leader where it can, and once more where it cannot."""
        relaxation = self._relaxation
        still = fixed_rule(relaxation, follower, response)
        moving = self._moving(held, follower, response)
        added = self._add(still if moving is None else moving)
        return added if added or moving is None else self._add(still)

    def _add(self, rule: Any) -> int:
        block = block_of(self._relaxation, rule, self._epsilon)
        if block is None or any(block.says_the_same(other) for other in self._blocks):
            return 0
        self._rules.append(rule)
        self._blocks.append(block)
        return 1

    def _moving(self, held: HeldGame, follower: int, response: Floats) -> Any:
        """Return the affine rule of the response's integers, None where the follower has no continuous columns."""
        game, player = self._game, int(self._relaxation.followers[follower])
        mine = game.column_owner == player
        if not (mine & ~game.columns.integer).any():
            return None
        found = response_program(held, np.array([player]))
        outcome = PersistentHighs(_with_integers_fixed(found, response), self._options).solve()
        if outcome.point is None or outcome.row_duals is None or outcome.column_duals is None:
            return None
        point = np.where(mine, _placed(game, found, outcome.point), held.point)
        rows, columns = np.zeros(len(game.rows)), np.zeros(len(game.columns))
        rows[found.rows], columns[found.columns] = outcome.row_duals, outcome.column_duals
        return affine_rule(self._relaxation, follower, point, rows, columns)

    def _go_on(self, point: Floats | None) -> bool:
        """Find a way on where a master says nothing new; False where there is none.

        With integer linking columns its decision is left out: what it is worth is known. Else rows are asked to be broken by
        more than nothing, which moves the master to decisions near the one it repeats, and back, as long as that adds responses.
        """
        if self._is_integer:
            if point is not None:
                self._blocks.append(exclusion(self._relaxation, point))
            return point is not None
        if np.isinf(self._lower) or (self._epsilon > 0.0 and len(self._rules) == self._known):
            return False
        self._epsilon, self._known = (0.0 if self._epsilon > 0.0 else self._method.epsilon), len(self._rules)
        self._rewrite()
        if not self._notes:
            self._notes.append(
                "a continuous variable of the leader moves a row of an integer follower: the bound is an infimum that need not "
                f"be attained; points were looked for with such rows broken by at least {self._method.epsilon:g}, relative"
            )
        return True

    def _report(self) -> None:
        seconds = time.perf_counter() - self._began
        sense = float(self._game.objectives.sense[0])
        ends = sorted((sense * self._lower, sense * self._upper))
        self._rounds.append(ResponseRound(ends[0], ends[1], len(self._blocks), seconds))
        if self._progress is not None:
            gap = (self._upper - self._lower) / max(1.0, abs(self._upper)) if np.isfinite(self._upper) else np.inf
            self._progress(MipProgress(self._upper, self._lower, gap, len(self._rounds), seconds))


def _placed(game: BilevelProgram, found: Responses, values: Floats) -> Floats:
    point = np.zeros(len(game.columns))
    point[found.columns] = values
    return np.where(game.columns.integer, np.round(point), point)


def _with_integers_fixed(found: Responses, response: Floats) -> MixedIntegerProgram:
    columns, values = found.program.columns, response[found.columns]
    lower, upper = np.where(columns.integer, values, columns.lower), np.where(columns.integer, values, columns.upper)
    return replace(found.program, columns=Columns(lower, upper, np.zeros(len(columns), bool), columns.names))
