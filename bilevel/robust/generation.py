"""The loop of column-and-constraint generation: master, adversary, bounds.

The leader minimises in here; bounds turn to the user's sense where they are reported.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.errors import InfeasibleGame, OutOfTime, SolverFailure
from bilevel.robust.answer import RobustAnswer, RobustStatus
from bilevel.robust.iterations import Iteration, IterationTable, Kind
from bilevel.robust.masters import compile_master
from bilevel.robust.oracles import Attack
from bilevel.robust.recourse import VIOLATION
from bilevel.robust.run_state import Plan, Setting, State
from bilevel.search.optimise import Answer, optimise, quick_start
from reformulations.programs import Floats
from reformulations.robust.second_stage import second_stage
from reformulations.robust.two_stage import TwoStage

_SAME = 1e-7
"""Scenarios this close to each other, relative to their size, are the same."""

_MASTER_SHARE, _ORACLE_SHARE = 0.7, 0.2
"""What master and nature may leave open, as shares of the gap: together less than the whole."""


def generate(setting: Setting, state: State, most: int) -> RobustAnswer:
    """Go round until the bounds meet, a limit is reached, or a master has no answer; ``most`` rounds.

    Raises
    ------
    SolverFailure
        When a scenario comes back although it is stored and the bounds have not met.
    """
    if state.image is not None and state.has_met(setting.limits.gap):
        return _answer(setting, state, _settled(state.image))
    if not state.rounds:
        state = state if state.scenarios or setting.start else _probed(setting, state)
        _save(setting, state)
    for _ in range(most - len(state.rounds)):
        try:
            image, answer = _solved_master(setting, state)
        except (InfeasibleGame, OutOfTime) as reason:
            return _answer(setting, state, "infeasible" if isinstance(reason, InfeasibleGame) else "time_limit")
        state = replace(state, image=image, lower=max(state.lower, answer.bound))
        stopped = setting.is_over() or (answer.status != "optimal" and setting.master_seconds is None)
        if answer.point is None:
            if answer.status in ("infeasible", "unbounded") or stopped:
                return _answer(setting, state, _without_plan(answer.status))
            state = _sterner(state)
            continue
        attacked = _attacked(setting, state, image.source_point(answer.point))
        if attacked is None:
            if setting.is_over() or setting.oracle_seconds is None:
                return _answer(setting, state, "time_limit")
            state = _sterner(state)
            continue
        attack, kind = attacked
        if kind == "optimality":
            state = _with_plan(setting.two_stage, state, image, answer.point, attack)
        state = _recorded(setting, state, attack, kind)
        met = state.has_met(setting.limits.gap)
        is_known = state.best is not None or not np.isfinite(attack.bound)
        if met or stopped or (setting.is_over() and is_known):
            _save(setting, state)
            return _answer(setting, state, _settled(image) if met else "time_limit")
        state = _continued(setting, state, attack, kind, answer.status)
        _save(setting, state)
    return _answer(setting, state, "feasible")


def _continued(setting: Setting, state: State, attack: Attack, kind: Kind, status: str) -> State:
    """Store the scenario, or ask the same master again more sternly where it is stored and something was inexact."""
    gap = setting.limits.gap
    room = _ORACLE_SHARE * gap * max(1.0, abs(attack.value))
    hurried = setting.oracle_seconds is not None and attack.bound - attack.value > room
    inexact = status != "optimal" or not np.isfinite(attack.bound) or hurried
    inexact |= _master_gap(setting, state) > _MASTER_SHARE * gap
    if inexact and _stored(state, attack.stored) is not None:
        return _sterner(state)
    return _with_scenario(state, attack, kind)


def _sterner(state: State) -> State:
    """Return the state whose next master has a tenth of the gap and twice the time."""
    return replace(state, looseness=0.1 * state.looseness, patience=2 * state.patience)


def _master_gap(setting: Setting, state: State) -> float:
    """Return the relative gap of the next master: half the distance of the bounds, within looseness and tolerance."""
    distance = (state.upper - state.lower) / max(1.0, abs(state.upper)) if np.isfinite(state.upper) else np.inf
    return max(_MASTER_SHARE * setting.limits.gap, min(0.5 * distance, state.looseness))


def _probed(setting: Setting, state: State) -> State:
    """Let nature answer a quick plan before the first master, which has no scenario stored.

    What bounds its worst case may be short of it there: then the scenario is stored, so that no master is wasted.
    """
    try:
        image = _compiled(setting, state)
    except OutOfTime:
        return state
    begin = quick_start(image, setting.limits)
    state = replace(state, image=image)
    attacked = None if begin is None else _attacked(setting, state, image.source_point(begin))
    if begin is None or attacked is None:
        return state
    attack, kind = attacked
    if kind == "optimality":
        state = _with_plan(setting.two_stage, state, image, begin, attack)
        short = attack.value - float(begin[setting.two_stage.eta])
        if short <= _ORACLE_SHARE * setting.limits.gap * max(1.0, abs(state.upper)):
            return state
    state = _with_scenario(state, attack, kind)
    return replace(state, first=len(state.scenarios))


def _save(setting: Setting, state: State) -> None:
    if setting.save is not None:
        setting.save(state)


def _settled(image: Image) -> RobustStatus:
    return "feasible" if image.assumes else "optimal"


def _solved_master(setting: Setting, state: State) -> tuple[Image, Answer]:
    image = _compiled(setting, state)
    begin = setting.start(image) if not state.rounds and setting.start else _begin(setting, state, image)
    limits = replace(setting.limits, gap=_master_gap(setting, state), time_limit=setting.remaining(state.patience))
    return image, optimise(image, limits, begin)


def _compiled(setting: Setting, state: State) -> Image:
    # where nature answers in the master it is another follower each round, of which earlier bounds say nothing
    earlier = state.image if setting.moving is None else None
    return compile_master(setting.master(state.scenarios), earlier, setting.limits.threads, setting.clock.end())


def _begin(setting: Setting, state: State, image: Image) -> Floats | None:
    """Return the best plan as a point of the new master's MPEC, with the recourse of each stored scenario."""
    plan, two_stage = state.best, setting.two_stage
    if plan is None or setting.moving is not None:
        return None
    stage, first = second_stage(two_stage, plan.point), len(two_stage.first.columns)
    try:
        responses = [setting.recourse.cheapest(stage, u) for u in state.scenarios]
    except SolverFailure:
        return None
    behind = first + plan.stored * len(two_stage.recourse)
    head = plan.mpec_point[:first].copy()
    head[two_stage.eta] = max([head[two_stage.eta], *(response.cost for response in responses)])
    point = np.concatenate([head, *(response.point for response in responses), plan.mpec_point[behind:]])
    return point if len(point) == len(image.mpec.columns) else None


