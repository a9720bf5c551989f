"""External cases in the format bilevel-json-1, declared as games."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyomo.environ as pyo

import bilevel as bl

DOMAINS = {"continuous": pyo.Reals, "integer": pyo.Integers, "binary": pyo.Binary}


def load_case(path: Path) -> dict[str, Any]:
    """Return the case as written in the file."""
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def declare(case: dict[str, Any]) -> pyo.ConcreteModel:
    """Declare the case as a game: ``m.x`` the leader's variables, ``m.follower.y`` the follower's."""
    m = pyo.ConcreteModel(case["name"])
    m.follower = bl.Follower()
    variables = {
        "leader": [v for v in case["variables"] if v["level"] == "leader" and "dual_of" not in v],
        "follower": [v for v in case["variables"] if v["level"] == "follower"],
    }
    where: dict[str, Any] = {}
    for level, block, name in (("leader", m, "x"), ("follower", m.follower, "y")):
        component = pyo.Var([v["name"] for v in variables[level]])
        block.add_component(name, component)
        for v in variables[level]:
            data = component[v["name"]]
            data.domain = DOMAINS[v["type"]]
            data.setlb(v["lb"])
            data.setub(v["ub"])
            where[v["name"]] = data
    _rows(m.follower, case["follower"], where)
    for v in case["variables"]:
        if "dual_of" in v:
            multiplier = bl.Multiplier(m.follower.row[v["dual_of"]], bounds=(v["lb"], v["ub"]))
            m.add_component(v["name"], multiplier)
            where[v["name"]] = multiplier
    _rows(m, case["leader"], where)
    return m


def _rows(block: Any, level: dict[str, Any], where: dict[str, Any]) -> None:
    block.row = pyo.Constraint(pyo.Any)
    for row in level["constraints"]:
        body, right = expression(row["expr"], where), row["rhs"]
        if isinstance(body, float):
            body += 0 * next(iter(where.values()))
        block.row[row["name"]] = {"<=": body <= right, ">=": body >= right, "==": body == right}[row["sense"]]
    sense = {"min": pyo.minimize, "max": pyo.maximize}[level["sense"]]
    block.goal = pyo.Objective(expr=expression(level["objective"], where), sense=sense)


def expression(terms: dict[str, Any], where: dict[str, Any]) -> Any:
    """Return the Pyomo expression of a case's EXPR."""
    linear = sum(value * where[name] for name, value in terms.get("linear", {}).items())
    quadratic = sum(value * where[a] * where[b] for a, b, value in terms.get("quadratic", []))
    return terms.get("constant", 0.0) + linear + quadratic
