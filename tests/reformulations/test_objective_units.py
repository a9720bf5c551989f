from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from bilevel.language.read import read
from reformulations.objective_units import objective_units
from tests.problems.declaring import game, minimise, rows


@pytest.mark.parametrize(
    ("own", "price", "factor"),
    [(2e-4, 1e-4, 2.0**12), (3.0, 1.0, None), (1e-4, 1.0, None), (64.0, 32.0, 2.0**-6), (1e6, 1.0, None)],
)
def test_an_objective_is_multiplied_where_all_its_coefficients_are_far_on_one_side(
    own: float, price: float, factor: float | None
) -> None:
    """Here own y + price x y: log2 of 2e-4 is -12.3; what the leader alone decides, 1e9 x, does not count."""
    m = game("units")
    x = m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var(bounds=(0, 1))
    rows(m.follower, y >= x)
    minimise(m.follower, own * y + price * x * y + 1e9 * x)
    minimise(m, 1e-6 * y)
    units = objective_units(read(m).program)
    if factor is None:
        assert units is None
    else:
        assert units is not None
        assert units.objectives.tolist() == [1.0, factor]
        assert np.all(units.rows == 1.0)
        assert np.all(units.columns == 1.0)