def _attacked(setting: Setting, state: State, point: Floats) -> tuple[Attack, Kind] | None:
    """Let nature answer a plan: by a violation where there is one, else by the worst case; None when time is over."""
    two_stage, limits = setting.two_stage, setting.limits
    stage, deadline = second_stage(two_stage, point), setting.deadline(state.patience)
    # the oracle's gap is relative to the second stage, the gap of the run to both stages
    late, whole = abs(point[two_stage.eta]), abs(two_stage.first_cost(point) + point[two_stage.eta])
    gap = _ORACLE_SHARE * limits.gap * min(1.0, max(1.0, whole) / max(1.0, late))
    if not setting.complete:
        attack = setting.oracle.most_violated(stage, gap, deadline)
        if attack is None:
            return None
        if attack.value > VIOLATION:
            return attack, "feasibility"
    attack = setting.oracle.most_expensive(stage, gap, deadline)
    return None if attack is None else (attack, "optimality")


def _with_plan(two_stage: TwoStage, state: State, image: Image, mpec_point: Floats, attack: Attack) -> State:
    """Return the state with the plan, if its worst case is the best so far."""
    point = image.source_point(mpec_point)
    cost = two_stage.first_cost(point)
    if cost + attack.bound >= state.upper:
        return state
    plan = Plan(image.source, point, mpec_point, len(state.scenarios), cost, attack)
    return replace(state, upper=cost + attack.bound, best=plan)


