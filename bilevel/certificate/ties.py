"""What the leader gets from the best and the worst of the followers' optimal responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from bilevel.certificate.faces import TIED, joint_face
from bilevel.certificate.respond import Answered
from bilevel.errors import BilevelError
from bilevel.solvers import scip
from bilevel.solvers.highs import PersistentHighs
from bilevel.solvers.outcome import HighsOptions, Outcome
from reformulations.convexity import is_convex
from reformulations.determined import Determined, determined_columns
from reformulations.optimality import row_scales
from reformulations.programs import LEADER, Columns, Floats, Integers, MixedIntegerProgram, Product, Rows
from reformulations.responses import HeldGame, OwnTerms, linearised, own_terms, reached
from reformulations.spatial import SpatialProgram

_MOST_RANGES = 200
_MOST_NAMES = 5
_NEAR = 1e-6
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TieGap:
    """The leader's objective over the followers' optimal responses at its decision, in the leader's sense.

    Everything but the followers' columns is held: the leader's decision, nature, and the columns that stand for
    multipliers. Leader columns that its equality rows compute from the responses
    (:func:`reformulations.determined.determined_columns`) are no decision and are computed anew for
    each. ``optimistic`` is over the responses that fit the leader's rows, ``pessimistic`` over all; ``violated`` names
    leader rows and bounds of computed columns that the worst response breaks. A value is None where it could not be
    proved, and ``reason`` says why.
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


def tie_gap(
    held: HeldGame, answers: Sequence[Answered], threads: int | None = None, seconds: float = SECONDS
) -> TieGap:
    """Return the best and worst leader objective over the optimal responses at the leader's decision.

    Linear and convex quadratic followers: over their optimal faces
    (:func:`reformulations.responses.optimal_face`). Followers with integer columns: over the points
    whose value is within ``1e-7`` of the optimum, relative to it and the largest cost; followers that are not convex:
    within ``1e-8 (1 + |optimum|)``.
    Each of the two may take so many ``seconds``.
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
    followed = _Followed.of(held)
    goal = _Goal.of(followed)
    options = HighsOptions(threads=threads, time_limit=seconds)
    try:
        columns, rows, chosen = _with_computed(followed, *joint_face(held, answers))
        searched = any(answer.searched is not None for answer in answers)
        face = _Face(columns, rows, chosen, held.point[chosen], options, searched)
        worst, reason = face.extreme(goal.terms, -goal.sense)
        fitting = _fitting(face, followed)
        best, why = (
            fitting.extreme(goal.terms, goal.sense) if fitting is not None else (None, "a leader's row is quadratic")
        )
    except BilevelError as failure:
        return TieGap(None, None, str(failure))
    drawn = f"drawn within {TIED:.0e} of optima that no multipliers describe, so ends may be off by the root of that"
    return TieGap(
        _value(best, goal.sense),
        _value(worst, -goal.sense),
        "; ".join(dict.fromkeys(text for text in (why, reason, drawn if searched else "") if text)),
        _violated(followed, chosen, worst),
        uses_multipliers,
    )


@dataclass(frozen=True, slots=True)
class _Followed:
    """What moves with the responses: ``owner`` ``(n,)`` is 1 for followers' and computed columns, else 0."""

    held: HeldGame
    computed: Determined
    owner: Integers

    @classmethod
    def of(cls, held: HeldGame) -> _Followed:
        computed = determined_columns(held.game)
        owner = held.game.follower_columns.astype(np.int64)
        owner[computed.column] = 1
        return cls(held, computed, owner)

    def rows(self) -> OwnTerms:
        """Return all rows as functions of what moves."""
        rows = self.held.game.rows
        return own_terms(rows.matrix, rows.products, np.ones(len(rows), np.int64), self.owner, self.held.point)


@dataclass(frozen=True, slots=True)
class _Goal:
    """The leader's objective as a function of what moves with the responses."""

    terms: OwnTerms
    sense: float

    @classmethod
    def of(cls, followed: _Followed) -> _Goal:
        objectives = followed.held.game.objectives
        mine = objectives.products.index == LEADER
        terms = own_terms(
            objectives.linear[[LEADER]],
            objectives.products.take(mine),
            np.ones(1, np.int64),
            followed.owner,
            followed.held.point,
        )
        constant = terms.offset + objectives.constant[[LEADER]]
        return cls(replace(terms, offset=constant), float(objectives.sense[LEADER]))


