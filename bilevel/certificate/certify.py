"""Certificates: a point of a game checked against the user's own declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bilevel.certificate.cone_checks import ConeCheck, Conic, check_cones
from bilevel.certificate.multiplier_ranges import PriceLine, price_lines
from bilevel.certificate.respond import Answered, needs_global_search, optima, respond
from bilevel.certificate.ties import SECONDS, TieGap, tie_gap
from bilevel.certificate.worst_case import WorstCase
from bilevel.printing import html, listed, number, plain, residual
from bilevel.solvers.deadline import Deadline
from reformulations.optimality import FollowerResiduals, LeaderResiduals, leader_residuals, residuals
from reformulations.programs import LEADER, BilevelProgram, Floats
from reformulations.responses import HeldGame

_LEAST_SECONDS = 0.25
"""For either end of the ties where no time is left."""

_MOST_LINES = 12
_MOST_FAILURES = 12
_LEADER_SAYS = {
    "rows": "the row is violated",
    "bounds": "a bound is violated",
    "integrality": "it is not an integer",
    "multipliers": "it differs from the multiplier it stands for",
}
_FOLLOWER_SAYS = {
    "primal": "violated",
    "dual": "its multiplier has the wrong sign",
    "stationarity": "the gradient of the Lagrangian is not zero",
    "complementarity": "both its multiplier and its slack are nonzero",
}


@dataclass(frozen=True, slots=True)
class FollowerLine:
    """One follower of a certificate.

    ``objective`` is its value at the point, ``optimum`` the one found by solving it again there (None
    without one; ``remark`` says why), ``difference`` by how much the point is worse, relative to
    ``max(1, |optimum|)``. ``is_searched`` where it is not convex, or integer and quadratic, and was solved globally:
    multipliers would prove nothing.
    """

    follower: str
    objective: float
    optimum: float | None
    difference: float
    residuals: FollowerResiduals
    remark: str = ""
    cones: ConeCheck | None = None
    is_searched: bool = False

    def failures(self, tolerance: float) -> tuple[str, ...]:
        """Return a sentence for each check that fails."""
        found = [
            f"{self.follower}: {worst.where}: {_FOLLOWER_SAYS[kind]} ({worst.value:.1e}, relative)"
            for kind, worst in self.residuals.kinds()
            if not worst.value <= tolerance
        ]
        if self.cones is not None:
            found.extend(f"{self.follower}: {sentence}" for sentence in self.cones.failures(tolerance))
        if self.optimum is None:
            found.append(f"{self.follower}: could not be solved again: {self.remark}")
        elif not abs(self.difference) <= tolerance:
            found.append(
                f"{self.follower}: its objective is {number(self.objective)}, but solved again at the leader's "
                f"decision it reaches {number(self.optimum)}"
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was checked at the final point, from the user's model alone.

    Attributes
    ----------
    followers
        One line each: its objective, what it reaches when solved again, its residuals.
    leader
        Residuals of the leader's rows, bounds, integers and multiplier variables.
    objective
        The leader's objective at the point, in its own sense.
    bound, gap
        The proven bound of the leader's objective, and the distance to it relative to
        ``max(1, |objective|)``; None without one.
    gap_asked
        The gap up to which the bound counts as closed.
    assumptions
        What was assumed and not derived on the way.
    tie
        The leader's objective over all optimal responses.
    tolerance
        Up to which residuals and differences pass.
    proof
        What the bound rests on besides the data and is true of it: a cutoff by a point that was found, a margin of
        rows of recourse.
    prices
        Variables that stand for multipliers, and between what ends the follower's optimal multipliers lie.
    worst_case
        Of a game with nature: what recourse and followers cost in other scenarios; None elsewhere.
    """

    followers: tuple[FollowerLine, ...]
    leader: LeaderResiduals
    objective: float
    bound: float | None
    gap: float | None
    gap_asked: float
    assumptions: tuple[str, ...]
    tie: TieGap
    tolerance: float
    proof: tuple[str, ...] = ()
    prices: tuple[PriceLine, ...] = ()
    worst_case: WorstCase | None = None

    @property
    def failures(self) -> tuple[str, ...]:
        """One sentence for each check that fails, with the name of the component."""
        found = [
            f"{worst.where}: {_LEADER_SAYS[kind]} ({worst.value:.1e}, relative)"
            for kind, worst in self.leader.kinds()
            if not worst.value <= self.tolerance
        ]
        for line in self.followers:
            found.extend(line.failures(self.tolerance))
        if self.worst_case is not None:
            found.extend(self.worst_case.failures)
        if self.gap is not None and self.gap < -self.tolerance:
            found.append(
                f"bound: {number(self.bound)} is claimed as the bound of the objective, which is "
                f"{number(self.objective)}"
            )
        return tuple(found)

    @property
    def holds(self) -> bool:
        """Whether every check passes: the leader's rows hold and every follower responds optimally."""
        return not self.failures

    @property
    def is_proven(self) -> bool:
        """Whether the point is proven optimal: the certificate holds, the gap is closed, nothing is assumed."""
        return self.holds and self.gap is not None and self.gap <= self.gap_asked and not self.assumptions

    def __rich__(self) -> RenderableType:
        verdict = Text("certificate holds", "bold green") if self.holds else Text("CERTIFICATE FAILS", "bold red")
        verdict.append(f" (tolerance {self.tolerance:.0e})", "default")
        parts: list[RenderableType] = [verdict]
        failures = self.failures
        parts.extend(Text(f"  {failure}", "red") for failure in failures[:_MOST_FAILURES])
        if len(failures) > _MOST_FAILURES:
            parts.append(Text(f"  and {len(failures) - _MOST_FAILURES} more", "red"))
        upper = ", ".join(f"{kind} {residual(worst.value)}" for kind, worst in self.leader.kinds())
        parts += [Text(f"leader: {upper}"), _follower_table(self.followers, self.tolerance)]
        parts.extend([] if self.worst_case is None else [Text(str(self.worst_case))])
        parts.extend(Text(f"assumed: {assumption}", "yellow") for assumption in self.assumptions)
        parts.extend(Text(f"proof: {sentence}") for sentence in self.proof)
        parts.extend(Text(sentence) for sentence in searched_sentences(self.followers, self.tolerance))
        parts.extend(Text(sentence) for sentence in tie_sentences(self.tie, self.tolerance))
        degenerate = [line for line in self.prices if line.is_degenerate]
        parts.extend(Text(f"degenerate: {line}") for line in degenerate[:_MOST_LINES])
        if len(degenerate) > _MOST_LINES:
            parts.append(Text(f"degenerate: {len(degenerate) - _MOST_LINES} more"))
        return Group(*parts)

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)


