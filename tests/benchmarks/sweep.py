"""A sweep over 200 prices of a compiled game beside compiling for each price: ``python -m tests.benchmarks.sweep``.

CPU seconds of this process, one thread. The sweep is timed as a whole, its one compilation included; compiling for each
price is timed on some of the prices and scaled up, for each way to compile. Objectives are compared.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pyomo.environ as pyo

import bilevel as bl


def tariff(periods: int, types: int) -> pyo.ConcreteModel:
    """Retail prices for charging: each type of car buys what it needs where it is cheapest, up to its power."""
    m = pyo.ConcreteModel()
    hours, cars = range(periods), range(types)
    m.price = pyo.Var(hours, bounds=(0.3, 0.9))
    m.follower = bl.Follower(cars)
    for n in cars:
        car = m.follower[n]
        car.charge = pyo.Var(hours, bounds=(0, 3 + n % 3))
        car.need = pyo.Constraint(expr=sum(car.charge.values()) >= 1.5 * periods + n)
        car.bill = pyo.Objective(expr=sum((m.price[t] + 0.01 * ((7 * t + 3 * n) % 5)) * car.charge[t] for t in hours))
    m.profit = pyo.Objective(
        expr=sum((m.price[t] - 0.3 - 0.02 * t) * m.follower[n].charge[t] for t in hours for n in cars),
        sense=pyo.maximize,
    )
    return m


def seconds_of(task: Any) -> tuple[float, Any]:
    """Return the CPU seconds of a task, and what it returned."""
    began = time.process_time()
    found = task()
    return time.process_time() - began, found


def main() -> None:
    """Print a table of CPU seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--periods", type=int, default=24)
    parser.add_argument("--types", type=int, default=8)
    parser.add_argument("--prices", type=int, default=200)
    parser.add_argument("--anew", type=int, default=10, help="prices at which the game is compiled anew")
    asked = parser.parse_args()
    m = tariff(asked.periods, asked.types)
    m.price.fix(0.6)
    m.price[0].unfix()
    prices = np.linspace(0.3, 0.9, asked.prices)
    whole, profile = seconds_of(lambda: bl.sweep(m, [(m.price[0], prices)], method=bl.KKT(), threads=1))
    print(f"sweep of {asked.prices} prices: {whole:.2f} s, {1e3 * whole / asked.prices:.1f} ms each")
    some = np.linspace(0, asked.prices - 1, asked.anew).astype(int)
    for name, method in (("the default", "auto"), ("KKT", bl.KKT()), ("branching", bl.Branching())):
        total = 0.0
        for k in some:
            m.price[0].fix(prices[k])
            seconds, solution = seconds_of(
                lambda chosen=method: bl.compile(m, method=chosen, threads=1).solve(threads=1)
            )
            total += seconds
            if abs(solution.objective - profile.objective[k]) > 1e-6:
                raise ValueError(f"at {prices[k]}: {solution.objective} and {profile.objective[k]}")
        each = total / len(some)
        print(f"compiled for each, {name}: {1e3 * each:.1f} ms each, {each * asked.prices / whole:.1f} times the sweep")


if __name__ == "__main__":
    main()