@dataclass(frozen=True, slots=True)
class _Face:
    """The joint optimal responses: bounds and rows over the game's columns ``chosen``.

    ``is_searched`` where a follower is not convex, so that these responses are looked through by SCIP.
    """

    columns: Columns
    rows: Rows
    chosen: Integers
    point: Floats
    options: HighsOptions
    is_searched: bool

    def extreme(self, terms: OwnTerms, sense: float) -> tuple[Outcome | None, str]:
        """Minimise ``sense`` times the form; the second entry says why there is no answer."""
        spatial = self._program(terms, sense)
        if self.is_searched:
            return _searched(spatial, self.options)
        program = MixedIntegerProgram(spatial.columns, spatial.rows, spatial.cost, spatial.constant, spatial.products)
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

    def _program(self, terms: OwnTerms, sense: float) -> SpatialProgram:
        position = np.full(terms.linear.shape[1], -1, np.int64)
        position[self.chosen] = np.arange(len(self.chosen))
        products = terms.products
        return SpatialProgram(
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


def _searched(program: SpatialProgram, options: HighsOptions) -> tuple[Outcome | None, str]:
    outcome = scip.solve(program, options)
    if outcome.status in ("optimal", "unbounded"):
        return outcome, ""
    return None, f"the best responses, drawn within tolerances, are {outcome.status.replace('_', ' ')}"


def _value(outcome: Outcome | None, sense: float) -> float | None:
    if outcome is None:
        return None
    if outcome.status == "unbounded":
        return -sense * np.inf
    return None if outcome.objective is None else sense * outcome.objective


def _with_computed(
    followed: _Followed, columns: Columns, rows: Rows, chosen: Integers
) -> tuple[Columns, Rows, Integers]:
    """Append the computed columns, free, and the rows that say what they are."""
    computed, held = followed.computed, followed.held
    if not len(computed):
        return columns, rows, chosen
    count = len(computed)
    free, names = np.full(count, np.inf), held.game.columns.names.take(computed.column)
    chosen = np.concatenate([chosen, computed.column])
    terms = followed.rows()
    return (
        columns.append(Columns(-free, free, np.zeros(count, bool), names)),
        rows.append(_taken(held, terms, computed.row, chosen)),
        chosen,
    )


def _fitting(face: _Face, followed: _Followed) -> _Face | None:
    """Return the responses that fit the rows that are not followers'; None if one is quadratic and HiGHS looks."""
    held, terms = followed.held, followed.rows()
    game, columns = held.game, face.columns
    upper = ~game.follower_rows & (np.diff(terms.linear.indptr) > 0)
    curved = np.unique(terms.products.index[~game.follower_rows[terms.products.index]])
    if len(curved) and not face.is_searched:
        return None
    upper[curved] = True
    upper[followed.computed.row] = False
    lower, most = columns.lower.copy(), columns.upper.copy()
    first = len(columns) - len(followed.computed)
    lower[first:], most[first:] = held.lower[followed.computed.column], held.upper[followed.computed.column]
    within = Columns(lower, most, columns.integer, columns.names)
    fitting = _taken(held, terms, np.flatnonzero(upper), face.chosen)
    return replace(face, columns=within, rows=face.rows.append(fitting))


def _taken(held: HeldGame, terms: OwnTerms, index: Integers, chosen: Integers) -> Rows:
    """Return the rows ``index`` over the columns ``chosen``."""
    place, position = np.full(len(terms.offset), -1, np.int64), np.zeros(terms.linear.shape[1], np.int64)
    place[index], position[chosen] = np.arange(len(index)), np.arange(len(chosen))
    products = terms.products.take(place[terms.products.index] >= 0)
    return Rows(
        sparse.csr_array(terms.linear[index][:, chosen]),
        (held.row_lower - terms.offset)[index],
        (held.row_upper - terms.offset)[index],
        held.game.rows.names.take(index),
        Product.of(place[products.index], position[products.left], position[products.right], products.value),
    )


def _violated(followed: _Followed, chosen: Integers, worst: Outcome | None) -> tuple[str, ...]:
    if worst is None or worst.point is None:
        return ()
    held = followed.held
    game, point = held.game, held.point.copy()
    point[chosen] = worst.point
    activity = game.rows.activity(point)
    room = 1e-6 * row_scales(game.rows, point)
    broken = (activity < reached(held.row_lower, activity, room, -1.0)) | (
        activity > reached(held.row_upper, activity, room, 1.0)
    )
    rows = [game.rows.names[int(i)] for i in np.flatnonzero(broken & ~game.follower_rows)[:_MOST_NAMES]]
    near = _NEAR * (1 + np.abs(point))
    bounds = [
        f"{side} bound of {game.columns.names[int(column)]}"
        for column in followed.computed.column
        for side, beyond in (("lower", held.lower - point > near), ("upper", point - held.upper > near))
        if beyond[column]
    ]
    return (*rows, *bounds)[:_MOST_NAMES]
