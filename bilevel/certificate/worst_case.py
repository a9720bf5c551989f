"""What was found when the worst case of a robust plan was looked for again."""

from __future__ import annotations

from dataclasses import dataclass

from bilevel.printing import number

_MOST_NAMES = 4


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The worst of the scenarios in which recourse and followers were solved again at the plan.

    Attributes
    ----------
    claimed
        The leader's objective at the plan and the scenario that is claimed to be its worst.
    worst
        The worst objective found; infinite where a scenario leaves the leader no recourse, None where nothing was
        solved.
    room
        By how much a scenario may be worse than what is claimed, absolutely.
    sense
        1 where the leader minimises, -1 where it maximises.
    scenario
        Nature's variables by name, and their values in the worst scenario.
    tried
        How many scenarios were solved again.
    complete
        Whether no scenario of the set can be worse than the worst of those tried: all vertices of a set and a cost
        that is convex in nature, all points of a list, or the whole set by one linear program.
    how
        What was tried, in words.
    trouble
        Why recourse is missing in the worst scenario, or why what is claimed is no worst case at all.
    """

    claimed: float
    worst: float | None
    room: float
    sense: float
    scenario: tuple[tuple[str, float], ...]
    tried: int
    complete: bool
    how: str
    trouble: str = ""

    @property
    def failures(self) -> tuple[str, ...]:
        """One sentence where a scenario is worse than what is claimed."""
        if self.trouble:
            return (f"worst case: at {self._where()} {self.trouble}",)
        if self.worst is None or self.sense * (self.worst - self.claimed) <= self.room:
            return ()
        found, claimed = number(self.worst), number(self.claimed)
        return (f"worst case: at {self._where()} the objective, solved again, is {found}, worse than {claimed}",)

    def __str__(self) -> str:
        return f"worst case: {self.how}" + ("" if self.worst is None else f", worst {number(self.worst)}")

    def _where(self) -> str:
        said = ", ".join(f"{name} = {value:g}" for name, value in self.scenario[:_MOST_NAMES])
        more = len(self.scenario) - _MOST_NAMES
        return f"{said} and {more} more" if more > 0 else said
