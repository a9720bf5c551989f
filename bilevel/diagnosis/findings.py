"""What a diagnosis says: a verdict, and findings in the user's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.console import Group as Stacked
from rich.console import RenderableType
from rich.text import Text

from bilevel.printing import html, plain

Verdict = Literal["feasible", "infeasible", "unbounded", "unknown"]

Group = Literal[
    "follower rows",
    "all rows",
    "integrality",
    "follower objective",
    "coupling rows",
    "multiplier bounds",
    "stationarity",
    "complementarity",
    "leader objective",
]
"""What a finding is about, in the order in which things are examined.

``follower rows`` rows and bounds with which a follower can never respond; ``all rows`` those of several players, or of
the leader, that cannot hold together even if the followers respond at will; ``integrality`` the same where it takes
integer columns; ``follower objective`` a follower without a best response; ``coupling rows`` and ``multiplier
bounds`` what the leader asks of responses and no best response gives; ``stationarity`` rows at which no best
response exists; ``complementarity`` followers that have no equilibrium; ``leader objective`` an unbounded game.
"""

_SAYS: dict[Verdict, tuple[str, str]] = {
    "feasible": ("the game has a solution", "bold green"),
    "infeasible": ("the game has no solution", "bold red"),
    "unbounded": ("the leader's objective is unbounded", "bold red"),
    "unknown": ("no cause was found", "bold yellow"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause: what it is about, whose it is, the user's components in it, and a sentence.

    ``player`` names the owners, separated by commas. ``violations`` are, for what the leader asks of the
    followers, the least total violation split over ``names``; empty for other groups.
    """

    group: Group
    player: str
    names: tuple[str, ...]
    sentence: str
    violations: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a game has no solution, or that it has one.

    Attributes
    ----------
    verdict
        ``"feasible"``, ``"infeasible"``, ``"unbounded"``, or ``"unknown"`` where it could not be settled.
    findings
        The causes; empty for a feasible game.
    notes
        What was done, and what could not be.
    """

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    def __rich__(self) -> RenderableType:
        says, colour = _SAYS[self.verdict]
        parts: list[RenderableType] = [Text(f"{self.verdict}: {says}", colour)]
        for finding in self.findings:
            line = Text(f"  {finding.group}", "bold")
            line.append(f" ({finding.player}): {finding.sentence}", "default")
            parts.append(line)
        parts.extend(Text(f"  {note}", "dim") for note in self.notes)
        return Stacked(*parts)

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)
