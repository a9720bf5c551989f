"""What a stress run found, counted: games, answers compared, differences, refusals, limits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.stress.answers import NO_POINT, Answer, Known

REFUSED = {"NotApplicable", "NoBound", "InvalidGame"}
LIMITS = {"time_limit", "feasible"}
FAILED = {"SolverFailure"}
KINDS = ("optimal", "no point", "unbounded", "refused", "limit", "solver failed", "crashed")


def kind(status: str) -> str:
    """Return in which column of the table a status, or the name of an error, is counted."""
    if status in ("optimal", "unbounded"):
        return status
    named = {"no point": NO_POINT | {"InfeasibleGame"}, "refused": REFUSED, "limit": LIMITS, "solver failed": FAILED}
    if status == "UnboundedFollower":
        return "no point"
    return next((name for name, statuses in named.items() if status in statuses), "crashed")


@dataclass
class Tally:
    """How often each method ended how, with CPU seconds, what was compared with what, and the wrong answers."""

    ends: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    sources: set[str] = field(default_factory=set)
    games: int = 0
    compared: int = 0
    with_methods: int = 0
    with_oracle: int = 0
    alone: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, source: str, found: Sequence[Answer], known: Known | None) -> None:
        """Count the answers to one game, and how many of them there was something to compare with."""
        self.sources.add(source)
        self.games += 1
        claims = sum(kind(answer.status) in ("optimal", "no point", "unbounded") for answer in found)
        self.with_methods += claims if claims > 1 else 0
        self.with_oracle += claims if known is not None else 0
        self.compared += claims if claims > 1 or known is not None else 0
        self.alone += claims if claims == 1 and known is None else 0
        for answer in found:
            self.ends[answer.method][kind(answer.status)] += 1
            self.seconds[answer.method] += answer.seconds

    def summary(self) -> str:
        """Return one line a method, and the sum of it all in words."""
        lines = [f"{'method':16}" + "".join(f"{name:>15}" for name in KINDS) + f"{'CPU s':>10}"]
        for method, counter in self.ends.items():
            counts = "".join(f"{counter[name]:>15}" for name in KINDS)
            lines.append(f"{method:16}{counts}{self.seconds[method]:>10.1f}")
        total: Counter[str] = sum(self.ends.values(), Counter())
        proven = f"{self.with_methods} with other methods', {self.with_oracle} with an oracle"
        failed = f"{total['solver failed']} failures of solvers, {total['crashed']} crashes"
        lines += [
            "",
            f"{len(self.sources)} games in {self.games} units, by {len(self.ends)} methods: {total.total()} answers",
            f"{self.compared} proven answers compared ({proven}), {self.alone} with nothing to compare",
            f"{total['refused']} refusals, {total['limit']} limits, {failed}",
            f"{len(self.wrong)} wrong answers",
        ]
        return "\n".join([*lines, *(f"  {fault}" for fault in self.wrong)])
