"""Radii of distribution balls from data: how far the truth may be from observed frequencies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Radii:
    """Radii of a distribution ball: ``||rho - rho0||_1 <= l1`` and ``||rho - rho0||_inf <= linf``."""

    l1: float
    linf: float


def _check(bins: int, samples: int, *confidences: float) -> None:
    if not (isinstance(bins, Real) and bins >= 1):
        raise ValueError(f"bins is {bins!r}, expected at least 1")
    if not (isinstance(samples, Real) and samples >= 1):
        raise ValueError(f"samples is {samples!r}, expected at least 1")
    for confidence in confidences:
        if not (isinstance(confidence, Real) and 0 < confidence < 1):
            raise ValueError(f"confidence is {confidence!r}, expected a number between 0 and 1")


def weissman_l1(bins: int, samples: int, confidence: float) -> float:
    """Return an L1 radius that holds the true distribution with at least the given confidence.

    ``sqrt(2 / M * ln((2^K - 2) / (1 - confidence)))`` for ``K`` bins and ``M`` independent samples.
    Source: Weissman, Ordentlich, Seroussi, Verdu, Weinberger, "Inequalities for the L1 deviation of the empirical
    distribution", HP Labs HPL-2003-97 (2003).

    Raises
    ------
    ValueError
        If ``bins`` or ``samples`` is below 1 or ``confidence`` is not inside ``(0, 1)``.
    """
    _check(bins, samples, confidence)
    if bins == 1:
        return 0.0
    # ln(2^K - 2) written so that it does not overflow for many bins
    subsets = bins * math.log(2) + math.log1p(-(2.0 ** (1 - bins)))
    return math.sqrt(2 / samples * (subsets - math.log1p(-confidence)))


def hoeffding_linf(bins: int, samples: int, confidence: float) -> float:
    """Return an L-infinity radius that holds the true distribution with at least the given confidence.

    ``sqrt(ln(2 K / (1 - confidence)) / (2 M))``: Hoeffding's inequality for each of ``K`` bins and the union bound.
    Source: Hoeffding, J. Amer. Statist. Assoc. 58 (1963), DOI 10.1080/01621459.1963.10500830.

    Raises
    ------
    ValueError
        If ``bins`` or ``samples`` is below 1 or ``confidence`` is not inside ``(0, 1)``.
    """
    _check(bins, samples, confidence)
    if bins == 1:
        return 0.0
    return math.sqrt((math.log(2 * bins) - math.log1p(-confidence)) / (2 * samples))


def bootstrap_radii(counts: ArrayLike, confidence: float, seed: int, replications: int = 2000) -> Radii:
    """Return both radii as quantiles of the distance between resampled and observed frequencies.

    ``counts`` ``(K,)`` are the observations in each bin. Each radius has the given confidence on its own, not both
    together, and only approximately: the bootstrap is consistent as the number of samples grows, carries no guarantee
    for few samples, and never puts mass on a bin without observations. Smaller than the two inequalities above.

    Raises
    ------
    ValueError
        If ``counts`` are not a vector of nonnegative whole numbers with a positive sum, if ``confidence`` is not
        inside ``(0, 1)``, or if ``replications`` is below 1.
    """
    observed = np.asarray(counts, dtype=np.float64)
    if observed.ndim != 1 or not np.isfinite(observed).all() or (observed < 0).any() or (observed % 1).any():
        raise ValueError("counts are expected to be a vector of nonnegative whole numbers")
    samples = int(observed.sum())
    _check(len(observed), samples, confidence)
    if not (isinstance(replications, Real) and replications >= 1):
        raise ValueError(f"replications is {replications!r}, expected at least 1")
    frequencies = observed / samples
    again = np.random.default_rng(seed).multinomial(samples, frequencies, size=replications) / samples
    distance = np.abs(again - frequencies)
    # "higher" takes an observed distance, never one between two of them that too few replications reach
    l1 = np.quantile(distance.sum(axis=1), confidence, method="higher")
    linf = np.quantile(distance.max(axis=1), confidence, method="higher")
    return Radii(float(l1), float(linf))


def literature_radii(bins: int, samples: int, confidence_l1: float, confidence_linf: float) -> Radii:
    """Return the radii used in the energy literature, which are **not** confidence radii.

    ``l1 = K / (2 M) * ln(2 K / (1 - confidence_l1))``, ``linf = 1 / (2 M) * ln(2 K / (1 - confidence_linf))``, as
    quoted from Zhao & Guan (2015) by papers on energy dispatch. They shrink like ``1 / M``, the sampling error like
    ``1 / sqrt(M)``: a ball at "95 %" for 5 bins and 1000 samples holds the true distribution in about 1 % of samples.
    For comparison with those papers only; :func:`weissman_l1` and :func:`hoeffding_linf` hold what they promise. With
    equal confidences ``l1 = K linf``, so the L1 ball cuts nothing off.

    Raises
    ------
    ValueError
        If ``bins`` or ``samples`` is below 1 or a confidence is not inside ``(0, 1)``.
    """
    _check(bins, samples, confidence_l1, confidence_linf)
    l1 = bins / (2 * samples) * (math.log(2 * bins) - math.log1p(-confidence_l1))
    linf = 1 / (2 * samples) * (math.log(2 * bins) - math.log1p(-confidence_linf))
    return Radii(l1, linf)
