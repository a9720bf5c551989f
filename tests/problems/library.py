"""Classical leader-follower problems, declared in the package's language, with source and answer.

Variables are named as in the sources as far as these agree; what is declared on ``m.follower`` is the follower's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo

from tests.problems.declaring import Problem, game, maximise, minimise, rows
from tests.problems.markets import (
    cournot_under_tax,
    equilibrium_price,
    export_or_import,
    investment,
    knapsack_interdiction,
    shared_capacity,
    strategic_bidding,
    switched_lines,
    two_tolls,
)


def bard_1984() -> Problem:
    m = game("bard_1984")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, x + y / 2 >= 2, y - x / 4 <= 2, x + y / 2 <= 8, x - 2 * y <= 4)
    minimise(m.follower, -5 * x - y)
    minimise(m, x + y)
    return Problem(m, 28 / 9, "Bard, IIE Trans. 16 (1984), also Floudas et al. (1999) 9.2.10: (8/9, 20/9)")


def bard_1988() -> Problem:
    m = game("bard_1988")
    x = m.x = pyo.Var(bounds=(0, 10))
    y = m.follower.y = pyo.Var(bounds=(0, 10))
    rows(m.follower, 3 * x - y >= 3, x - y / 2 <= 4, x + y <= 7)
    minimise(m.follower, (y - 1) ** 2 - 1.5 * x * y)
    minimise(m, (x - 5) ** 2 + (2 * y + 1) ** 2)
    return Problem(m, 17.0, "Bard, Computers and Operations Research 15 (1988), example 1: (1, 0)")


def bard_1991_ties() -> Problem:
    m = game("bard_1991_ties")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    rows(m.follower, x + y[1] <= 1, x + y[2] <= 1, y[1] + y[2] <= 1)
    maximise(m.follower, y[1] + y[2])
    minimise(m, -x + 10 * y[1] - y[2])
    ties = "at x = 0 every split of y1 + y2 = 1 is optimal; the leader gets -1 at best and 10 at worst"
    return Problem(m, -1.0, "Bard, Journal of Optimization Theory and Applications 68 (1991), example 2", ties)


def bard_1991_prices() -> Problem:
    m = game("bard_1991_prices")
    x = m.x = pyo.Var(bounds=(2, 4))
    y = m.follower.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    rows(m.follower, y[1] + y[2] >= x + 4)
    minimise(m.follower, 2 * y[1] + x * y[2])
    minimise(m, x + y[2])
    ties = "at x = 2 both variables cost the same; the leader gets 2 at best and 8 at worst"
    return Problem(m, 2.0, "Bard, Journal of Optimization Theory and Applications 68 (1991), example 1", ties)


def bard_1998() -> Problem:
    m = game("bard_1998")
    x = m.x = pyo.Var(bounds=(0, 10))
    y = m.follower.y = pyo.Var([1, 2], bounds=(0, 10))
    rows(
        m.follower,
        4 * x + 5 * y[1] + 4 * y[2] <= 12,
        4 * x - 4 * y[1] + 5 * y[2] <= 4,
        4 * x - 4 * y[1] - 5 * y[2] >= -4 + 8 * x - 8 * y[1],
        4 * x + 5 * y[1] - 4 * y[2] >= 4,
    )
    minimise(m.follower, (2 * y[1] - 4) ** 2 + (2 * y[2] - 1) ** 2 + x * y[1])
    minimise(m, (x - 1) ** 2 + 2 * y[1] ** 2 - 2 * x)
    return Problem(m, -38 / 27, "Bard, Practical Bilevel Optimization (1998), example 8.5.1: (17/9, 8/9, 0)")


def candler_townsley() -> Problem:
    m = game("candler_townsley")
    x = m.x = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var([1, 2, 3], domain=pyo.NonNegativeReals)
    rows(
        m.follower,
        -y[1] + y[2] + y[3] <= 1,
        2 * x[1] - y[1] + 2 * y[2] - y[3] / 2 <= 1,
        2 * x[2] + 2 * y[1] - y[2] - y[3] / 2 <= 1,
    )
    minimise(m.follower, x[1] + 2 * x[2] + y[1] + y[2] + 2 * y[3])
    minimise(m, -8 * x[1] - 4 * x[2] + 4 * y[1] - 40 * y[2] - 4 * y[3])
    return Problem(m, -29.2, "Candler and Townsley, Computers and Operations Research 9 (1982): (0, 0.9, 0, 0.6, 0.4)")


def clark_westerberg_1988() -> Problem:
    m = game("clark_westerberg_1988")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, -2 * x + y <= 0, 2 * x + 5 * y <= 108, 2 * x - 3 * y <= -4)
    minimise(m.follower, y)
    minimise(m, x - 4 * y)
    return Problem(m, -37.0, "Clark and Westerberg, Computers and Chemical Engineering 12 (1988): (19, 14)")


def clark_westerberg_1990() -> Problem:
    m = game("clark_westerberg_1990")
    x = m.x = pyo.Var(bounds=(0, 8))
    y = m.follower.y = pyo.Var()
    rows(m.follower, y - 2 * x <= 1, 2 * y - x >= 2, x + 2 * y <= 14)
    minimise(m.follower, (y - 5) ** 2)
    minimise(m, (x - 3) ** 2 + (y - 2) ** 2)
    return Problem(m, 5.0, "Clark and Westerberg, Computers and Chemical Engineering 14 (1990): (1, 3)")


def liu_hart() -> Problem:
    m = game("liu_hart")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, y - x <= 3, x + 2 * y <= 12, 4 * x - y <= 12)
    minimise(m.follower, y)
    minimise(m, -x - 3 * y)
    return Problem(m, -16.0, "Liu and Hart, Operations Research Letters 15 (1994): (4, 4)")


def bialas_karwan() -> Problem:
    m = game("bialas_karwan")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(
        m.follower,
        pyo.inequality(10, x + 2 * y, 38),
        x - 2 * y <= 6,
        2 * x - y <= 21,
        -x + 2 * y <= 18,
    )
    maximise(m.follower, -y)
    maximise(m, y)
    return Problem(m, 11.0, "Bialas and Karwan, IEEE Trans. Automatic Control 27 (1982): (16, 11)")


def ben_ayed_blair() -> Problem:
    m = game("ben_ayed_blair")
    x = m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    rows(m.follower, x + 3 * y[1] + y[2] <= 5, 2 * x + y[1] + 3 * y[2] <= 5)
    maximise(m.follower, y[1] + 5 * y[2])
    maximise(m, 1.5 * x + 6 * y[1] + y[2])
    return Problem(m, 2.5, "Ben-Ayed and Blair, Operations Research 38 (1990), example 1: (1, 0, 1)")


def falk_liu() -> Problem:
    m = game("falk_liu")
    x = m.x = pyo.Var([1, 2], bounds=(0, 10))
    y = m.follower.y = pyo.Var([1, 2], bounds=(0.5, 1.5))
    minimise(m.follower, sum((y[i] - x[i]) ** 2 for i in (1, 2)))
    minimise(m, sum(x[i] ** 2 - 3 * x[i] + y[i] ** 2 for i in (1, 2)))
    return Problem(m, -2.25, "Falk and Liu, Mathematical Programming 70 (1995), second example: x = y = (3/4, 3/4)")


def shimizu_aiyoshi() -> Problem:
    m = game("shimizu_aiyoshi")
    x = m.x = pyo.Var([1, 2], bounds={1: (0, 30), 2: (0, 15)})
    y = m.follower.y = pyo.Var([1, 2], bounds=(0, 10))
    rows(m, x[1] + 2 * x[2] >= 30, x[1] + x[2] <= 25)
    minimise(m.follower, sum((x[i] - y[i]) ** 2 for i in (1, 2)))
    minimise(m, (x[1] - 30) ** 2 + (x[2] - 20) ** 2 - 20 * y[1] + 20 * y[2])
    return Problem(m, 225.0, "Shimizu and Aiyoshi, IEEE Trans. Automatic Control 26 (1981), ex. 2: (20, 5, 10, 5)")


def yezza() -> Problem:
    """Solve min 1 + 2 x + 3 y - 4 x y where y maximises y - 4 x y over [0, 1].

    y = 1 for x < 1/4 (value 4 - 2 x > 3.5), y = 0 for x > 1/4 (value 1 + 2 x): best at x = 1/4 with y = 0.
    """
    m = game("yezza")
    x = m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var(bounds=(0, 1))
    minimise(m.follower, -(1 - 4 * x) * (1 + y) - 1)
    minimise(m, 1 + 2 * x + 3 * y - 4 * x * y)
    ties = "at x = 1/4 every y is optimal; the leader gets 1.5 at best and 3.5 at worst"
    return Problem(m, 1.5, "Yezza, Journal of Optimization Theory and Applications 88 (1996), example 3.1", ties)


def moore_bard_leader_integer() -> Problem:
    """Solve min -x - 10 y, x integer, y the least response: 1 at x = 8 (2 x - y <= 15)."""
    m = game("moore_bard_leader_integer")
    x = m.x = pyo.Var(domain=pyo.NonNegativeIntegers)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, -25 * x + 20 * y <= 30, x + 2 * y <= 10, 2 * x - y <= 15, 2 * x + 10 * y >= 15)
    minimise(m.follower, y)
    minimise(m, -x - 10 * y)
    return Problem(m, -18.0, "Moore and Bard, Operations Research 38 (1990), without the follower's integrality")


def efficient_points() -> Problem:
    m = game("efficient_points")
    x = m.x = pyo.Var(range(1, 7), domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var([1, 2, 3], domain=pyo.NonNegativeReals)
    rows(
        m.follower,
        -x[1] + 0.2 * x[2] + x[5] + 2 * x[6] - 4 * y[1] + 2 * y[2] + y[3] <= 12,
        x[1] + x[3] - 2 * x[4] - 4 * y[2] + y[3] <= 10,
        5 * x[1] + x[4] + 3.2 * x[6] + 2 * y[1] + 2 * y[2] <= 15,
        -3 * x[2] - x[4] + x[5] - 2 * y[1] <= 12,
        -2 * x[1] - x[2] - y[2] + y[3] <= -2,
        y[1] + 2 * y[2] + y[3] >= 2,
        2 * x[2] + 3 * x[3] + x[5] >= 3,
    )
    maximise(m.follower, 2 * x[2] - x[5] + 3 * y[1] - y[2] - 4 * y[3])
    maximise(m, 2 * x[1] - x[2] - x[3] + 2 * x[4] + x[5] - 3.5 * x[6] - y[1] - 1.5 * y[2] + 3 * y[3])
    return Problem(m, 41.2, "Bard, Operations Research 31 (1983): x = (0, 4, 0, 15, 9.2, 0), y = (0, 0, 2)")


def all_that_glitters() -> Problem:
    """Solve max x + y, 0 <= x <= 2, y the least with y >= 0 and y >= 100 (x - 1): (2, 100), multiplier 100."""
    m = game("all_that_glitters")
    x = m.x = pyo.Var(bounds=(0, 2))
    y = m.follower.y = pyo.Var()
    rows(m.follower, y >= 0, x - 0.01 * y <= 1)
    minimise(m.follower, y)
    maximise(m, x + y)
    source = "Pineda and Morales, IEEE Trans. Power Systems 34 (2019): any dual big-M below 100 gives 1"
    return Problem(m, 102.0, source)


def kleinert() -> Problem:
    m = game("kleinert")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var()
    rows(m, -x + 5 * y <= 12.5)
    rows(m.follower, 2 * x - y >= 0, x + y <= 6, -x + 6 * y >= -3, x + 3 * y >= 3)
    maximise(m.follower, y)
    minimise(m, x + 6 * y)
    return Problem(m, 39 / 7, "Kleinert, PhD thesis, Erlangen (2021), example 1: (3/7, 6/7)")


def two_followers() -> Problem:
    m = pyo.ConcreteModel("two_followers")
    x = m.x = pyo.Var([1, 2], bounds={1: (2, 6), 2: (2, 8)})
    rows(m, x[1] + x[2] == 10)

    @m.Follower([1, 2])
    def follower(block: Any, i: int) -> None:
        block.z = pyo.Var(bounds=(0, 20))
        rows(block, x[i] + block.z <= 8, x[i] + 4 * block.z >= 8, x[i] + 2 * block.z <= 13)
        maximise(block, block.z)

    minimise(m, x[1] + 3 * (m.follower[1].z + m.follower[2].z))
    return Problem(m, 18.5, "BilevelJuMP.jl, issue 1 (2023): two followers; solvers that keep only one get it wrong")


def three_satisfiability() -> Problem:
    """Solve min sum x - z: the follower pushes x_i up to min(a_i, b_i), so sum x = 0 says that a is an assignment.

    z = 1 says that every clause holds. (a1 or a2 or a3), (b1 or b4 or a3), (a7 or b6 or a4), (a5 or a6 or a7) hold
    together, hence -1.
    """
    m = game("three_satisfiability")
    index = range(1, 8)
    m.z = pyo.Var(bounds=(0, 1))
    a, b = m.a, m.b = pyo.Var(index, bounds=(0, 1)), pyo.Var(index, bounds=(0, 1))
    x = m.follower.x = pyo.Var(index, domain=pyo.NonNegativeReals)
    m.follower.below = pyo.Constraint(index, ["a", "b"], rule=lambda f, i, s: f.x[i] <= {"a": a, "b": b}[s][i])
    maximise(m.follower, sum(x[i] for i in index))
    clauses = (a[1] + a[2] + a[3], b[1] + b[4] + a[3], a[7] + b[6] + a[4], a[5] + a[6] + a[7])
    rows(m, *(a[i] + b[i] == 1 for i in index), *(clause >= m.z for clause in clauses))
    minimise(m, sum(x[i] for i in index) - m.z)
    return Problem(m, -1.0, "Dempe, Foundations of Bilevel Programming (2002), section 3.7")


LIBRARY: tuple[Callable[[], Problem], ...] = (
    bard_1984,
    bard_1988,
    bard_1991_ties,
    bard_1991_prices,
    bard_1998,
    candler_townsley,
    clark_westerberg_1988,
    clark_westerberg_1990,
    liu_hart,
    bialas_karwan,
    ben_ayed_blair,
    falk_liu,
    shimizu_aiyoshi,
    yezza,
    moore_bard_leader_integer,
    efficient_points,
    all_that_glitters,
    kleinert,
    two_followers,
    two_tolls,
    investment,
    strategic_bidding,
    equilibrium_price,
    export_or_import,
    three_satisfiability,
    cournot_under_tax,
    shared_capacity,
    knapsack_interdiction,
    switched_lines,
)
"""Every problem of this library."""