def _recorded(setting: Setting, state: State, attack: Attack, kind: Kind) -> State:
    lower, upper = state.lower, state.upper
    if setting.two_stage.sense < 0:
        lower, upper = -upper, -lower
    round_ = Iteration(lower, upper, attack.scenario, setting.seconds(), kind)
    if setting.progress is not None:
        setting.progress(round_)
    return replace(state, rounds=(*state.rounds, round_))


def _with_scenario(state: State, attack: Attack, kind: Kind) -> State:
    k = _stored(state, attack.stored)
    if k is not None:
        what = f"it is violated by {attack.value:.3g}" if kind == "feasibility" else f"it costs {attack.value:.9g}"
        raise SolverFailure(
            f"scenario {k + 1} came back although it is stored ({what}) while the bounds are "
            f"{state.lower:.9g} and {state.upper:.9g}: the solver's tolerances decide; rescale the rows and costs "
            "of recourse, or ask for a larger gap"
        )
    return replace(state, scenarios=(*state.scenarios, attack.stored))


def _stored(state: State, u: Floats) -> int | None:
    """Return which stored scenario is the same as ``u``; None where none is."""
    for k, stored in enumerate(state.scenarios):
        if np.max(np.abs(u - stored), initial=0.0) <= _SAME * (1 + np.max(np.abs(stored), initial=0.0)):
            return k
    return None


def _without_plan(status: str) -> RobustStatus:
    if status == "infeasible":
        return "infeasible"
    return "unbounded" if status == "unbounded" else "time_limit"


def _answer(setting: Setting, state: State, status: RobustStatus) -> RobustAnswer:
    plan, sense, two_stage = state.best, setting.two_stage.sense, setting.two_stage
    solved = status not in ("infeasible", "unbounded")
    point = None
    if plan is not None:
        point = two_stage.game_point(plan.solved, plan.point, plan.attack.scenario, plan.attack.response)
    return RobustAnswer(
        status=status,
        objective=None if plan is None else sense * (plan.first_cost + plan.attack.value),
        worst_bound=None if plan is None else sense * (plan.first_cost + plan.attack.bound),
        bound=sense * state.lower if solved and np.isfinite(state.lower) else None,
        point=point,
        scenario=None if plan is None else plan.attack.scenario,
        scenarios=state.scenarios if setting.moving is None else tuple(each.scenario for each in state.rounds),
        iterations=IterationTable(state.rounds),
        image=state.image,
        assumes=() if state.image is None else state.image.assumes,
        notes=(
            *_open_worst_case(setting, plan),
            f"nature answers by {setting.oracle.name}",
            *(() if state.image is None else state.image.notes),
        ),
        seconds=setting.seconds(),
        way=_way(setting, state),
        source=setting.two_stage.source,
    )


def _way(setting: Setting, state: State) -> str:
    if setting.moving is None:
        return f"column-and-constraint generation, {len(state.scenarios)} scenarios stored"
    return f"parametric column-and-constraint generation, {len(state.scenarios)} prices of nature stored"


def _open_worst_case(setting: Setting, plan: Plan | None) -> tuple[str, ...]:
    """Say how much the plan may cost where nature's answer to it is not proven to be the worst."""
    if plan is None:
        return ()
    known, most = plan.first_cost + plan.attack.value, plan.first_cost + plan.attack.bound
    if most - known <= setting.limits.gap * max(1.0, abs(known)):
        return ()
    sense = setting.two_stage.sense
    return (f"the plan's worst case is proven up to {sense * most:.9g} only, beyond the {sense * known:.9g} found",)
