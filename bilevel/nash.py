"""Nash equilibrium among several leaders, each with followers of its own or in common, by best responses.

Each leader has a game of its own, in which variables stand for what its rivals decide; they are fixed while it is
solved. A profile of decisions is an equilibrium when no leader gains by another one::

    regret_i = (proven bound of leader i's best response) - (what leader i has at the profile)  <=  tolerance

The regret is certified: the bound is one of the solver's, not the value of a response that was found. Best responses
may run in a circle (Edgeworth 1897); a profile that returns is reported as a cycle. Games that have no equilibrium, or
one that best responses miss, are not told apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyomo.environ as pyo
from pyomo.core.base.block import BlockData
from pyomo.core.base.var import VarData
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bilevel.errors import InvalidGame, SolverFailure
from bilevel.printing import number, plain, residual
from bilevel.solution import Solution
from bilevel.solve import solve
from reformulations.programs import LEADER

Decision = dict[Any, float]
Profile = dict[str, Decision]
_DIGITS = 7


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """One of several leaders: its game, the variable it decides by, and those that stand for its rivals' decisions.

    Attributes
    ----------
    model
        A game in which this leader leads, as for :func:`bilevel.solve`.
    decides
        The leader's variable, indexed or not, that rivals see.
    rivals
        For each rival's name the variable of ``model``, with the index of what that rival decides.
    """

    model: BlockData
    decides: Any
    rivals: Mapping[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class Equilibrium:
    """Where best responses ended.

    Attributes
    ----------
    status
        ``"equilibrium"`` when every regret is within the tolerance; ``"cycle"`` when a profile returned; ``"rounds"``
        when they were used up.
    decisions, payoffs, regrets
        Of each leader at the last profile, in its own sense; a payoff is NaN, its regret infinite, where the profile
        leaves the leader no feasible point.
    cycle
        The profiles that follow each other in a circle; empty without one.
    rounds
        How often each leader was asked.
    tolerance
        Largest regret of an equilibrium, relative to ``max(1, |payoff|)``.
    """

    status: Literal["equilibrium", "cycle", "rounds"]
    decisions: Profile
    payoffs: dict[str, float]
    regrets: dict[str, float]
    cycle: tuple[Profile, ...]
    rounds: int
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether no leader can gain more than the tolerance."""
        return self.status == "equilibrium"

    def __rich__(self) -> RenderableType:
        verdict = f"cycle of {len(self.cycle)} profiles" if self.status == "cycle" else self.status
        table = Table("leader", "payoff", "regret at most", "decides", box=None, pad_edge=False)
        for name, decision in self.decisions.items():
            chosen = {index: value for index, value in decision.items() if value}
            shown = ", ".join(number(v) if i is None else f"{i}: {number(v)}" for i, v in chosen.items()) or "0"
            table.add_row(name, number(self.payoffs[name]), residual(self.regrets[name]), shown)
        return Group(Text(f"{verdict} after {self.rounds} rounds of best responses"), table)

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__


def nash(
    contenders: Mapping[str, Contender],
    start: Mapping[str, Any],
    *,
    rounds: int = 100,
    tolerance: float = 1e-6,
    gap: float = 1e-9,
    time_limit: float | None = None,
    threads: int | None = None,
) -> Equilibrium:
    """Let the leaders respond to each other in turn until none can gain, a profile returns, or ``rounds`` are over.

    A leader moves only if it gains more than ``tolerance`` allows, so ties do not make a circle. Followers' ties are
    broken in favour of the leader that is asked, as in :func:`bilevel.solve`.

    Parameters
    ----------
    contenders
        The leaders by name, asked in this order.
    start
        For each leader its first decision: a number, or a mapping by the index of what it decides.
    rounds
        How often each leader is asked at most.
    tolerance
        Largest regret of an equilibrium, relative to ``max(1, |payoff|)``.
    gap, time_limit, threads
        Of each single solve.

    Raises
    ------
    InvalidGame
        When a name is unknown, or a stand-in or a start does not fit what is decided.
    SolverFailure
        When a leader has no best response with a proven bound.
    """
    game = _Game(dict(contenders), gap, time_limit, threads)
    profile = {name: _by_index(contender.decides, start, name) for name, contender in contenders.items()}
    seen = [profile]
    for count in range(1, rounds + 1):
        moved = False
        for name in contenders:
            payoff, bound, response = game.response(name, profile)
            if not _regret(game.sense[name], payoff, bound) <= tolerance * max(1.0, abs(payoff)):
                profile, moved = profile | {name: response}, True
        if not moved:
            return game.settled("equilibrium", profile, (), count, tolerance)
        same = [k for k, other in enumerate(seen) if _key(other) == _key(profile)]
        if same:
            return game.settled("cycle", profile, tuple(seen[same[0] :]), count, tolerance)
        seen.append(profile)
    return game.settled("rounds", profile, (), rounds, tolerance)


