"""What a plan costs in a scenario: followers that wait and see and recourse, solved again from the rows as declared.

::

    min  F(z, u, r, y)   over the rows of leader and recourse,   y in S(z, u)

with the plan ``z`` held, what followers of the first stage responded included. Among the optimal responses ``S`` of
followers that wait and see the leader has the best one. Nothing of a method that solves robust games enters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from bilevel.certificate.faces import joint_face
from bilevel.certificate.respond import respond
from bilevel.errors import SolverFailure
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from bilevel.solvers.outcome import Outcome
from reformulations.optimality import row_scales
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    MixedIntegerProgram,
    Names,
    Product,
    Role,
    Rows,
)
from reformulations.responses import HeldGame, own_terms
from reformulations.robust.late_followers import late_followers


@dataclass(frozen=True, slots=True)
class SolvedAgain:
    """The leader's least cost in a scenario, minimised; infinite where ``missing`` says what cannot be met.

    ``slope`` ``(k,)`` is a subgradient of the cost by nature; None where recourse has integers or followers wait.
    """

    cost: float
    missing: str = ""
    slope: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HeldPlan:
    """A game in which everything is held at ``point`` ``(n,)`` but nature and what is decided after it has moved.

    ``nature`` ``(k,)`` and ``recourse`` are columns, ``waiting`` the followers that wait and see, ``rows`` those of
    leader and recourse in which nature or a later decision appears.
    """

    program: BilevelProgram
    point: Floats
    nature: Integers
    recourse: Integers
    waiting: Integers
    rows: Rows

    @classmethod
    def of(cls, program: BilevelProgram, point: Floats) -> HeldPlan:
        """Return the plan of a primal-dual point."""
        role, waiting, every = program.roles[program.column_owner], late_followers(program), program.rows
        later, terms = (role >= Role.NATURE) | waiting[program.column_owner], program.rows.products
        mentioned = np.asarray(abs(every.matrix) @ later.astype(np.float64)) > 0
        mentioned[terms.index[later[terms.left] | later[terms.right]]] = True
        kept = np.flatnonzero(mentioned & ~program.follower_rows)
        place = np.full(len(every), -1, np.int64)
        place[kept] = np.arange(len(kept))
        terms = terms.take(place[terms.index] >= 0)
        rows = Rows(
            sparse.csr_array(every.matrix[kept]),
            every.lower[kept],
            every.upper[kept],
            every.names.take(kept),
            Product.of(place[terms.index], terms.left, terms.right, terms.value),
        )
        nature, recourse = (np.flatnonzero(role == kind) for kind in (Role.NATURE, Role.RECOURSE))
        return cls(program, point[: len(program.columns)], nature, recourse, np.flatnonzero(waiting), rows)

    @property
    def sense(self) -> float:
        """1 where the leader minimises, -1 where it maximises."""
        return float(self.program.objectives.sense[LEADER])

    def has_convex_cost(self) -> bool:
        """Tell whether the cost is convex in nature: linear recourse at fixed prices, and nobody waits."""
        goals, later = self.program.objectives.products, self._mask(np.concatenate([self.nature, self.recourse]))
        multiplied = any(np.any(later[terms.left] & later[terms.right]) for terms in (goals, self.rows.products))
        return not (len(self.waiting) or self.program.columns.integer[self.recourse].any() or multiplied)

    def is_priced_only(self) -> bool:
        """Tell whether nature stands in the leader's objective, linearly, and nowhere else."""
        program, nature = self.program, self._mask(self.nature)
        goals, terms, mine = program.objectives.products, program.rows.products, nature.astype(np.float64)
        in_rows = np.any(abs(program.rows.matrix) @ mine) or np.any(nature[terms.left] | nature[terms.right])
        by_player = np.asarray(abs(program.objectives.linear) @ mine) > 0
        by_player[goals.index[nature[goals.left] | nature[goals.right]]] = True
        squared = np.any(nature[goals.left] & nature[goals.right])
        return not (in_rows or squared or by_player[LEADER + 1 :].any())

    def prices(self) -> tuple[float, Floats]:
        """Return the leader's cost, minimised, as ``constant + price @ u``, all else as in the point."""
        return self._goal(self.nature, self.point)

    def at(self, u: Floats, tolerance: float, options: HighsOptions) -> SolvedAgain:
        """Return what the scenario ``u`` ``(k,)`` costs; rows missed by ``tolerance``, relative, count as held.

        Raises
        ------
        SolverFailure
            When a program ends without an answer.
        """
        point = self.point.copy()
        point[self.nature] = u
        responses = self._responses(point, tolerance, options)
        if responses is None:
            return SolvedAgain(np.inf, "a follower that waits and sees has no response")
        face, face_rows, chosen = responses
        free = np.concatenate([self.recourse, chosen])
        own, (constant, cost) = self._rows(free, point), self._goal(free, point)
        columns = self.program.columns
        every = Columns(
            np.concatenate([columns.lower[self.recourse], face.lower]),
            np.concatenate([columns.upper[self.recourse], face.upper]),
            columns.integer[free],
            columns.names.take(free),
        )
        program = MixedIntegerProgram(every, own.append(_behind(face_rows, len(self.recourse))), cost, constant)
        scale = np.concatenate([row_scales(self.rows, point), np.ones(len(face_rows))])
        outcome = PersistentHighs(program, options).solve()
        if outcome.status == "infeasible":
            missed, where = _least_missed(program, scale, options)
            if missed > tolerance:
                return SolvedAgain(np.inf, f"no recourse is left: {where} is missed by {missed:.1e}, relative")
            outcome = PersistentHighs(_wider(program, 2 * tolerance * scale), options).solve()
        if outcome.status != "optimal" or outcome.objective is None:
            raise SolverFailure(f"the recourse of a scenario ended as {outcome.status}")
        return SolvedAgain(outcome.objective, "", self._slope(point, free, outcome))

    def _responses(
        self, point: Floats, tolerance: float, options: HighsOptions
    ) -> tuple[Columns, Rows, Integers] | None:
        """Return the optimal responses of those who wait: bounds, rows and their columns; None without a response."""
        if not len(self.waiting):
            nothing = np.empty(0)
            none = Columns(nothing, nothing, np.empty(0, bool), Names.of([]))
            return none, Rows(sparse.csr_array((0, 0)), nothing, nothing, Names.of([])), np.empty(0, np.int64)
        held = HeldGame.at(self.program, point, tolerance)
        early = np.setdiff1d(np.flatnonzero(self.program.roles == Role.FOLLOWER), self.waiting)
        answers = respond(held, options.threads, early)
        for answer in answers:
            if answer.outcome is not None and answer.outcome.status == "infeasible":
                return None
            if not answer.is_optimal:
                raise SolverFailure(f"a follower that waits and sees: {answer.remark}")
        return joint_face(held, answers)

    def _rows(self, free: Integers, point: Floats) -> Rows:
        """Return the rows over the columns ``free``, all others held at ``point``."""
        rows, owner = self.rows, self._mask(free).astype(np.int64)
        terms = own_terms(rows.matrix, rows.products, np.ones(len(rows), np.int64), owner, point)
        for row in terms.products.index[:1]:
            raise SolverFailure(f"{rows.names[int(row)]}: later decisions are multiplied with each other")
        matrix = sparse.csr_array(terms.linear[:, free])
        return Rows(matrix, rows.lower - terms.offset, rows.upper - terms.offset, rows.names)

    def _goal(self, free: Integers, point: Floats) -> tuple[float, Floats]:
        """Return the leader's cost, minimised, all but the columns ``free`` held: a constant and their costs."""
        goals, owner = self.program.objectives, self._mask(free).astype(np.int64)
        mine = goals.products.take(goals.products.index == LEADER)
        terms = own_terms(goals.linear[[LEADER]], mine, np.ones(1, np.int64), owner, point)
        if len(terms.products):
            raise SolverFailure("leader's objective: later decisions are multiplied with each other")
        constant = float(terms.offset[0] + goals.constant[LEADER])
        return self.sense * constant, self.sense * terms.linear.toarray().ravel()[free]

    def _slope(self, point: Floats, free: Integers, outcome: Outcome) -> Floats | None:
        if outcome.row_duals is None or outcome.point is None or len(self.waiting):
            return None
        there = point.copy()
        there[free] = outcome.point
        moved = self._rows(self.nature, there).matrix
        return np.asarray(self._goal(self.nature, there)[1] - moved.T @ outcome.row_duals)

    def _mask(self, columns: Integers) -> Booleans:
        mask = np.zeros(len(self.program.columns), bool)
        mask[columns] = True
        return mask


