"""A small power network whose lines are hardened, attacked, and operated with direct-current power flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

import bilevel as bl

HARDENING = 0.01
"""Cost of hardening a line, so small that it only decides between equally good defences."""


@dataclass(frozen=True)
class Network:
    """Lines ``name: (from, to, susceptance, limit_mw)``, and generation limits and demands by node, in MW."""

    lines: dict[str, tuple[int, int, float, float]]
    generation_mw: dict[int, float]
    demand_mw: dict[int, float]

    @property
    def nodes(self) -> list[int]:
        return sorted(self.demand_mw)

    @property
    def widest_angle(self) -> float:
        """No two angles need to differ by more than the largest differences of all lines together."""
        return sum(limit / susceptance for _, _, susceptance, limit in self.lines.values())


def five_lines() -> Network:
    """Two generators feed two towns over a ring and a diagonal."""
    return Network(
        lines={
            "a": (1, 2, 10.0, 60.0),
            "b": (2, 3, 10.0, 50.0),
            "c": (3, 4, 5.0, 40.0),
            "d": (4, 1, 10.0, 50.0),
            "e": (1, 3, 5.0, 30.0),
        },
        generation_mw={1: 100.0, 4: 30.0},
        demand_mw={1: 0.0, 2: 40.0, 3: 60.0, 4: 10.0},
    )


def defender_attacker_defender(network: Network, hardened: int, attacked: int) -> pyo.ConcreteModel:
    """Harden at most ``hardened`` lines before ``attacked`` others are cut; the operator sheds as little as it can.

    A line that is cut, ``u_l (1 - x_l) = 1``, carries nothing, and its flow law is let go by as much as angles can
    differ. The set of attacks has integral corners, and shed load is convex in the attack: no line is cut in part.
    """
    m, lines, nodes = pyo.ConcreteModel(), list(network.lines), network.nodes
    m.hardened = pyo.Var(lines, domain=pyo.Binary)
    m.teams = pyo.Constraint(expr=sum(m.hardened[line] for line in lines) <= hardened)
    m.cut = bl.Uncertain(lines, within=bl.uncertainty.Budget(0, 1, budget=attacked, one_sided=True))
    m.operation = bl.Recourse()
    declare_operation(m.operation, m, network)
    shed = sum(m.operation.shed[node] for node in nodes)
    m.loss = pyo.Objective(expr=shed + HARDENING * sum(m.hardened[line] for line in lines))
    return m


def declare_operation(block: Any, m: pyo.ConcreteModel, network: Network) -> None:
    """Declare generation, shed load, flows and angles after the attack."""
    nodes, widest = network.nodes, network.widest_angle
    block.generation = pyo.Var(nodes, bounds=lambda _, n: (0, network.generation_mw.get(n, 0.0)))
    block.shed = pyo.Var(nodes, bounds=lambda _, n: (0, network.demand_mw[n]))
    block.angle = pyo.Var(nodes, bounds=(-widest, widest))
    block.flow = pyo.Var(list(network.lines))
    block.law, block.limit = pyo.ConstraintList(), pyo.ConstraintList()
    for line, (start, end, susceptance, limit) in network.lines.items():
        out = m.cut[line] - m.cut[line] * m.hardened[line]
        missed = block.flow[line] - susceptance * (block.angle[start] - block.angle[end])
        for sign in (1, -1):
            block.law.add(sign * missed <= 2 * susceptance * widest * out)
            block.limit.add(sign * block.flow[line] <= limit - limit * out)

    @block.Constraint(nodes)
    def balance(block: Any, node: int) -> Any:
        arriving = sum(block.flow[line] for line, (_, end, _, _) in network.lines.items() if end == node)
        leaving = sum(block.flow[line] for line, (start, _, _, _) in network.lines.items() if start == node)
        return block.generation[node] + arriving - leaving + block.shed[node] == network.demand_mw[node]
