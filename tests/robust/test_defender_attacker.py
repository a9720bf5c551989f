"""Defender, attacker, defender on a power network, against enumeration of all defences and attacks."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Literal

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import linprog

import bilevel as bl
from tests.problems.power_network import HARDENING, Network, defender_attacker_defender, five_lines


@cache
def least_shed(cut: frozenset[str]) -> float:
    """Return the least shed load with these lines out: they are absent, no flow law is let go."""
    network = five_lines()
    nodes, lines = network.nodes, [line for line in network.lines if line not in cut]
    count, free = len(nodes), len(lines)
    # columns: generation, shed, angle of each node, flow of each line
    balance, law = np.zeros((count, 3 * count + free)), np.zeros((free, 3 * count + free))
    for i in range(count):
        balance[i, [i, count + i]] = 1
    for k, line in enumerate(lines):
        start, end, susceptance, _ = network.lines[line]
        start, end, flow = nodes.index(start), nodes.index(end), 3 * count + k
        balance[start, flow], balance[end, flow], law[k, flow] = -1, 1, 1
        law[k, 2 * count + start], law[k, 2 * count + end] = -susceptance, susceptance
    bounds = [(0, network.generation_mw.get(n, 0)) for n in nodes] + [(0, network.demand_mw[n]) for n in nodes]
    bounds += [(None, None)] * count + [(-network.lines[line][3], network.lines[line][3]) for line in lines]
    cost = np.repeat([0.0, 1.0, 0.0], [count, count, count + free])
    demand = [network.demand_mw[n] for n in nodes]
    answer = linprog(cost, A_eq=np.vstack([balance, law]), b_eq=demand + [0.0] * free, bounds=bounds)
    return float(answer.fun)


def best_defence(network: Network, hardened: int, attacked: int) -> float:
    """Return the optimum over all defences and all attacks."""
    defences = [frozenset(c) for size in range(hardened + 1) for c in combinations(network.lines, size)]
    attacks = [frozenset(c) for size in range(attacked + 1) for c in combinations(network.lines, size)]
    return min(max(least_shed(attack - d) for attack in attacks) + HARDENING * len(d) for d in defences)


BUDGETS = [(0, 1), (1, 1), (1, 2), (2, 2), (2, 3)]
"""Lines that may be hardened, and lines that may be attacked."""


@pytest.mark.parametrize(("hardened", "attacked"), BUDGETS)
def test_defence_is_the_best_of_all_against_every_attack(hardened: int, attacked: int) -> None:
    check(hardened, attacked, "auto")


@pytest.mark.long
@pytest.mark.parametrize(("hardened", "attacked"), BUDGETS)
def test_nature_without_big_m_finds_the_same(hardened: int, attacked: int) -> None:
    """No bound of the multipliers of the flow laws can be derived, so nature's game branches on complementarities."""
    check(hardened, attacked, "game")


def test_an_attacker_that_may_not_cut_hardened_lines_does_no_better_or_worse() -> None:
    """To cut a hardened line is to waste a team; the set of attacks then moves with the defence."""
    network = five_lines()
    m = defender_attacker_defender(network, 1, 2)
    m.cut.within = bl.uncertainty.Polyhedron(
        rows=[(dict.fromkeys(network.lines, 1), "<=", 2)],
        bounds={line: (0, 1 - m.hardened[line]) for line in network.lines},
    )
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(best_defence(network, 1, 2), rel=1e-6)


def test_nature_answers_by_prices_where_the_defence_multiplies_the_attack() -> None:
    m = defender_attacker_defender(five_lines(), 1, 2)
    solution = bl.solve(m, method=bl.CCG(stored="prices"))
    assert solution.objective == pytest.approx(best_defence(five_lines(), 1, 2), rel=1e-6)


def check(hardened: int, attacked: int, oracle: Literal["auto", "game"]) -> None:
    network = five_lines()
    m = defender_attacker_defender(network, hardened, attacked)
    solution = bl.solve(m, method=bl.CCG(oracle=oracle))
    expected = best_defence(network, hardened, attacked)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert solution.certificate is not None
    assert solution.certificate.holds
    cut = {line for line in network.lines if pyo.value(m.cut[line]) > 0.5}
    kept = {line for line in network.lines if pyo.value(m.hardened[line]) > 0.5}
    assert len(cut) <= attacked
    assert least_shed(frozenset(cut - kept)) + HARDENING * len(kept) == pytest.approx(expected, rel=1e-5, abs=1e-5)
