"""What the leader gets from the best and the worst of the followers' optimal responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from bilevel.errors import BilevelError, SolverFailure
from bilevel.highs import PersistentHighs
from bilevel.outcome import HighsOptions, Outcome
from bilevel.respond import Answered
from reformulations.convexity import is_convex
from reformulations.optimality import row_scales
from reformulations.programs import LEADER, Columns, Floats, Integers, Matrix, MixedIntegerProgram, Names, Product, Rows
from reformulations.responses import HeldGame, OwnTerms, linearised, optimal_face, own_terms, reached

ROOM = 1e-7
"""Multipliers below this count as zero when the optimal face is drawn, as in HiGHS' dual feasibility."""

_MOST_RANGES = 200
_MOST_NAMES = 5
_NEAR = 1e-6
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TieGap:
    """The leader's objective over the followers' optimal responses at its decision, in the leader's sense.

    Everything but the followers' columns is held: the leader's decision, nature, and the columns that
    stand for multipliers. ``optimistic`` is over the responses that fit the leader's rows, ``pessimistic``
    over all; ``violated`` names leader rows that the worst response breaks. A value is None where it
    could not be proved, and ``reason`` says why.
    """

    optimistic: float | None
    pessimistic: float | None
    reason: str = ""
    violated: tuple[str, ...] = ()
    multipliers_held: bool = False

    @property
    def gap(self) -> float | None:
        """Absolute difference of the two values; None where one is unknown."""
        if self.optimistic is None or self.pessimistic is None:
            return None
        return 0.0 if self.optimistic == self.pessimistic else abs(self.optimistic - self.pessimistic)


def tie_gap(held: HeldGame, answers: Sequence[Answered], threads: int | None = None) -> TieGap:
    """Return the best and worst leader objective over the optimal responses at the leader's decision.

    Linear and convex quadratic followers: over their optimal faces
    (:func:`reformulations.responses.optimal_face`). Followers with integer columns: over the points
    whose value is within ``1e-7 (1 + |optimum|)`` of the optimum.
    """
    game = held.game
    uses_multipliers = bool(len(game.multipliers))
    if not answers:
        return TieGap(None, None, "there is no follower")
    if held.is_coupled():
        return TieGap(None, None, "followers use each other's columns: their equilibria are not enumerated")
    if not all(answer.is_optimal for answer in answers):
        return TieGap(None, None, "not every follower has an optimum")
    if any(answer.outcome is not None and answer.outcome.point is None for answer in answers):
        return TieGap(None, None, "a quadratic follower could only be bounded")
    goal = _Goal.of(held)
    columns, rows, chosen = _joint_face(held, answers)
    options = HighsOptions(threads=threads, time_limit=_SECONDS)
    try:
        face = _Face(columns, rows, chosen, held.point[chosen], options)
        worst, reason = face.extreme(goal.terms, -goal.sense)
        upper = _leader_rows(held, chosen)
        fitting = replace(face, rows=rows.append(upper)) if upper is not None else None
        best, why = (
            fitting.extreme(goal.terms, goal.sense) if fitting is not None else (None, "a leader's row is quadratic")
        )
    except BilevelError as failure:
        return TieGap(None, None, str(failure))
    return TieGap(
        _value(best, goal.sense),
        _value(worst, -goal.sense),
        "; ".join(dict.fromkeys(text for text in (why, reason) if text)),
        _violated(held, chosen, worst),
        uses_multipliers,
    )


@dataclass(frozen=True, slots=True)
class _Goal:
    """The leader's objective as a function of the followers' columns."""

    terms: OwnTerms
    sense: float

    @classmethod
    def of(cls, held: HeldGame) -> _Goal:
        game = held.game
        objectives = game.objectives
        mine = objectives.products.index == LEADER
        terms = own_terms(
            objectives.linear[[LEADER]],
            objectives.products.take(mine),
            np.ones(1, np.int64),
            game.follower_columns.astype(np.int64),
            held.point,
        )
        constant = terms.offset + objectives.constant[[LEADER]]
        return cls(replace(terms, offset=constant), float(objectives.sense[LEADER]))


