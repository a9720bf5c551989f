"""An interdictor lengthens roads within a budget; a smuggler then takes the shortest path.

::

    max_x  min_y  sum_a (c_a + d_a x_a) y_a    s.t.  x binary, sum_a x_a <= 2;   y a path from S to T

Form: Israeli and Wood, Networks 40 (2002), doi:10.1002/net.10039. The network is ours. There are three paths, S-A-T
(5), S-B-T (6) and S-A-B-T (7). Lengthening S-A by 4 leaves S-B-T (6); with B-T lengthened as well the shortest are
S-A-T (9) and S-B-T (10). No other pair does better: 9.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

ANSWER = 9.0

LENGTH = {("S", "A"): 2.0, ("A", "T"): 3.0, ("S", "B"): 4.0, ("B", "T"): 2.0, ("A", "B"): 3.0}
LONGER, BUDGET = 4.0, 2


def network_interdiction() -> pyo.ConcreteModel:
    """Return the game of interdictor and smuggler."""
    m = pyo.ConcreteModel("network interdiction")
    m.cut = pyo.Var(LENGTH, domain=pyo.Binary)
    m.budget = pyo.Constraint(expr=pyo.quicksum(m.cut.values()) <= BUDGET)

    @m.Follower()
    def smuggler(smuggler: Any) -> None:
        smuggler.takes = pyo.Var(LENGTH, bounds=(0, None))

        @smuggler.Constraint("SAB")
        def balance(smuggler: Any, node: str) -> Any:
            leaving = sum(smuggler.takes[a] for a in LENGTH if a[0] == node)
            arriving = sum(smuggler.takes[a] for a in LENGTH if a[1] == node)
            return leaving - arriving == (1 if node == "S" else 0)

        smuggler.way = pyo.Objective(expr=sum((c + LONGER * m.cut[a]) * smuggler.takes[a] for a, c in LENGTH.items()))

    way = sum((c + LONGER * m.cut[a]) * m.smuggler.takes[a] for a, c in LENGTH.items())
    m.way = pyo.Objective(expr=way, sense=pyo.maximize)
    return m
