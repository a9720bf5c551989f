"""What two-stage robust games cost: ``python -m tests.benchmarks.robust [--peers PYTHON]``.

Warm recourse programs against programs built anew, one block of recourse a scenario against one a distribution, and
affine rules of other packages beside the exact answer. ``PYTHON`` is the interpreter of an environment with rsome,
pyomo and highspy; without it that part is left out. Times are of the processor, and only ratios mean something: with
``OPENBLAS_NUM_THREADS=1`` in the environment, for idle threads of BLAS count as well.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable

import numpy as np
import pyomo.environ as pyo
from rich.console import Console
from scipy import sparse

import bilevel as bl
from bilevel.language.read import read
from bilevel.robust.recourse import RecourseSolver
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.programs import Columns, MixedIntegerProgram, Names, Rows
from reformulations.robust.second_stage import recourse_program, second_stage
from reformulations.robust.two_stage import split

PEERS = """
import sys, time
size = int(sys.argv[1])

def rsome_value():
    import rsome
    from rsome import ro
    model = ro.Model()
    u, y = model.rvar(size), model.ldr(size)
    y.adapt(u)
    model.minmax(y.sum(), rsome.norm(u, 1) <= 1)
    model.st(y >= u, y >= -u)
    model.solve(display=False)
    return model.get()

def pyros_value():
    import itertools, logging
    import pyomo.environ as pyo
    import pyomo.contrib.pyros as pyros
    logging.disable(logging.CRITICAL)
    m = pyo.ConcreteModel()
    index = range(size)
    m.u = pyo.Param(index, initialize=0.0, mutable=True)
    m.x = pyo.Var(bounds=(0, 1))
    m.y = pyo.Var(index, bounds=(0, 10))
    m.above = pyo.Constraint(index, rule=lambda m, i: m.y[i] >= m.u[i])
    m.below = pyo.Constraint(index, rule=lambda m, i: m.y[i] >= -m.u[i])
    m.cost = pyo.Objective(expr=m.x + sum(m.y[i] for i in index))
    rows = [list(signs) for signs in itertools.product((1.0, -1.0), repeat=size)]
    ball = pyros.PolyhedralSet(rows, [1.0] * len(rows))
    solver = pyo.SolverFactory("appsi_highs")
    answer = pyo.SolverFactory("pyros").solve(
        m, [m.x], list(m.y.values()), list(m.u.values()), ball, solver, solver,
        objective_focus=pyros.ObjectiveType.worst_case, decision_rule_order=1, solve_master_globally=True,
    )
    return answer.final_objective_value

for name, value in (("RSOME", rsome_value), ("PyROS", pyros_value)):
    began = time.process_time()
    try:
        found = f"{value():.6g}"
    except Exception as reason:
        found = f"failed ({type(reason).__name__}: {str(reason)[:60]})"
    print(f"  {name}, affine rule: {found} in {time.process_time() - began:.2f} s")