def certify(  # noqa: PLR0913 - what a certificate rests on
    program: BilevelProgram,
    point: Floats,
    *,
    bound: float | None = None,
    gap: float = 1e-6,
    assumptions: tuple[str, ...] = (),
    tolerance: float = 1e-6,
    threads: int | None = None,
    conic: Conic | None = None,
    deadline: Deadline | None = None,
) -> Certificate:
    """Check a point of a game: the leader's rows, every follower's optimality, and ties.

    Nothing of any reformulation enters. KKT residuals are computed from the followers as declared
    and the multipliers of the point; besides, every follower is solved again at the decisions of the
    others by a linear, quadratic or mixed-integer program of its own rows; one that is not convex by a global search
    (SCIP). Followers with integer columns, and followers that are not convex, have no multipliers that prove anything.

    Parameters
    ----------
    program
        The game as declared, ``n`` columns and ``m`` rows.
    point
        ``(n + m + 2 n,)``: values, multipliers of rows, of lower and of upper bounds, each
        ``d(own optimum in own sense)/d(right-hand side)``.
    bound
        The proven bound of the leader's objective, in its own sense.
    gap
        The relative gap up to which the bound counts as closed.
    assumptions
        What was assumed on the way and is to be named.
    tolerance
        Relative; for residuals and for the followers' objectives.
    threads
        Of HiGHS.
    conic
        The second-order cones of quadratic rows and their multipliers at the point.
    deadline
        What is left of it when the followers are solved is for the best and the worst of the ties, which are not fully
        known where that is too short.
    """
    values = point[: len(program.columns)]
    if conic is None:
        held = HeldGame.at(program, values, tolerance)
        answers, searched = respond(held, threads), needs_global_search(held)
        lines = _lines(program, held, answers, residuals(program, point, searched), {})
    else:
        held, answers, checks = check_cones(program, conic, point, tolerance, threads)
        lines = _lines(program, held, answers, conic.residuals(program, point), checks)
    left = SECONDS if deadline is None else max(0.5 * deadline.remaining(), _LEAST_SECONDS)
    objectives = program.objectives.value(values)
    sense = float(program.objectives.sense[LEADER])
    objective = float(objectives[LEADER])
    distance = None if bound is None else sense * (objective - bound) / max(1.0, abs(objective))
    return Certificate(
        followers=lines,
        leader=leader_residuals(program, point),
        objective=objective,
        bound=bound,
        gap=distance,
        gap_asked=gap,
        assumptions=tuple(assumptions),
        tie=tie_gap(held, answers, threads, min(left, SECONDS)),
        tolerance=tolerance,
        prices=price_lines(program, point, threads),
    )


