"""What a solved game says: the robust plan, the nominal one, and their profits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from models.ev_retailer.data import Instance
from models.ev_retailer.plans import Evaluator, Plan, Profit, with_ties_against_retailer
from models.ev_retailer.real_time import RealTime, real_time_of
from reformulations.programs import Floats
from reformulations.sets.distributions import DistributionBall


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The robust plan under the observed and the worst distribution of the types.

    ``worst_share`` ``(types,)`` is the solver's; ``lowest`` the least profit over all vertices of the ball, found
    without the solver of the game. ``unlucky`` is the worst case when vehicles break their ties against the retailer.
    ``real_time`` is the operation in the first scenario of prices.
    """

    plan: Plan
    ball: DistributionBall
    worst_share: Floats
    reference: Profit
    worst: Profit
    lowest: Profit
    unlucky: Profit
    real_time: RealTime


@dataclass(frozen=True, slots=True)
class Parties:
    """What a day is worth in the worst case, yuan: to the retailer, and to all owners with what makes it up."""

    retailer_yuan: float
    bills_yuan: float
    utility_yuan: float

    @property
    def owners_yuan(self) -> float:
        """Worth of the energy to the owners less what they pay."""
        return self.utility_yuan - self.bills_yuan


def parties_of(outcome: Outcome, data: Instance) -> Parties:
    """Return what the worst case is worth to the retailer and to the owners of all vehicles."""
    plan = outcome.plan
    welfare = np.array([response.welfare_yuan for response in plan.responses.values()])
    each = data.vehicles * outcome.worst_share
    return Parties(outcome.worst.total_yuan, float(each @ plan.bill_yuan), float(each @ (welfare + plan.bill_yuan)))


def outcome_of(
    m: pyo.ConcreteModel, plan: Plan, data: Instance, ball: DistributionBall, evaluator: Evaluator
) -> Outcome:
    """Return what the solved game ``m`` says."""
    worst_share = np.array([pyo.value(m.share[number]) for number in data.stays])
    unlucky = with_ties_against_retailer(plan, data)
    return Outcome(
        plan=plan,
        ball=ball,
        worst_share=worst_share,
        reference=evaluator.profit(plan, data.share),
        worst=evaluator.profit(plan, worst_share),
        lowest=evaluator.worst(plan, ball)[1],
        unlucky=evaluator.worst(unlucky, ball)[1],
        real_time=real_time_of(m, plan, data, worst_share, data.scenarios[0]),
    )


def bounds_of(solution: bl.Solution) -> str:
    """Return the proven interval of the robust optimum in words."""
    if solution.objective is None or solution.bound is None:
        return "unknown"
    return f"between {solution.objective:.3f} and {solution.bound:.3f} yuan a day"
