"""An open instance against enumeration of its leader's decisions by another interface to a solver."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

import bilevel as bl
from bilevel.io import read_model
from bilevel.language.read import read
from reformulations.programs import LEADER, BilevelProgram


@pytest.mark.long
def test_lseu_with_nine_leader_binaries_reaches_the_best_of_its_512_decisions(cases_folder: Path):
    """All rows are the follower's; for each decision its optimum, then the leader's best among its best responses."""
    case = cases_folder / "milp" / "lseu-0.900000"
    model = read_model(f"{case}.mps", f"{case}.aux")
    solution = bl.solve(model, time_limit=120)
    assert solution.objective == pytest.approx(5838)
    assert solution.bound <= 5838 * (1 + 1e-6)
    assert best_decision(read(model).program) == pytest.approx(5838)


def best_decision(program: BilevelProgram) -> float:
    """Return the leader's optimum over all of its decisions."""
    goals = program.objectives.linear.toarray() * program.objectives.sense[:, None]
    own = np.where(program.column_owner == LEADER, 0.0, goals[1])
    leader = np.flatnonzero(program.column_owner == LEADER)
    rows = LinearConstraint(program.rows.matrix, program.rows.lower, program.rows.upper)
    whole = np.ones(len(own))

    def least(cost: np.ndarray, decision: tuple[int, ...], *more: LinearConstraint) -> float:
        lower, upper = program.columns.lower.copy(), program.columns.upper.copy()
        lower[leader] = upper[leader] = decision
        found = milp(cost, constraints=[rows, *more], bounds=Bounds(lower, upper), integrality=whole)
        assert found.status in (0, 2), found.message
        return float(found.fun) if found.status == 0 else np.inf

    def worth(decision: tuple[int, ...]) -> float:
        optimum = least(own, decision)
        return least(goals[LEADER], decision, LinearConstraint(own[None, :], -np.inf, optimum + 1e-6))

    decisions = list(itertools.product((0, 1), repeat=len(leader)))
    assert len(decisions) == 512
    return min(worth(decision) for decision in decisions)