def _lines(
    program: BilevelProgram,
    held: HeldGame,
    answers: tuple[Answered, ...],
    found: Sequence[FollowerResiduals],
    cones: Mapping[int, ConeCheck],
) -> tuple[FollowerLine, ...]:
    at_point, again = program.objectives.value(held.point), optima(held, answers)
    remark = {int(player): answer.remark for answer in answers for player in answer.players}
    searched = {int(player) for answer in answers if answer.searched is not None for player in answer.players}
    followers = sorted(remark)
    lines = []
    for player, worst in zip(followers, found, strict=True):
        value, optimum = float(at_point[player]), float(again[player])
        sense = float(program.objectives.sense[player])
        known = not np.isnan(optimum)
        difference = sense * (value - optimum) / max(1.0, abs(optimum)) if known else np.inf
        name, again_there = program.players[player], optimum if known else None
        checks = cones.get(player), player in searched
        lines.append(FollowerLine(name, value, again_there, difference, worst, remark[player], *checks))
    return tuple(lines)


def _follower_table(lines: tuple[FollowerLine, ...], tolerance: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    table.add_column("follower")
    for title in ("objective", "solved again", "worse by", "primal", "dual", "stationary", "complementary"):
        table.add_column(title, justify="right")
    conic = any(line.cones is not None for line in lines)
    for title in ("cones", "cone multipliers", "duality gap", "by") if conic else ():
        table.add_column(title, justify="right")
    shown = lines if len(lines) <= _MOST_LINES else sorted(lines, key=_badness, reverse=True)[:_MOST_LINES]
    for line in shown:
        found = line.residuals
        kinds = (found.primal, found.dual, found.stationarity, found.complementarity)
        cells = [number(line.objective), number(line.optimum), residual(line.difference)]
        cells += [residual(None if worst is None else worst.value) for worst in kinds]
        if line.cones is not None:
            cells += [*(residual(value) for _, value in line.cones.kinds()), line.cones.solver]
        table.add_row(Text(line.follower), *cells, style="red" if line.failures(tolerance) else None)
    if len(lines) > len(shown):
        table.add_row(f"... and {len(lines) - len(shown)} with smaller residuals")
    return table


def searched_sentences(lines: Sequence[FollowerLine], tolerance: float) -> tuple[str, ...]:
    """Return in words how far followers that were solved globally are from their optima, if there are any."""
    names = [line.follower for line in lines if line.is_searched]
    how = (
        "not convex, so multipliers prove nothing and none are checked; solved again by SCIP's spatial branch and bound"
    )
    within = f"within {tolerance:.0e} of the optimum, relative to max(1, |optimum|)"
    said = f"global search: {listed(names)}: {how}; a response counts as optimal {within}"
    return (said,) if names else ()


def _badness(line: FollowerLine) -> float:
    return max([abs(line.difference), *(worst.value for _, worst in line.residuals.kinds())])


def tie_sentences(tie: TieGap, tolerance: float) -> tuple[str, ...]:
    """Return in words what ties of the followers mean for the leader."""
    sentences = []
    small = tie.gap is not None and tie.gap <= 10 * tolerance * (1 + abs(tie.optimistic or 0.0))
    if small and not tie.violated:
        sentences.append("ties: none that matter; every optimal response is worth the same to the leader")
    elif small:
        sentences.append("ties: the leader's objective is the same, but not every optimal response fits its rows")
    elif tie.optimistic is not None or tie.pessimistic is not None:
        sentences.append(
            f"ties: the leader gets {number(tie.optimistic)} if the followers break ties in its favour, "
            f"{number(tie.pessimistic)} if against it"
        )
    if tie.violated:
        sentences.append(f"ties: broken against the leader, {', '.join(tie.violated)} would be violated")
    if tie.reason:
        sentences.append(f"ties: not fully known: {tie.reason}")
    if tie.multipliers_held and not small:
        sentences.append("ties: multipliers in the leader's problem are held at the values of the solution")
    return tuple(sentences)