def _behind(rows: Rows, width: int) -> Rows:
    """Return the rows with ``width`` more columns before their own."""
    empty = sparse.csr_array((len(rows), width))
    return replace(rows, matrix=sparse.csr_array(sparse.hstack([empty, rows.matrix], format="csr")))


def _wider(program: MixedIntegerProgram, room: Floats) -> MixedIntegerProgram:
    rows = program.rows
    return replace(program, rows=replace(rows, lower=rows.lower - room, upper=rows.upper + room))


def _least_missed(program: MixedIntegerProgram, scale: Floats, options: HighsOptions) -> tuple[float, str]:
    """Return by how much rows must be missed, in units of ``scale`` ``(m,)``, and the name of one that is."""
    rows, width = program.rows, len(program.columns)
    signed = sparse.csr_array(scale[:, np.newaxis])
    elastic = Rows(
        sparse.csr_array(
            sparse.vstack([sparse.hstack([rows.matrix, signed]), sparse.hstack([rows.matrix, -signed])], format="csr")
        ),
        np.concatenate([rows.lower, np.full(len(rows), -np.inf)]),
        np.concatenate([np.full(len(rows), np.inf), rows.upper]),
        rows.names + rows.names,
    )
    slack = Columns(np.zeros(1), np.array([np.inf]), np.zeros(1, bool), Names.of(["violation"]))
    cost = np.append(np.zeros(width), 1.0)
    outcome = PersistentHighs(MixedIntegerProgram(program.columns.append(slack), elastic, cost, 0.0), options).solve()
    if outcome.status == "infeasible":
        return np.inf, "a bound"
    if outcome.status != "optimal" or outcome.point is None:
        raise SolverFailure(f"the least violation in a scenario ended as {outcome.status}")
    activity = np.asarray(rows.matrix @ outcome.point[:width])
    violation = np.maximum(rows.lower - activity, activity - rows.upper) / scale
    return float(outcome.point[width]), rows.names[int(np.argmax(violation))]
