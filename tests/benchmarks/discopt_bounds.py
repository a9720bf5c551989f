"""What discopt says of two small games at several bounds of multipliers: ``PYTHON tests/benchmarks/discopt_bounds.py``.

``PYTHON`` is the interpreter of an environment with discopt; nothing of this project is imported. The optima are
92/15 = 6.133333 (the example of BilevelJuMP's README) and -16 (the seller of the page on Pyomo's habits, minimised).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

BOUNDS = (None, 100.0, 1.0)


def example(m: Any) -> dict[str, Any]:
    """Leader min 3 x + y, x <= 5, 0 <= y <= 8; follower max x, x + y <= 8, 4 x + y >= 8, 2 x + y <= 13, 2 x <= 7 y."""
    x, y = m.continuous("x", lb=-100, ub=100), m.continuous("y", lb=0, ub=8)
    m.minimize(3 * x + y)
    m.subject_to(x <= 5)
    rows = [x + y <= 8, 4 * x + y >= 8, 2 * x + y <= 13, 2 * x - 7 * y <= 0]
    return {"upper_vars": [y], "lower_vars": [x], "lower_objective": -1 * x, "lower_constraints": rows}


def seller(m: Any) -> dict[str, Any]:
    """Leader min q - p q, 0 <= p <= 9; buyer min p q + 5 o, q + o >= 4, 0 <= q, o <= 10."""
    p, q, o = (m.continuous(name, lb=0, ub=most) for name, most in (("p", 9), ("q", 10), ("o", 10)))
    m.minimize(q - p * q)
    return {
        "upper_vars": [p],
        "lower_vars": [q, o],
        "lower_objective": p * q + 5 * o,
        "lower_constraints": [q + o >= 4],
    }


def answer(build: Callable[[Any], dict[str, Any]], bound: float | None) -> str:
    """Return status, objective and seconds of processor time; or the refusal."""
    from discopt.bilevel import BilevelProblem
    from discopt.modeling.core import Model

    began, model = time.process_time(), Model(build.__name__)
    try:
        BilevelProblem(model, **build(model), multiplier_ub=bound).formulate(method="kkt")
    except NotImplementedError as refused:
        return f"refused: {str(refused)[:80]}..."
    result = model.solve(time_limit=60)
    return f"{result.status}, objective {result.objective}, {time.process_time() - began:.2f} s"


if __name__ == "__main__":
    for build in (example, seller):
        for bound in BOUNDS:
            sys.stdout.write(f"{build.__name__:8} multiplier_ub={bound}: {answer(build, bound)}\n")
