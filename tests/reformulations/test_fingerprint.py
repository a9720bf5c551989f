"""Fingerprints tell programs apart by their numbers, not by their names."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from reformulations.fingerprint import fingerprint
from reformulations.programs import Columns, Names
from reformulations.sets.distributions import DistributionBall


def columns(lower: float = 0.0, name: str = "x") -> Columns:
    return Columns(np.array([lower, 0.0]), np.ones(2), np.zeros(2, bool), Names.of([name, "y"]))


def test_names_do_not_count_and_every_number_does():
    assert fingerprint(columns()) == fingerprint(columns(name="z"))
    assert fingerprint(columns()) != fingerprint(columns(lower=np.nextafter(0.0, 1.0)))


def test_matrices_are_told_apart_by_entries_and_shape():
    one = sparse.csr_array(np.eye(2))
    assert fingerprint(one) == fingerprint(sparse.csr_array(np.eye(2)))
    assert fingerprint(one) != fingerprint(sparse.csr_array(np.eye(2, 3)))
    assert fingerprint(one) != fingerprint(sparse.csr_array(np.eye(2)[::-1]))


def test_sets_are_told_apart_by_their_radii():
    balls = [DistributionBall(np.array([0.5, 0.5]), l1, linf) for l1, linf in ((0.1, None), (None, 0.1), (0.1, 0.1))]
    assert len({fingerprint(ball) for ball in balls}) == 3


def test_what_has_no_fingerprint_is_refused():
    with pytest.raises(TypeError, match="set has no fingerprint"):
        fingerprint({1})
