"""A row that asks for more than the published optimum is what a diagnosis finds, and by how much it fails."""

from __future__ import annotations

from collections.abc import Callable

import pyomo.environ as pyo
import pytest

import bilevel as bl
from tests.problems.library import (
    LIBRARY,
    Problem,
    bard_1988,
    bard_1998,
    clark_westerberg_1990,
    cournot_under_tax,
    falk_liu,
    shimizu_aiyoshi,
)

CURVED = (bard_1988, bard_1998, clark_westerberg_1990, cournot_under_tax, falk_liu, shimizu_aiyoshi)
"""A convex quadratic leader's objective is no row that can be linearised."""


def ask_for_more(problem: Problem) -> None:
    """Declare a row of the leader that is 1/4 better than the optimum."""
    (goal,) = problem.model.component_data_objects(pyo.Objective, descend_into=False)
    sign = 1 if goal.sense == pyo.minimize else -1
    problem.model.better = pyo.Constraint(expr=sign * goal.expr <= sign * problem.optimum - 0.25)


@pytest.mark.parametrize("declare", [d for d in LIBRARY if d not in CURVED], ids=lambda declare: declare.__name__)
def test_more_than_the_optimum_is_missed_by_the_difference(declare: Callable[[], Problem]):
    """Where even responses at will do not reach it, the row contradicts rows; elsewhere the optimum is 1/4 short."""
    problem = declare()
    assert bl.diagnose(problem.model).verdict == "feasible"
    ask_for_more(problem)
    diagnosis = bl.diagnose(problem.model)
    assert diagnosis.verdict == "infeasible"
    (found,) = diagnosis.findings
    assert found.names[0] == "better"
    if found.group == "coupling rows":
        assert found.names == ("better",)
        assert found.violations == pytest.approx((0.25,), abs=1e-5)
    else:
        assert found.group == "all rows"


@pytest.mark.parametrize("declare", CURVED, ids=lambda declare: declare.__name__)
def test_what_cannot_be_examined_is_said_with_the_row(declare: Callable[[], Problem]):
    problem = declare()
    ask_for_more(problem)
    diagnosis = bl.diagnose(problem.model)
    assert (diagnosis.verdict, diagnosis.findings) == ("unknown", ())
    assert "better" in str(diagnosis)