class _Game:
    """The leaders' games and how to solve them; state: Pyomo's variables, fixed and freed again."""

    def __init__(
        self, contenders: dict[str, Contender], gap: float, time_limit: float | None, threads: int | None
    ) -> None:
        self.contenders, self.sense = contenders, dict.fromkeys(contenders, 1.0)
        self._gap, self._time_limit, self._threads = gap, time_limit, threads
        for name, contender in contenders.items():
            for rival, stand_in in contender.rivals.items():
                if rival not in contenders:
                    raise InvalidGame(f"{name}: its rival {rival} is no contender; there are {', '.join(contenders)}")
                if set(_members(stand_in)) != set(_members(contenders[rival].decides)):
                    raise InvalidGame(f"{name}: {stand_in.name} has not the index of what {rival} decides")

    def response(self, name: str, profile: Profile) -> tuple[float, float, Decision]:
        """Return what leader ``name`` has at the profile (NaN where it is infeasible), its best response and bound."""
        contender = self.contenders[name]
        for rival, stand_in in contender.rivals.items():
            _fix(stand_in, profile[rival])
        best = self._solve(contender)
        if best.bound is None or best.point is None:
            raise SolverFailure(f"{name}: no best response with a proven bound was found (status {best.status})")
        self.sense[name] = float(best.game.program.objectives.sense[LEADER])
        response = {index: best.value(member) for index, member in _members(contender.decides).items()}
        was_fixed = {index: member.fixed for index, member in _members(contender.decides).items()}
        _fix(contender.decides, profile[name])
        try:
            here = self._solve(contender)
        finally:
            for index, member in _members(contender.decides).items():
                member.fixed = was_fixed[index]
        payoff = math.nan if here.objective is None else here.objective
        return payoff, best.bound, response

    def settled(
        self,
        status: Literal["equilibrium", "cycle", "rounds"],
        profile: Profile,
        cycle: tuple[Profile, ...],
        rounds: int,
        tolerance: float,
    ) -> Equilibrium:
        """Return payoffs and regrets of all leaders at one profile."""
        payoffs, regrets = {}, {}
        for name in self.contenders:
            payoffs[name], bound, _ = self.response(name, profile)
            regret = _regret(self.sense[name], payoffs[name], bound)
            regrets[name] = math.inf if math.isnan(regret) else float(max(regret, 0.0)) + 0.0  # never -0
        return Equilibrium(status, profile, payoffs, regrets, cycle, rounds, tolerance)

    def _solve(self, contender: Contender) -> Solution:
        return solve(contender.model, gap=self._gap, time_limit=self._time_limit, threads=self._threads)


def _regret(sense: float, payoff: float, bound: float) -> float:
    return sense * (payoff - bound)


def _members(variable: Any) -> dict[Any, VarData]:
    return dict(variable.items()) if variable.is_indexed() else {None: variable}


def _by_index(variable: Any, start: Mapping[str, Any], name: str) -> Decision:
    if name not in start:
        raise InvalidGame(f"start: the decision of {name} is missing")
    given = start[name] if isinstance(start[name], Mapping) else {None: start[name]}
    if set(given) != set(_members(variable)):
        raise InvalidGame(f"start: the decision of {name} has not the index of {variable.name}")
    return {index: float(pyo.value(value)) for index, value in given.items()}


def _fix(variable: Any, decision: Decision) -> None:
    for index, member in _members(variable).items():
        value = decision[index]
        member.fix(round(value) if member.is_integer() or member.is_binary() else value)


def _key(profile: Profile) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(value, _DIGITS) for value in decision.values()) for decision in profile.values())
