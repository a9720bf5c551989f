"""Parts of the leader's decisions, worked by hand."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from bilevel.language.read import read
from bilevel.responses.boxes import boxed, boxed_below
from bilevel.responses.regions import Region, halves
from bilevel.solvers.highs import HighsOptions
from reformulations.stored_responses.high_point import HighPoint, high_point
from tests.problems.library import game, maximise, minimise, rows

OPTIONS = HighsOptions(threads=1)


def two_integers() -> HighPoint:
    """Leader x in {0..6}, w in {0..3} with x + w <= 6; follower max y, 2 y <= x + 2 w + 1, y <= 9; leader min y - x."""
    m = game("regions")
    m.x = pyo.Var(bounds=(0, 6), domain=pyo.Integers)
    m.w = pyo.Var(bounds=(0, 3), domain=pyo.Integers)
    y = m.follower.y = pyo.Var(bounds=(0, 9), domain=pyo.Integers)
    rows(m, m.x + m.w <= 6)
    rows(m.follower, 2 * y - m.x - 2 * m.w <= 1)
    maximise(m.follower, y)
    minimise(m, y - m.x)
    return high_point(read(m).program)


def test_linear_programs_bound_the_leaders_terms_in_a_followers_row():
    """-x - 2 w is least at (3, 3): -9, where the box alone says -12."""
    plain, narrow = two_integers(), boxed(two_integers(), OPTIONS)
    assert (plain.least[1], plain.most[1]) == (-12, 0)
    assert (narrow.least[1], narrow.most[1]) == pytest.approx((-9, 0), abs=2e-3)


def test_a_cutoff_narrows_columns_and_rows():
    """y - x <= -5 needs x >= 5, hence w <= 1 and -x - 2 w between -7 and -5."""
    source = two_integers()
    narrow = boxed_below(source, source.program, -5.0, OPTIONS)
    assert narrow.program.columns.lower[:2].tolist() == [5, 0]
    assert narrow.program.columns.upper[:2].tolist() == [6, 1]
    assert (narrow.least[1], narrow.most[1]) == pytest.approx((-7, -5), abs=2e-3)


def test_halves_split_the_column_whose_bounds_rise_most():
    """The relaxation's least y - x is -6; it is -3 where x <= 3, and -6 still where w <= 1 and -4 where w >= 2."""
    source = two_integers()
    parts = halves(Region(-np.inf, 0, source, np.array([0.0])), source.program, OPTIONS)
    ends = [(part.relaxation.program.columns.lower[0], part.relaxation.program.columns.upper[0]) for part in parts]
    assert ends == [(0, 3), (4, 6)]
    assert [part.bound for part in parts] == pytest.approx([-3, -6])


def test_a_region_of_one_decision_has_no_halves():
    source = two_integers()
    narrow = boxed_below(source, source.program, -6.0, OPTIONS)
    assert narrow.program.columns.lower[:2].tolist() == narrow.program.columns.upper[:2].tolist() == [6, 0]
    assert halves(Region(-6.0, 0, narrow, np.array([0.0])), narrow.program, OPTIONS) == ()
