"""Units of a program: the image and the way back of multipliers, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from reformulations.equilibration import better_program_units
from reformulations.program_units import ProgramUnits
from reformulations.programs import Columns, MixedIntegerProgram, Names, Product, Rows


def program(size: float) -> MixedIntegerProgram:
    """Return min 3 y + 2 y^2 + 7 s.t. size y >= -size/2, -1 <= y <= 4."""
    return MixedIntegerProgram(
        Columns(np.array([-1.0]), np.array([4.0]), np.array([False]), Names.of(["y"])),
        Rows(sparse.csr_array([[size]]), np.array([-0.5 * size]), np.array([np.inf]), Names.of(["row"])),
        np.array([3.0]),
        7.0,
        Product.of([0], [0], [0], [2.0]),
    )


def test_data_are_multiplied_and_multipliers_divided():
    """With r = 1/4, c = 2, f = 8: min 48 y' + 64 y'^2 + 56 s.t. y' >= -1/4, -1/2 <= y' <= 2.

    The row's multiplier is (r / f) lambda' = lambda' / 32, the bound's mu' / (f c) = mu' / 16.
    """
    units = ProgramUnits(np.array([0.25]), np.array([2.0]), 8.0)
    image = units.apply(program(2.0))
    assert (image.cost.tolist(), image.products.value.tolist(), image.constant) == ([48.0], [64.0], 56.0)
    assert (image.rows.matrix.toarray().tolist(), image.rows.lower.tolist()) == ([[1.0]], [-0.25])
    assert (image.columns.lower.tolist(), image.columns.upper.tolist()) == ([-0.5], [2.0])
    assert [float(part[0]) for part in units.source_multipliers(np.array([32.0]), np.array([32.0]))] == [1.0, 2.0]
    assert [float(part[0]) for part in units.multipliers(np.array([1.0]), np.array([2.0]))] == [32.0, 32.0]


def test_data_near_one_keep_their_units():
    assert better_program_units(program(2.0)) is None


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_data_far_from_one_are_brought_near(size: float):
    units = better_program_units(program(size))
    assert units is not None
    image = units.apply(program(size))
    sizes = np.abs([image.cost[0], image.products.value[0], image.rows.matrix.data[0]])
    assert np.all((sizes > 0.1) & (sizes < 10.0))
