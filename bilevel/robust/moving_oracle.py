"""Nature where its set moves with the plan: it answers within the set of that plan, and says what it maximised."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bilevel.errors import InvalidGame
from bilevel.robust.oracles import Attack, Oracle, OracleName, oracle_for
from bilevel.robust.recourse import RecourseSolver
from bilevel.search.optimise import Limits
from reformulations.programs import Floats
from reformulations.robust.parametric_masters import nature_price
from reformulations.robust.second_stage import SecondStage
from reformulations.robust.two_stage import TwoStage
from reformulations.sets.dependent_sets import DependentSets


@dataclass(frozen=True, slots=True, eq=False)
class MovingOracle:
    """At each plan the oracle ``answers`` over the set there, then the multipliers of recourse at the answer."""

    answers: OracleName
    moving: DependentSets
    two_stage: TwoStage
    recourse: RecourseSolver
    limits: Limits

    @property
    def name(self) -> str:
        """How the answers are found, in words."""
        how = {"vertices": "all vertices", "game": "nature's own game", "auto": "vertices where they are few"}
        return f"the set at each plan ({how[self.answers]}), by prices that the master lets it answer to at others"

    def most_violated(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the scenario of this plan's set in which the rows are violated most."""
        attack = self._at(stage).most_violated(stage, gap, deadline)
        if attack is None:
            return None
        return self._priced(attack, self.recourse.violation_prices(stage, attack.scenario), 0.0)

    def most_expensive(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        """Return the scenario of this plan's set in which the second stage costs most."""
        attack = self._at(stage).most_expensive(stage, gap, deadline)
        if attack is None:
            return None
        return self._priced(attack, self.recourse.prices(stage, attack.scenario), 1.0)

    def _at(self, stage: SecondStage) -> Oracle:
        try:
            within = self.moving.at(stage.first)
        except ValueError as reason:
            raise InvalidGame(f"uncertain variables: their set moves with the plan, and at a plan {reason}") from reason
        return oracle_for(self.answers, within, self.two_stage, self.recourse, self.limits)

    def _priced(self, attack: Attack, multipliers: Floats, cost: float) -> Attack:
        return replace(attack, price=nature_price(self.two_stage, np.asarray(multipliers), cost))
