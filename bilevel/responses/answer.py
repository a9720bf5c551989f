"""What searching over followers' responses ends with."""

from __future__ import annotations

from dataclasses import dataclass

from reformulations.programs import Floats


@dataclass(frozen=True, slots=True)
class ResponseRound:
    """One round: proven bounds in the leader's own sense, ``lower <= upper``, responses stored and seconds so far."""

    lower: float
    upper: float
    responses: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class ResponseAnswer:
    """The best point ``(N,)`` of the high-point relaxation that is bilevel feasible, and what is proven.

    The leader minimises in here. ``status`` is ``"optimal"``, ``"infeasible"``, ``"time_limit"`` or ``"limit"``;
    ``method`` says in words how it was found, ``notes`` what is worth knowing.
    """

    status: str
    point: Floats | None
    objective: float
    bound: float
    method: str
    rounds: tuple[ResponseRound, ...] = ()
    notes: tuple[str, ...] = ()
