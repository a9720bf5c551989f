"""One run of a peer on one coupled game: reads JSON of arrays, writes JSON; runs in an environment of the peers.

Nothing of this project is imported here. ``{"peer", "family", "limit", "game"}`` comes in by the standard input,
``{"seconds", "objective", "closed", "refused"}`` goes out as the last line of the standard output.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

LARGEST_DECISION = 10.0
GUESSED_M = 1e5
MANY = 1e3
"""Bound of the follower's columns for peers that need one; those of the generated games are far below."""


def pao(game: dict[str, Any], limit: float) -> dict[str, Any]:
    """Fortuny-Amat and McCarl with PAO's M of 1e5, on HiGHS."""
    import numpy as np

    vars(np).update(NINF=-np.inf, PINF=np.inf)  # gone in numpy 2, used by PAO
    import pyomo.environ as pyo
    from pao.pyomo import Solver, SubModel

    n, m, rows = len(game["leader_own"]), len(game["leader_other"]), len(game["right"])
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(n), bounds=(0, LARGEST_DECISION))
    model.y = pyo.Var(range(m), bounds=(0, None))
    leader = sum(game["leader_own"][j] * model.x[j] for j in range(n))
    leader += sum(game["leader_other"][j] * model.y[j] for j in range(m))
    model.goal = pyo.Objective(expr=leader, sense=pyo.maximize)
    model.lower = SubModel(fixed=model.x)
    model.lower.goal = pyo.Objective(expr=sum(game["follower_own"][j] * model.y[j] for j in range(m)))
    model.lower.row = pyo.Constraint(
        range(rows),
        rule=lambda _, i: (
            sum(game["of_leader"][i][j] * model.x[j] for j in range(n))
            + sum(game["of_follower"][i][j] * model.y[j] for j in range(m))
            <= game["right"][i]
        ),
    )
    began = time.process_time()
    with Solver("pao.pyomo.FA", mip_solver="appsi_highs") as solver:
        result = solver.solve(model, time_limit=limit)
    seconds = time.process_time() - began
    closed = str(result.solver.termination_condition).endswith("optimal")
    return {"seconds": seconds, "objective": pyo.value(model.goal), "closed": closed, "refused": ""}


def discopt(game: dict[str, Any], limit: float) -> dict[str, Any]:
    """Discopt's KKT reformulation; it asks for bounds, and is given those of PAO for multipliers."""
    from discopt.bilevel import BilevelProblem
    from discopt.modeling.core import Model

    n, m, rows = len(game["leader_own"]), len(game["leader_other"]), len(game["right"])
    model = Model("coupled")
    x = [model.continuous(f"x{j}", lb=0, ub=LARGEST_DECISION) for j in range(n)]
    y = [model.continuous(f"y{j}", lb=0, ub=MANY) for j in range(m)]
    model.minimize(-_form(game["leader_own"], x) - _form(game["leader_other"], y))
    lower = [_form(game["of_leader"][i], x) + _form(game["of_follower"][i], y) <= game["right"][i] for i in range(rows)]
    began = time.process_time()
    problem = BilevelProblem(
        model,
        upper_vars=x,
        lower_vars=y,
        lower_objective=_form(game["follower_own"], y),
        lower_constraints=lower,
        multiplier_ub=GUESSED_M,
    )
    problem.formulate(method="kkt")
    result = model.solve(time_limit=limit)
    seconds = time.process_time() - began
    objective = None if result.objective is None else -float(result.objective)
    return {"seconds": seconds, "objective": objective, "closed": str(result.status) == "optimal", "refused": ""}


def _form(coefficients: list[float], variables: list[Any]) -> Any:
    return sum(a * variable for a, variable in zip(coefficients, variables, strict=True))


def main() -> None:
    """Answer one question."""
    told = json.load(sys.stdin)
    run = {"PAO FA": pao, "discopt": discopt}[told["peer"]]
    if told["family"] != "coupled":
        answer = {"seconds": 0.0, "objective": None, "closed": False, "refused": "takes no price times quantity"}
    else:
        answer = run(told["game"], told["limit"])
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
