"""A highway authority sets tolls; every commuter takes the cheapest path of the network.

::

    max_t  sum_k d_k sum_{a tolled} t_a f_ka
    f_k in argmin { sum_a (c_a + t_a) f_a : flow of one unit from o_k to d_k, f >= 0 }

Form: Labbe, Marcotte and Savard, Management Science 44 (1998), doi:10.1287/mnsc.44.12.1608. The network is ours.
Commuters A to D (10 of them) pay 12 without the highway B-C and 2 + 3 + 2 = 7 with it; those from B to C (30 of
them) pay 6 without it and 3 with it. A toll of 5 sells to the ten (50), a toll of 3 to all forty (120).
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

ANSWER = 120.0

ARCS = {("A", "B"): 2.0, ("B", "C"): 3.0, ("C", "D"): 2.0, ("A", "D"): 12.0, ("B", "E"): 4.0, ("E", "C"): 2.0}
TOLLED = ("B", "C")
TRIPS = {("A", "D"): 10, ("B", "C"): 30}


def toll_setting() -> pyo.ConcreteModel:
    """Return the game of the authority and two groups of commuters."""
    m = pyo.ConcreteModel("toll setting")
    m.toll = pyo.Var(bounds=(0, 20))

    @m.Follower(TRIPS)
    def commuter(commuter: Any, origin: str, destination: str) -> None:
        commuter.flow = pyo.Var(ARCS, bounds=(0, None))
        ends = {origin: 1, destination: -1}

        @commuter.Constraint("ABCDE")
        def balance(commuter: Any, node: str) -> Any:
            leaving = sum(commuter.flow[a] for a in ARCS if a[0] == node)
            arriving = sum(commuter.flow[a] for a in ARCS if a[1] == node)
            return leaving - arriving == ends.get(node, 0)

        cost = sum(c * commuter.flow[a] for a, c in ARCS.items())
        commuter.cost = pyo.Objective(expr=cost + m.toll * commuter.flow[TOLLED])

    sold = sum(number * m.commuter[trip].flow[TOLLED] for trip, number in TRIPS.items())
    m.revenue = pyo.Objective(expr=m.toll * sold, sense=pyo.maximize)
    return m
