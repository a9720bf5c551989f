"""How often balls of distributions hold the truth: ``python -m tests.benchmarks.coverage``.

Samples are drawn from a known distribution; each radius is computed from the sample at the asked confidence. Printed
is the share of samples whose ball holds that distribution. A confidence radius holds it at least that often.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from reformulations.sets.radii import bootstrap_radii, hoeffding_linf, literature_radii, weissman_l1

Radius = Callable[[np.ndarray, float], float]

L1: dict[str, Radius] = {
    "Weissman": lambda counts, level: weissman_l1(len(counts), int(counts.sum()), level),
    "bootstrap": lambda counts, level: bootstrap_radii(counts, level, seed=0, replications=500).l1,
    '"literature"': lambda counts, level: literature_radii(len(counts), int(counts.sum()), level, level).l1,
}
LINF: dict[str, Radius] = {
    "Hoeffding": lambda counts, level: hoeffding_linf(len(counts), int(counts.sum()), level),
    "bootstrap": lambda counts, level: bootstrap_radii(counts, level, seed=0, replications=500).linf,
    '"literature"': lambda counts, level: literature_radii(len(counts), int(counts.sum()), level, level).linf,
}


def coverage(truth: np.ndarray, samples: int, level: float, draws: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Return by norm and rule the share of samples whose ball holds ``truth``, and the mean radius."""
    drawn = np.random.default_rng(7).multinomial(samples, truth, size=draws)
    found = {}
    for norm, rules in (("L1", L1), ("Linf", LINF)):
        away = np.abs(drawn / samples - truth)
        distance = away.sum(axis=1) if norm == "L1" else away.max(axis=1)
        for name, rule in rules.items():
            radius = np.array([rule(counts, level) for counts in drawn])
            found[norm, name] = float(np.mean(distance <= radius)), float(radius.mean())
    return found


def main() -> None:
    """Print the coverage of each radius."""
    parser = argparse.ArgumentParser(description="Simulated coverage of the radii of balls of distributions.")
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--draws", type=int, default=1000)
    arguments = parser.parse_args()
    table = Table(title=f"share of balls at {arguments.confidence:.0%} that hold the truth", title_justify="left")
    for heading in ("outcomes", "observations", "norm", "radius", "mean", "holds"):
        table.add_column(heading, justify="right")
    for bins in (5, 10):
        for samples in (100, 1000):
            results = coverage(np.full(bins, 1 / bins), samples, arguments.confidence, arguments.draws)
            for (norm, name), (share, mean) in results.items():
                table.add_row(str(bins), str(samples), norm, name, f"{mean:.4f}", f"{share:.1%}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
