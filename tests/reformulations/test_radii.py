"""Radii of distribution balls: values by hand, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from reformulations.sets.radii import bootstrap_radii, hoeffding_linf, literature_radii, weissman_l1


def coverage(truth: np.ndarray, samples: int, l1: float, linf: float) -> tuple[float, float]:
    drawn = np.random.default_rng(11).multinomial(samples, truth, size=4000) / samples
    distance = np.abs(drawn - truth)
    return float(np.mean(distance.sum(axis=1) <= l1)), float(np.mean(distance.max(axis=1) <= linf))


def test_weissman_radius_of_two_bins() -> None:
    """sqrt(2/1000 * ln(2/0.05)) = sqrt(0.002 * 3.688879) = 0.0858939."""
    assert weissman_l1(2, 1000, 0.95) == pytest.approx(0.0858939, abs=1e-7)


def test_hoeffding_radius_of_five_bins() -> None:
    """sqrt(ln(10/0.05)/2000) = sqrt(5.298317/2000) = 0.0514699."""
    assert hoeffding_linf(5, 1000, 0.95) == pytest.approx(0.0514699, abs=1e-7)


def test_literature_radii_of_ten_types() -> None:
    """10/2000 ln(20/0.05) = 0.005 * 5.991465 = 0.0299573, and a tenth of it."""
    radii = literature_radii(10, 1000, 0.95, 0.95)
    assert radii.l1 == pytest.approx(0.0299573, abs=1e-7)
    assert radii.linf == pytest.approx(0.00299573, abs=1e-8)


def test_literature_radii_take_two_confidences() -> None:
    """0.005 ln(20/0.5) = 0.0184444 and 0.0005 ln(20/0.01) = 0.0038005."""
    radii = literature_radii(10, 1000, 0.5, 0.99)
    assert (radii.l1, radii.linf) == pytest.approx((0.0184444, 0.0038005), abs=1e-7)


def test_confidence_radii_hold_the_truth_and_the_literature_ones_do_not() -> None:
    truth = np.full(5, 0.2)
    safe = coverage(truth, 1000, weissman_l1(5, 1000, 0.95), hoeffding_linf(5, 1000, 0.95))
    assert min(safe) >= 0.95
    literature = literature_radii(5, 1000, 0.95, 0.95)
    assert max(coverage(truth, 1000, literature.l1, literature.linf)) < 0.03


def test_bootstrap_radii_hold_the_truth_about_as_often_as_they_say() -> None:
    """For 5 equal bins and 1000 samples the 95 % quantiles of the true distances are 0.084 and 0.032."""
    radii = bootstrap_radii([200] * 5, 0.95, seed=3)
    assert (radii.l1, radii.linf) == pytest.approx((0.084, 0.032), abs=0.004)
    assert coverage(np.full(5, 0.2), 1000, radii.l1, radii.linf) == pytest.approx((0.95, 0.95), abs=0.02)


def test_bootstrap_radii_repeat_with_the_same_seed() -> None:
    assert bootstrap_radii([3, 5, 2], 0.9, seed=1) == bootstrap_radii([3, 5, 2], 0.9, seed=1)


def test_radii_shrink_with_samples_and_grow_with_confidence() -> None:
    for radius in (weissman_l1, hoeffding_linf):
        assert radius(5, 4000, 0.9) == pytest.approx(radius(5, 1000, 0.9) / 2)
        assert radius(5, 1000, 0.99) > radius(5, 1000, 0.9)


def test_one_bin_leaves_nothing_uncertain() -> None:
    assert weissman_l1(1, 10, 0.9) == hoeffding_linf(1, 10, 0.9) == 0.0


def test_many_bins_do_not_overflow() -> None:
    """ln(2^5000 - 2) = 5000 ln 2: sqrt(2/1e6 (3465.736 + 2.995732)) = 0.0832914."""
    assert weissman_l1(5000, 10**6, 0.95) == pytest.approx(0.0832914, abs=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: weissman_l1(0, 10, 0.9), "bins is 0"),
        (lambda: hoeffding_linf(3, 0, 0.9), "samples is 0"),
        (lambda: weissman_l1(3, 10, 1.0), "confidence is 1.0"),
        (lambda: literature_radii(3, 10, 0.9, np.nan), "confidence is nan"),
        (lambda: bootstrap_radii([1.5, 2.0], 0.9, seed=0), "whole numbers"),
        (lambda: bootstrap_radii([-1, 2], 0.9, seed=0), "whole numbers"),
        (lambda: bootstrap_radii([0, 0], 0.9, seed=0), "samples is 0"),
        (lambda: bootstrap_radii([1, 2], 0.9, seed=0, replications=0), "replications is 0"),
    ],
)
def test_bad_data_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