@dataclass(frozen=True, slots=True)
class _Face:
    """The joint optimal responses: bounds and rows over the game's columns ``chosen``."""

    columns: Columns
    rows: Rows
    chosen: Integers
    point: Floats
    options: HighsOptions

    def extreme(self, terms: OwnTerms, sense: float) -> tuple[Outcome | None, str]:
        """Minimise ``sense`` times the form; the second entry says why there is no answer."""
        program = self._program(terms, sense)
        if not is_convex(program.products, len(program.columns)):
            if not self._is_settled(np.union1d(program.products.left, program.products.right)):
                return (
                    None,
                    "the leader's objective is curved over the responses: its other end is not a convex problem",
                )
            program = linearised(program, self.point)
        if len(program.products) and program.columns.integer.any():
            return None, "the leader's objective is quadratic over integer responses"
        outcome = PersistentHighs(program, self.options).solve()
        if outcome.status in ("optimal", "unbounded"):
            return outcome, ""
        return None, f"the optimal responses, drawn within tolerances, are {outcome.status.replace('_', ' ')}"

    def _program(self, terms: OwnTerms, sense: float) -> MixedIntegerProgram:
        position = np.full(terms.linear.shape[1], -1, np.int64)
        position[self.chosen] = np.arange(len(self.chosen))
        products = terms.products
        return MixedIntegerProgram(
            self.columns,
            self.rows,
            sense * terms.linear.toarray().ravel()[self.chosen],
            sense * float(terms.offset[0]),
            Product.of(
                np.zeros(len(products), np.int64),
                position[products.left],
                position[products.right],
                sense * products.value,
            ),
        )

    def _is_settled(self, columns: Integers) -> bool:
        """Tell whether ``columns`` have one value over all optimal responses."""
        if len(columns) > _MOST_RANGES:
            return False
        flat = MixedIntegerProgram(self.columns, self.rows, np.zeros(len(self.columns)), 0.0)
        solver = PersistentHighs(flat, self.options)
        for column in columns:
            for direction in (1.0, -1.0):
                cost = np.zeros(len(self.columns))
                cost[column] = direction
                solver.set_cost(cost)
                outcome = solver.solve()
                near = 1e-5 * (1 + abs(self.point[column]))
                if outcome.objective is None or abs(outcome.objective - direction * self.point[column]) > near:
                    return False
        return True


def _value(outcome: Outcome | None, sense: float) -> float | None:
    if outcome is None:
        return None
    if outcome.status == "unbounded":
        return -sense * np.inf
    return None if outcome.objective is None else sense * outcome.objective


def _joint_face(held: HeldGame, answers: Sequence[Answered]) -> tuple[Columns, Rows, Integers]:
    """Stack the optimal faces of all answers: bounds, rows and the game's columns they are about."""
    faces = [_face_of(held, answer) for answer in answers]
    chosen = np.concatenate([columns for _, _, columns in faces])
    parts = [rows for _, rows, _ in faces]
    columns = Columns(
        np.concatenate([part.lower for part, _, _ in faces]),
        np.concatenate([part.upper for part, _, _ in faces]),
        np.concatenate([part.integer for part, _, _ in faces]),
        held.game.columns.names.take(chosen),
    )
    rows = Rows(
        sparse.csr_array(sparse.block_diag([part.matrix for part in parts], format="csr")),
        np.concatenate([part.lower for part in parts]),
        np.concatenate([part.upper for part in parts]),
        Names.of([name for part in parts for name in part.names]),
    )
    return columns, rows, chosen


def _face_of(held: HeldGame, answer: Answered) -> tuple[Columns, Rows, Integers]:
    responses, outcome = answer.responses, answer.outcome
    if responses is None or outcome is None or outcome.point is None:
        raise SolverFailure("a follower has no optimum")
    program, optimum = responses.program, outcome.point
    if outcome.row_duals is None or outcome.column_duals is None:
        return (*_level_set(program, outcome), responses.columns)
    here, best = held.point[responses.columns], program.objective(optimum)
    near = program.objective(here) - best <= _NEAR * (1 + abs(best))
    at = here if near else optimum
    # HiGHS solves quadratic programs with 1e-7 added to the curvature, which its multipliers show
    noise = 10 * ROOM * (1 + np.abs(at).max(initial=0.0)) if len(program.products) else ROOM
    return (*optimal_face(program, at, outcome.row_duals, outcome.column_duals, noise), responses.columns)


def _level_set(program: MixedIntegerProgram, outcome: Outcome) -> tuple[Columns, Rows]:
    level = outcome.bound - program.constant
    row: Matrix = sparse.csr_array(program.cost[np.newaxis, :])
    value = Rows(row, np.array([-np.inf]), np.array([level + ROOM * (1 + abs(outcome.bound))]), Names.of(["value"]))
    return program.columns, program.rows.append(value)


def _leader_terms(held: HeldGame) -> OwnTerms:
    """Return the rows that are not followers' as functions of the followers' columns."""
    game = held.game
    follower = game.follower_columns.astype(np.int64)
    return own_terms(game.rows.matrix, game.rows.products, np.ones(len(game.rows), np.int64), follower, held.point)


def _leader_rows(held: HeldGame, chosen: Integers) -> Rows | None:
    """Return the rows above over ``chosen``; None if one is quadratic in the followers' columns."""
    game, terms = held.game, _leader_terms(held)
    upper = ~game.follower_rows & (np.diff(terms.linear.indptr) > 0)
    if len(terms.products) and (~game.follower_rows)[terms.products.index].any():
        return None
    index = np.flatnonzero(upper)
    return Rows(
        sparse.csr_array(terms.linear[index][:, chosen]),
        (held.row_lower - terms.offset)[index],
        (held.row_upper - terms.offset)[index],
        game.rows.names.take(index),
    )


def _violated(held: HeldGame, chosen: Integers, worst: Outcome | None) -> tuple[str, ...]:
    if worst is None or worst.point is None:
        return ()
    game, point = held.game, held.point.copy()
    point[chosen] = worst.point
    activity = game.rows.activity(point)
    room = 1e-6 * row_scales(game.rows, point)
    broken = (activity < reached(held.row_lower, activity, room, -1.0)) | (
        activity > reached(held.row_upper, activity, room, 1.0)
    )
    return tuple(game.rows.names[int(i)] for i in np.flatnonzero(broken & ~game.follower_rows)[:_MOST_NAMES])
