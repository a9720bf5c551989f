"""Second-order cones in a certificate: the cones, their multipliers, the duality gap, and the response again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bilevel.certificate.cone_faces import conic_answer
from bilevel.certificate.respond import Answered, respond
from bilevel.errors import BilevelError
from reformulations import refusal
from reformulations.arrays import Floats
from reformulations.conic.cone_tangents import aggregated, without_cones
from reformulations.conic.cones import Cones
from reformulations.duality_gap import duality_gaps
from reformulations.optimality import FollowerResiduals, residuals
from reformulations.programs import BilevelProgram, Role
from reformulations.responses import HeldGame

LOOSE = 1e-7
"""Relative violation of the cones up to which a follower counts as solved again."""

SECONDS = 60.0
"""Time for solving one follower again."""

_SAYS = {
    "cones": "a cone is violated",
    "multipliers": "the multipliers of a cone are outside the dual cone",
    "gap": "the objectives of the conic primal and dual differ",
}


@dataclass(frozen=True, slots=True)
class ConeCheck:
    """How well a follower's cones and their multipliers ``s`` hold at a point, and what solved it again.

    ``primal`` and ``dual`` are the distances of terms and multipliers outside the cones, ``gap`` the difference
    of the primal and the conic dual objective, all relative.
    """

    primal: float
    dual: float
    gap: float
    solver: str

    def kinds(self) -> Iterator[tuple[str, float]]:
        """Yield the name and the value of each check."""
        yield "cones", self.primal
        yield "multipliers", self.dual
        yield "gap", self.gap

    def failures(self, tolerance: float) -> tuple[str, ...]:
        """Return a sentence for each check that fails."""
        return tuple(f"{_SAYS[kind]} ({value:.1e}, relative)" for kind, value in self.kinds() if not value <= tolerance)


@dataclass(frozen=True, slots=True)
class Conic:
    """The cones behind a game's quadratic rows and their multipliers ``(D,)`` of the minimised objectives."""

    cones: Cones
    duals: Floats

    def residuals(self, program: BilevelProgram, point: Floats) -> tuple[FollowerResiduals, ...]:
        """Return the followers' residuals, stationarity and complementarity with the multipliers of the cones."""
        declared = residuals(program, point)
        conic = residuals(*aggregated(program, self.cones, point, self.duals))
        return tuple(
            replace(found, primal=max(found.primal, row.primal, key=lambda worst: worst.value))
            for found, row in zip(conic, declared, strict=True)
        )


def check_cones(
    program: BilevelProgram, conic: Conic, point: Floats, tolerance: float, threads: int | None
) -> tuple[HeldGame, tuple[Answered, ...], dict[int, ConeCheck]]:
    """Solve every follower again and check the cones of each one that has any.

    Parameters
    ----------
    program
        The game as declared, ``n`` columns and ``m`` rows.
    conic
        Its cones and their multipliers.
    point
        ``(n + m + 2 n,)``.
    tolerance
        Relative, for what is held at the point.
    threads
        Of HiGHS.

    Returns
    -------
    tuple
        The game held at the point without its cones, the answers of all followers, and the checks by player.
    """
    cones, values = conic.cones, point[: len(program.columns)]
    held = HeldGame.at(without_cones(program, cones), values, tolerance)
    owner = program.row_owner[cones.row]
    players = np.unique(owner[program.roles[owner] == Role.FOLLOWER])
    gaps = duality_gaps(*aggregated(program, cones, point, conic.duals))
    outside = cones.residuals(cones.terms(values))
    mirrored = cones.residuals(conic.duals)  # a cone is its own dual
    answers, checks = list(respond(held, threads, without=players)), {}
    for player in players.tolist():
        answer, solver = _again(program, cones, values, player, threads)
        answers.append(answer)
        mine = owner == player
        gap = float(gaps[player]) / max(1.0, abs(float(held.objectives.value(values)[player])))
        checks[player] = ConeCheck(float(outside[mine].max()), float(mirrored[mine].max()), gap, solver)
    return held, tuple(answers), checks


def _again(
    program: BilevelProgram, cones: Cones, values: Floats, player: int, threads: int | None
) -> tuple[Answered, str]:
    """Solve a follower with cones again; the second entry names the solver."""
    players = np.array([player])
    try:
        found = conic_answer(program, cones, values, players, threads, SECONDS)
    except (BilevelError, refusal.NotApplicable) as failure:
        return Answered(players, None, None, str(failure)), ""
    if found.residual > LOOSE:
        remark = f"solved again by tangents, its cones are violated by {found.residual:.1e}"
        return Answered(players, found.answer.responses, None, remark), found.solver
    return found.answer, found.solver