"""


def transport(size: int) -> pyo.ConcreteModel:
    """Return a transportation problem from ``size`` sites to ``size`` customers with uncertain demands."""
    draw = np.random.default_rng(size)
    cost = draw.uniform(1, 9, (size, size))
    m, index = pyo.ConcreteModel(), range(size)
    m.size = pyo.Var(index, bounds=(0, 60))
    m.demand = bl.Uncertain(index, within=bl.uncertainty.Budget(10, 8, budget=2, one_sided=True))
    m.later = bl.Recourse()
    m.later.ship = pyo.Var(index, index, bounds=(0, None))
    m.later.stock = pyo.Constraint(index, rule=lambda b, i: sum(b.ship[i, j] for j in index) <= m.size[i])
    m.later.need = pyo.Constraint(index, rule=lambda b, j: sum(b.ship[i, j] for i in index) >= m.demand[j])
    shipping = sum(cost[i, j] * m.later.ship[i, j] for i in index for j in index)
    m.cost = pyo.Objective(expr=sum((5 + i) * m.size[i] for i in index) + shipping)
    return m


LONG_ENOUGH = 0.3
"""Seconds of a measurement; the clock of the processor ticks every few milliseconds."""

PLANS = (20.0, 21.0, 19.5, 22.0)
"""Sizes of all sites in the plans that nature answers, one after the other as in the rounds of a run."""


def warm_against_rebuilt(size: int) -> list[str]:
    """Time the cheapest recourse at every vertex for several plans: kept warm in two ways, and built anew in two."""
    game = read(transport(size))
    two_stage = split(game.program)
    vertices = game.uncertain[0].within.on(list(range(size)), "demand").vertices(5000)
    stages = [second_stage(two_stage, np.full(size, plan)) for plan in PLANS]
    options = HighsOptions(threads=1)

    def by_shared_bases() -> list[object]:
        solver = RecourseSolver(stages[0], 1)
        return [solver.costs(stage, vertices) for stage in stages]

    def one_by_one() -> list[object]:
        solver = RecourseSolver(stages[0], 1)
        return [[solver.cheapest(stage, u).cost for u in vertices] for stage in stages]

    def built_anew() -> list[object]:
        programs = [[recourse_program(stage, u) for u in vertices] for stage in stages]
        return [[PersistentHighs(program, options).solve().objective for program in row] for row in programs]

    shared, by_bases = _timed(by_shared_bases)
    warm_costs, warm = _timed(one_by_one)
    anew_costs, anew = _timed(built_anew)
    few = vertices[:5]
    _, seconds = _timed(lambda: [_by_pyomo(size, u) for u in few])
    by_pyomo = seconds * len(vertices) * len(stages) / len(few)
    agree = np.allclose(np.array(warm_costs), np.array(anew_costs, float)) and np.allclose(
        np.array(shared), np.array(warm_costs)
    )
    count, verdict = len(vertices) * len(stages), "agree" if agree else "DIFFER"
    rows = (("arrays handed over anew", anew), ("a Pyomo model built anew", by_pyomo))
    return [
        f"{size} x {size} transport, {len(vertices)} vertices, {len(stages)} plans (values {verdict}), ms a vertex:",
        f"  warm, bases shared by vertices and plans: {1e3 * by_bases / count:.4f}",
        f"  warm, one program a vertex: {1e3 * warm / count:.4f}",
        *(f"  {what}: {1e3 * t / count:.3f}, {t / by_bases:.0f} x and {t / warm:.1f} x as long" for what, t in rows),
    ]


def _timed(work: Callable[[], list[object]]) -> tuple[list[object], float]:
    """Return what ``work`` returns and its processor time, repeated so often that the clock can tell."""
    began, times = time.process_time(), 0
    while True:
        found, times = work(), times + 1
        seconds = time.process_time() - began
        if seconds > LONG_ENOUGH:
            return found, seconds / times


def _by_pyomo(size: int, demand: np.ndarray) -> None:
    m = transport(size)
    m.size.fix(20.0)
    for j in range(size):
        m.demand[j].fix(float(demand[j]))
    pyo.SolverFactory("appsi_highs").solve(m)


def shared_against_replicated(scenarios: int, distributions: int) -> str:
    """Time the last master with one block of recourse a scenario, and with one a scenario and distribution."""
    draw = np.random.default_rng(1)
    weights = draw.dirichlet(np.ones(scenarios), size=distributions)
    demand = draw.uniform(0, 10, (scenarios, 5))
    seconds, columns, values = [], [], []
    for copies in (1, distributions):
        program = _master(weights, demand, copies)
        began = time.process_time()
        values.append(PersistentHighs(program).solve().objective)
        seconds.append(time.process_time() - began)
        columns.append(len(program.columns))
    agree = np.isclose(*np.array(values, float))
    return (
        f"{scenarios} scenarios, {distributions} distributions (values {'agree' if agree else 'DIFFER'}): {columns[0]} "
        f"columns shared, {columns[1]} replicated, which takes {seconds[1] / max(seconds[0], 1e-4):.1f} x the time"
    )


def _master(weights: np.ndarray, demand: np.ndarray, copies: int) -> MixedIntegerProgram:
    """min sum z + eta, eta >= sum_k w_k (k's shortages at 1.8 .. 2.6), short_k >= d_k - z; 5 goods."""
    scenarios, goods = demand.shape
    block = scenarios * goods
    price = np.tile(np.linspace(1.8, 2.6, goods), scenarios)
    stock = sparse.kron(np.ones((scenarios, 1)), sparse.eye_array(goods))
    width = goods + 1 + copies * block
    need = sparse.hstack(
        [sparse.vstack([stock] * copies), sparse.csr_array((copies * block, 1)), sparse.eye_array(copies * block)]
    )
    cuts = np.zeros((len(weights), width))
    cuts[:, goods] = 1
    for k, weight in enumerate(weights):
        start = goods + 1 + (k if copies > 1 else 0) * block
        cuts[k, start : start + block] = -np.repeat(weight, goods) * price
    matrix = sparse.csr_array(sparse.vstack([need, sparse.csr_array(cuts)], format="csr"))
    lower = np.concatenate([np.tile(demand.ravel(), copies), np.zeros(len(weights))])
    rows = Rows(matrix, lower, np.full(len(lower), np.inf), Names(len(lower), str))
    columns = Columns(np.zeros(width), np.full(width, np.inf), np.zeros(width, bool), Names(width, str))
    return MixedIntegerProgram(columns, rows, np.append(np.ones(goods + 1), np.zeros(copies * block)), 0.0)


def exact_against_affine(size: int, peers: str | None) -> list[str]:
    """Return the values of the l1 ball: exact, by our affine rule, and by those of other packages."""
    m, index = pyo.ConcreteModel(), range(size)
    m.u = bl.Uncertain(index, within=bl.uncertainty.Budget(0, 1, budget=1))
    m.later = bl.Recourse()
    m.later.y = pyo.Var(index, bounds=(0, 10))
    m.later.above = pyo.Constraint(index, rule=lambda b, i: b.y[i] >= m.u[i])
    m.later.below = pyo.Constraint(index, rule=lambda b, i: b.y[i] >= -m.u[i])
    m.cost = pyo.Objective(expr=sum(m.later.y[i] for i in index))
    lines = []
    for name, value in (("exact", lambda: bl.solve(m).objective), ("our affine rule", lambda: bl.affine_value(m))):
        began = time.process_time()
        lines.append(f"  {name}: {value():.6g} in {time.process_time() - began:.2f} s")
    if peers is not None:
        run = subprocess.run([peers, "-c", PEERS, str(size)], capture_output=True, text=True, check=False)
        lines.extend(run.stdout.rstrip().splitlines())
    return lines


def main() -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description="Two-stage robust games: warm programs, shared columns, affine rules.")
    parser.add_argument("--peers", help="interpreter of an environment with rsome, pyomo and highspy")
    peers = parser.parse_args().peers
    console = Console(width=118, highlight=False)
    for size in (5, 10, 20):
        for line in warm_against_rebuilt(size):
            console.print(line)
    for distributions in (3, 10):
        console.print(shared_against_replicated(40, distributions))
    for size in (3, 6):
        console.print(f"min sum y, y >= |u|, ||u||_1 <= 1, n = {size}:")
        for line in exact_against_affine(size, peers):
            console.print(line)


if __name__ == "__main__":
    main()
