"""Games solved in all units by all methods, and the table of how that ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from reformulations.programs import LEADER, BilevelProgram
from tests.stress.answers import Answer, answers, faults
from tests.stress.rescaling import SCHEMES, rescaled
from tests.stress.sources import Source


@dataclass
class Tally:
    """How often each method ended how, with CPU seconds, and the wrong answers."""

    ends: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    games: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, found: Iterable[Answer]) -> None:
        """Count the answers to one game."""
        self.games += 1
        for answer in found:
            self.ends[answer.method][answer.status] += 1
            self.seconds[answer.method] += answer.seconds

    def table(self) -> str:
        """Return one line a method."""
        kinds = sorted({status for counter in self.ends.values() for status in counter})
        head = f"{'method':16}" + "".join(f"{kind:>20}" for kind in kinds) + f"{'CPU s':>10}"
        lines = [head]
        for method, counter in self.ends.items():
            counts = "".join(f"{counter[kind]:>20}" for kind in kinds)
            lines.append(f"{method:16}{counts}{self.seconds[method]:>10.1f}")
        return "\n".join([*lines, f"{self.games} games, {len(self.wrong)} wrong answers"])


def stress(
    sources: Iterable[Source],
    factors: list[float],
    seed: int,
    time_limit: float,
    tally: Tally,
    say: Callable[[str], object],
) -> None:
    """Solve each game as it is and with some of its data multiplied by each factor."""
    for k, source in enumerate(sources):
        for name, program, factor in _variants(source, factors, seed + k):
            known = None if source.known is None else source.known.times(factor)
            found = answers(program, time_limit)
            tally.add(found)
            for fault in faults(float(program.objectives.sense[LEADER]), found, source.tolerance, known):
                tally.wrong.append(f"{name}: {fault}")
                say(f"WRONG {name}: {fault}")
            for answer in found:
                if answer.status == "SolverFailure":
                    say(f"no answer: {name}: {answer.method}: {answer.message}")


def _variants(source: Source, factors: list[float], seed: int) -> Iterator[tuple[str, BilevelProgram, float]]:
    yield source.name, source.program, 1.0
    for i, factor in enumerate(factors):
        scheme = SCHEMES[(seed + i) % len(SCHEMES)]
        program, leader = rescaled(source.program, scheme, factor, seed)
        yield f"{source.name}, {scheme} times {factor:g}", program, leader
