"""What compiling costs beside building the user's model: ``python -m tests.benchmarks.compile``.

The game is a seller's: the follower takes ``n`` products out of ``n`` shared capacities (4 nonzeros a
row). The leader sets prices of one half of the products (price times quantity in both objectives, exact
by KKT identities; binary permits in each tenth of the right-hand sides) and continuous expansions in the
right-hand sides of the other half. Only ratios of processor time are stated: times are those of a machine.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from dataclasses import dataclass
from statistics import median

import pyomo.environ as pyo
from pyomo.contrib.appsi.solvers import Highs as AppsiHighs
from pyomo.core.base.block import BlockData
from rich.console import Console
from rich.table import Table

import bilevel as bl
from bilevel.solvers.highs import PersistentHighs

NONZEROS = 4
PRICES = 100
COMPARED_UP_TO = 10_000
"""Beyond this size Pyomo takes minutes to hand the same program over."""


ROUNDS = 3
WARM_UP = 100
"""A game of this size comes first, so that nothing is imported while it is measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each step; ``by_pyomo`` is None where it was not tried."""

    size: int
    build: float
    compile: float
    hand_over: float
    by_pyomo: float | None
    columns: int
    rows: int

    @property
    def ratio(self) -> float:
        """Compiling and handing over, in parts of the user's own build."""
        return (self.compile + self.hand_over) / self.build


def game(size: int) -> pyo.ConcreteModel:
    """Return a game with ``size`` follower columns and as many follower rows."""
    draw = random.Random(size)
    half, products = size // 2, range(size)
    rows = []
    for i in products:
        first, count = (0, half) if i < half else (half, size - half)
        columns = [i, *(first + draw.randrange(count) for _ in range(NONZEROS - 1))]
        rows.append([(j, round(draw.uniform(0.5, 2), 3)) for j in dict.fromkeys(columns)])
    capacity = [round(draw.uniform(5, 20), 3) for _ in products]
    utility = [round(draw.uniform(1, 5), 3) for _ in products]

    m = pyo.ConcreteModel()
    m.price = pyo.Var(range(PRICES), bounds=(0, 4))
    m.permit = pyo.Var(range(PRICES), domain=pyo.Binary)
    m.expansion = pyo.Var(range(PRICES), bounds=(0, 10))
    m.buyer = bl.Follower()
    m.buyer.quantity = pyo.Var(products, bounds=(0, 10))
    quantity = m.buyer.quantity

    def room(_: BlockData, i: int) -> object:
        used = sum(a * quantity[j] for j, a in rows[i])
        if i >= half:
            return used <= capacity[i] + m.expansion[i % PRICES]
        if i % 10 == 0:
            return used <= capacity[i] + 3 * m.permit[i // 10 % PRICES]
        return used <= capacity[i]

    m.buyer.room = pyo.Constraint(products, rule=room)
    m.buyer.surplus = pyo.Objective(
        expr=sum(utility[j] * quantity[j] for j in products)
        - sum(m.price[j % PRICES] * quantity[j] for j in range(half)),
        sense=pyo.maximize,
    )
    m.profit = pyo.Objective(
        expr=sum(m.price[j % PRICES] * quantity[j] for j in range(half))
        + sum(0.1 * quantity[j] for j in range(half, size))
        - sum(m.expansion[k] + 2 * m.permit[k] for k in range(PRICES)),
        sense=pyo.maximize,
    )
    return m


def measure(size: int) -> Measured:
    """Build, compile and hand over a game; the same program by Pyomo where that is bearable.

    Small sizes are measured several times and the median of each step counts.
    """
    rounds = [_round(size) for _ in range(ROUNDS if size <= COMPARED_UP_TO else 1)]
    build, compiling, hand_over = (median(times) for times in zip(*(seconds for seconds, _ in rounds), strict=True))
    compiled = rounds[-1][1]
    by_pyomo = _by_pyomo(compiled) if size <= COMPARED_UP_TO else None
    return Measured(
        size, build, compiling, hand_over, by_pyomo, len(compiled.program.columns), len(compiled.program.rows)
    )


def _round(size: int) -> tuple[tuple[float, float, float], bl.Compiled]:
    gc.collect()
    began = time.process_time()
    model = game(size)
    built = time.process_time()
    compiled = bl.compile(model, method=bl.KKT(complementarity=bl.BigM(bounds=1e3)))
    done = time.process_time()
    PersistentHighs(compiled.program)
    return (built - began, done - built, time.process_time() - done), compiled


def _by_pyomo(compiled: bl.Compiled) -> float:
    """Return the seconds to emit the program as Pyomo components and hand it to HiGHS by Pyomo."""
    began = time.process_time()
    model = compiled.to_pyomo()
    AppsiHighs().set_instance(model)
    return time.process_time() - began


def _table(results: list[Measured]) -> Table:
    table = Table(
        "follower columns", "program", "compile / build", "hand-over / build", "together / build", "the same by Pyomo"
    )
    for result in results:
        by_pyomo = "-"
        if result.by_pyomo is not None:
            by_pyomo = f"{result.by_pyomo / (result.compile + result.hand_over):.0f} x together"
        table.add_row(
            f"{result.size}",
            f"{result.columns} columns, {result.rows} rows",
            f"{result.compile / result.build:.2f}",
            f"{result.hand_over / result.build:.2f}",
            f"{result.ratio:.2f}",
            by_pyomo,
        )
    return table


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description="Cost of compiling beside the cost of building the user's model.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    _round(WARM_UP)
    sizes = parser.parse_args().sizes
    Console(width=118).print(_table([measure(size) for size in sizes]))


if __name__ == "__main__":
    main()
