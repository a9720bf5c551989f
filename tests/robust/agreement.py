"""What it means that a game agrees with brute force."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.errors import InfeasibleFollower


def assert_agrees(m: pyo.ConcreteModel, expected: float, method: bl.CCG | None = None) -> None:
    """The game has the optimum ``expected``, proven and certified; infinity stands for a game without a plan."""
    try:
        solution = bl.solve(m, method="auto" if method is None else method)
    except InfeasibleFollower:
        assert np.isinf(expected)
        return
    if np.isinf(expected):
        assert solution.status == "infeasible"
        return
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert solution.certificate is not None
    assert solution.certificate.holds
