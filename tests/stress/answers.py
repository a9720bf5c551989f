"""Every method's answer to a game, and what is wrong with the answers taken together."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

import bilevel as bl
from bilevel.certificate.certify import Certificate
from bilevel.io.declare import declare
from reformulations.programs import BilevelProgram

CONTINUOUS: dict[str, dict[str, Any]] = {
    "auto": {},
    "big-M": {"method": bl.KKT()},
    "branching": {"method": bl.Branching()},
    "strong duality": {"method": bl.StrongDuality()},
    "SOS1": {"method": bl.KKT(complementarity=bl.SOS1())},
    "indicator": {"method": bl.KKT(complementarity=bl.Indicator())},
    "big-M, SCIP": {"method": bl.KKT(), "solver": "scip"},
}
INTEGER: dict[str, dict[str, Any]] = {
    "auto": {},
    "rounds": {"method": bl.ValueFunction(search="rounds")},
    "tree": {"method": bl.ValueFunction(search="tree")},
}
GAP = 1e-7
NO_POINT = {"infeasible", "InfeasibleFollower", "UnboundedFollower"}


@dataclass(frozen=True)
class Answer:
    """How a method ended: a status, or the name of the error; ``residual`` is the certificate's largest."""

    method: str
    status: str
    value: float | None
    bound: float | None
    holds: bool | None
    seconds: float
    message: str = ""
    crashed: bool = False
    residual: float | None = None


def answers(program: BilevelProgram, time_limit: float) -> list[Answer]:
    """Return the answer of every method that applies."""
    whole = bool((program.columns.integer & program.follower_columns).any())
    return [_answer(program, name, how, time_limit) for name, how in (INTEGER if whole else CONTINUOUS).items()]


def _answer(program: BilevelProgram, name: str, how: dict[str, Any], time_limit: float) -> Answer:
    began = time.process_time()
    try:
        found = bl.solve(declare(program, "game"), gap=GAP, time_limit=time_limit, threads=1, **how)
    except bl.BilevelError as error:
        return Answer(name, type(error).__name__, None, None, None, time.process_time() - began, str(error))
    except Exception as error:  # noqa: BLE001  (any other exception is a fault that the run has to survive)
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{error} ({Path(place.filename).name}, line {place.lineno})"
        return Answer(name, type(error).__name__, None, None, None, time.process_time() - began, said, crashed=True)
    seconds, certificate = time.process_time() - began, found.certificate
    if certificate is None:
        return Answer(name, found.status, found.objective, found.bound, None, seconds)
    why, worst = "; ".join(certificate.failures), _largest_residual(certificate)
    return Answer(name, found.status, found.objective, found.bound, certificate.holds, seconds, why, residual=worst)


def _largest_residual(certificate: Certificate) -> float:
    kinds = [certificate.leader.kinds(), *(line.residuals.kinds() for line in certificate.followers)]
    residuals = [residual.value for kind in kinds for _, residual in kind]
    return max([*residuals, *(abs(line.difference) for line in certificate.followers)])


@dataclass(frozen=True)
class Known:
    """The optimum of a game as an oracle has it: None without a point, infinite where unbounded."""

    value: float | None

    def times(self, factor: float) -> Known:
        """Return the optimum of the game whose leader counts in another unit."""
        return Known(None if self.value is None else factor * self.value)


def faults(sense: float, found: list[Answer], tolerance: float, known: Known | None) -> list[str]:
    """Return a sentence for each wrong answer; ``sense`` is +1 where the leader minimises, else -1."""
    points = [(a.method, sense * a.value) for a in found if a.value is not None and a.holds]
    if known is not None and known.value is not None and isfinite(known.value):
        points.append(("the oracle", sense * known.value))
    best, who = min(((value, name) for name, value in points), default=(inf, ""))
    room = tolerance * max(1.0, abs(best)) if isfinite(best) else tolerance
    said = []
    for a in found:
        if a.crashed:
            said.append(f"{a.method}: {a.status}: {a.message}")
        if a.status in NO_POINT and points:
            said.append(f"{a.method}: {a.status}, but {who} has {sense * best:.9g}")
        if a.bound is not None and sense * a.bound > best + room:
            said.append(f"{a.method}: bound {a.bound:.9g}, but {who} has {sense * best:.9g}")
        if a.status == "optimal":
            said += _of_optimum(a, sense * best, who, room, known)
        if a.status == "unbounded" and known is not None and (known.value is None or isfinite(known.value)):
            said.append(f"{a.method}: unbounded, but the oracle says {known.value}")
    return said


def _of_optimum(a: Answer, best: float, who: str, room: float, known: Known | None) -> list[str]:
    if not a.holds or a.value is None:
        return [f"{a.method}: optimal, but its certificate fails: {a.message}"]
    if abs(a.value - best) > room:
        return [f"{a.method}: optimal with {a.value:.9g}, but {who} has {best:.9g}"]
    if known is not None and (known.value is None or not abs(a.value - known.value) <= room):
        return [f"{a.method}: optimal with {a.value:.9g}, but the oracle says {known.value}"]
    return []
