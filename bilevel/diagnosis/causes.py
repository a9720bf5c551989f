"""Findings on followers without a best response, on what the leader asks of responses, and on directions in words."""

from __future__ import annotations

import numpy as np

from bilevel.diagnosis.elastic_rows import Violated, responses_in
from bilevel.diagnosis.endless import follower_direction
from bilevel.diagnosis.findings import Finding, Group
from bilevel.diagnosis.infeasible_rows import owners_of
from bilevel.printing import listed, number
from reformulations.elastic import side_name
from reformulations.programs import BilevelProgram, Floats


def endless_finding(program: BilevelProgram, player: int, threads: int | None) -> Finding:
    """Say of a follower without a best response along what its objective improves."""
    name = program.players[player]
    direction = follower_direction(program, player, threads)
    sentence = "it has no best response, whatever the others decide within their bounds: "
    if direction is None:
        return Finding("follower objective", name, (), sentence + "no multipliers balance its objective")
    names, how = moves(program, direction)
    sentence += f"its objective improves without end as {how}; bound {names[0] if len(names) == 1 else 'one of them'}"
    return Finding("follower objective", name, names, sentence)


def condition_findings(program: BilevelProgram, found: Violated, contradicted: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return one finding for coupling rows and one for bounds of multipliers, as far as there are any."""
    m, n = len(program.rows), len(program.columns)
    priced = np.zeros(n, bool)
    priced[program.multipliers.column] = True
    of_multiplier = (found.conditions >= m) & priced[(found.conditions - m) % n]
    findings = []
    kinds: tuple[tuple[Group, bool], ...] = (("coupling rows", False), ("multiplier bounds", True))
    for group, mask in kinds:
        chosen = np.flatnonzero(of_multiplier == mask)
        if not len(chosen):
            continue
        conditions, amounts = found.conditions[chosen], found.amounts[chosen]
        names = tuple(side_name(program, position) for position in conditions.tolist())
        by = ", ".join(f"{name} by {number(round(amount, 6))}" for name, amount in zip(names, amounts, strict=True))
        sentence = f"no best response satisfies this; at least violated: {by}"
        values = None if found.point is None else _values(program, conditions, found.point)
        sentence += f", where the followers respond with {values}" if values else ""
        others = [name for name in contradicted if name not in names]
        if others:
            sentence += f"; even without complementarity it contradicts {listed(tuple(others))}"
        findings.append(Finding(group, owners_of(program, conditions), names, sentence, tuple(amounts.tolist())))
    return tuple(findings)


def _values(program: BilevelProgram, conditions: np.ndarray, point: Floats) -> str:
    columns = responses_in(program, conditions.tolist())
    named = {program.columns.names[int(j)]: round(float(point[j]), 6) + 0.0 for j in columns}
    return listed(tuple(f"{name} = {number(value)}" for name, value in named.items()))


def moves(program: BilevelProgram, direction: Floats) -> tuple[tuple[str, ...], str]:
    """Return the names of the columns that move, and in words how."""
    moving = np.flatnonzero(direction)
    moving = moving[np.argsort(-np.abs(direction[moving]), kind="stable")]
    names = tuple(program.columns.names[int(j)] for j in moving)
    how = tuple(f"{name} {'grows' if direction[j] > 0 else 'falls'}" for name, j in zip(names, moving, strict=True))
    return names, listed(how)
