"""Games solved in all units by all methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from reformulations.programs import LEADER, BilevelProgram
from tests.stress.answers import answers, faults
from tests.stress.rescaling import SCHEMES, rescaled
from tests.stress.sources import Source
from tests.stress.tally import Tally, kind


def stress(
    sources: Iterable[Source],
    factors: list[float],
    seed: int,
    time_limit: float,
    tally: Tally,
    say: Callable[[str], object],
) -> None:
    """Solve each game as it is and with some of its data multiplied by each factor."""
    for source in sources:
        for name, program, factor in _variants(source, factors, seed + source.number):
            known = None if source.known is None else source.known.times(factor)
            found = answers(program, time_limit)
            tally.add(source.name, found, known)
            for fault in faults(float(program.objectives.sense[LEADER]), found, source.tolerance, known):
                tally.wrong.append(f"{name}: {fault}")
                say(f"WRONG {name}: {fault}")
            for answer in found:
                if kind(answer.status) == "solver failed":
                    say(f"no answer: {name}: {answer.method}: {answer.message}")


def _variants(source: Source, factors: list[float], seed: int) -> Iterator[tuple[str, BilevelProgram, float]]:
    yield source.name, source.program, 1.0
    for i, factor in enumerate(factors):
        scheme = SCHEMES[(seed + i) % len(SCHEMES)]
        program, leader = rescaled(source.program, scheme, factor, seed)
        yield f"{source.name}, {scheme} times {factor:g}", program, leader
