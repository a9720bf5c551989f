"""External cases as games: the format bilevel-json-1, and the algebra of ``special.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyomo.environ as pyo

import bilevel as bl

DOMAINS = {"continuous": pyo.Reals, "integer": pyo.Integers, "binary": pyo.Binary}
SENSES = {"min": pyo.minimize, "max": pyo.maximize}


def load_case(path: Path) -> dict[str, Any]:
    """Return the case as written in the file."""
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def load_special(path: Path) -> dict[str, dict[str, Any]]:
    """Return the cases of ``special.json`` by name."""
    return {case["name"]: case for case in json.loads(path.read_text())}


def declare(case: Mapping[str, Any]) -> pyo.ConcreteModel:
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


def _rows(block: Any, level: Mapping[str, Any], where: Mapping[str, Any]) -> None:
    block.row = pyo.Constraint(pyo.Any)
    for row in level["constraints"]:
        body, right = expression(row["expr"], where), row["rhs"]
        if isinstance(body, (int, float)):
            block.row[row["name"]] = _truth(body, row["sense"], right)
        else:
            block.row[row["name"]] = {"<=": body <= right, ">=": body >= right, "==": body == right}[row["sense"]]
    block.goal = pyo.Objective(expr=expression(level["objective"], where), sense=SENSES[level["sense"]])


def _truth(body: float, sense: str, right: float) -> Any:
    """Return what Pyomo takes for a row without variables."""
    holds = {"<=": body <= right, ">=": body >= right, "==": body == right}[sense]
    return pyo.Constraint.Feasible if holds else pyo.Constraint.Infeasible


def expression(terms: Mapping[str, Any], where: Mapping[str, Any]) -> Any:
    """Return the Pyomo expression of a case's EXPR."""
    linear = sum(value * where[name] for name, value in terms.get("linear", {}).items())
    quadratic = sum(value * where[a] * where[b] for a, b, value in terms.get("quadratic", []))
    return terms.get("constant", 0.0) + linear + quadratic


def is_conic(case: Mapping[str, Any]) -> bool:
    """Whether a case of ``special.json`` has second-order cones."""
    return any("SOC(" in row for level in ("leader", "follower") for row in case[level]["constraints"])


def declare_special(case: Mapping[str, Any]) -> pyo.ConcreteModel:
    """Declare a case of ``special.json``.

    A pair of which one is zero is stated with a binary, a cube by a variable for the square.
    """
    m = pyo.ConcreteModel(case["name"])
    m.follower = bl.Follower()
    names: dict[str, Any] = {}
    for block, level in ((m, case["leader"]), (m.follower, case["follower"])):
        for name, (lower, upper) in level["vars"].items():
            domain = pyo.Integers if name in level["integer"] else pyo.Reals
            names[name] = pyo.Var(bounds=(lower, upper), domain=domain)
            block.add_component(name, names[name])
    _algebra(m.follower, case["follower"], names)
    for name, dual in case["leader"].get("duals", {}).items():
        names[name] = bl.Multiplier(m.follower.row[dual["of"]], bounds=tuple(dual["bounds"]))
        m.add_component(name, names[name])
    _algebra(m, case["leader"], names)
    return m


def _algebra(block: Any, level: Mapping[str, Any], names: dict[str, Any]) -> None:
    block.row = pyo.Constraint(pyo.Any)
    for i, text in enumerate(level["constraints"]):
        if text.startswith("SOS1("):
            _one_of_two_is_zero(block, [names[name] for name in text[5:-1].split(", ")])
            continue
        if text.startswith("SOC("):
            head, _, tail = text[4:-1].partition("; ")
            block.row[f"head{i}"] = names[head] >= 0
            block.row[f"cone{i}"] = sum(names[name] ** 2 for name in tail.split(", ")) <= names[head] ** 2
            continue
        name, _, relation = text.rpartition(": ")
        for cubed in re.findall(r"(\w+)\*\*3", relation):
            relation = relation.replace(f"{cubed}**3", f"{cubed} * {_square(block, cubed, names)}")
        block.row[name or f"row{i}"] = _evaluated(relation, names)
    block.goal = pyo.Objective(expr=_evaluated(level["objective"], names), sense=SENSES[level["sense"]])


def _square(block: Any, name: str, names: dict[str, Any]) -> str:
    """Return the name of a variable that is the square of another."""
    square = f"square_of_{name}"
    names[square] = pyo.Var()
    block.add_component(square, names[square])
    block.add_component(f"is_{square}", pyo.Constraint(expr=names[square] == names[name] ** 2))
    return square


def _evaluated(text: str, names: Mapping[str, Any]) -> Any:
    return eval(text, {"__builtins__": {}}, dict(names))


def _one_of_two_is_zero(block: Any, pair: list[Any]) -> None:
    first, second = pair
    block.choice = pyo.Var(domain=pyo.Binary)
    block.first = pyo.Constraint(expr=first <= first.ub * block.choice)
    block.second = pyo.Constraint(expr=second <= second.ub * (1 - block.choice))
