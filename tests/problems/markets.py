"""Leader-follower problems of markets and networks: tolls, prices, bids, taxes, interdiction."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

import bilevel as bl
from tests.problems.declaring import Problem, game, maximise, minimise, rows


def two_tolls() -> Problem:
    """Solve max t (y1 + y2): 10 users pay at most 5 in all for the road, 20 users at most 3; it costs 1 without toll.

    At t = 4 only the ten drive (40); at t = 2 all thirty do (60). At both the users are indifferent.
    """
    m = pyo.ConcreteModel("two_tolls")
    m.toll = pyo.Var(bounds=(0, 10))
    users, other_way = {1: 10, 2: 20}, {1: 5, 2: 3}

    @m.Follower(users)
    def user(block: Any, i: int) -> None:
        block.road, block.around = pyo.Var(domain=pyo.NonNegativeReals), pyo.Var(domain=pyo.NonNegativeReals)
        rows(block, block.road + block.around == users[i])
        minimise(block, (1 + m.toll) * block.road + other_way[i] * block.around)

    maximise(m, m.toll * (m.user[1].road + m.user[2].road))
    ties = "at t = 2 the second users are indifferent; the leader gets 60 at best and 20 at worst"
    return Problem(m, 60.0, "after Labbe, Marcotte and Savard, Management Science 44 (1998)", ties)


def investment() -> Problem:
    """Solve min 40000 x + 8760 (10 - price) y1: at x = 50 the price may be 15, the cost of the third unit."""
    m = game("investment")
    x = m.capacity = pyo.Var(bounds=(0, 250))
    y = m.follower.output = pyo.Var([1, 2, 3], domain=pyo.NonNegativeReals)
    m.follower.balance = pyo.Constraint(expr=y[1] + y[2] + y[3] == 200)
    rows(m.follower, y[1] <= x, y[2] <= 150, y[3] <= 100)
    minimise(m.follower, 10 * y[1] + 12 * y[2] + 15 * y[3])
    m.price = bl.Multiplier(m.follower.balance)
    minimise(m, 40000 * x + 8760 * (10 - m.price) * y[1])
    ties = "at x = 50 every price in [12, 15] is a multiplier; the leader takes 15"
    source = "Conejo, Baringo, Kazempour and Siddiqui, Investment in Generation and Transmission (2016)"
    return Problem(m, -190000.0, source, ties)


def strategic_bidding() -> Problem:
    """Solve max price y1: 20 units leave the dear unit the last one, hence a price of 1000."""
    m = game("strategic_bidding")
    m.quantity = pyo.Var(bounds=(0, 100))
    y = m.follower.output = pyo.Var([1, 2, 3, 4], domain=pyo.NonNegativeReals)
    m.follower.balance = pyo.Constraint(expr=sum(y[i] for i in y) == 100)
    rows(m.follower, y[1] <= m.quantity, y[2] <= 40, y[3] <= 40, y[4] <= 100)
    minimise(m.follower, 50 * y[2] + 100 * y[3] + 1000 * y[4])
    m.price = bl.Multiplier(m.follower.balance, bounds=(0, None))
    maximise(m, m.price * y[1])
    ties = "at 20 units every price in [100, 1000] is a multiplier; the leader takes 1000"
    return Problem(m, 20000.0, "Fanzeres, Ahmed and Street, European Journal of Operational Research 272 (2019)", ties)


def equilibrium_price() -> Problem:
    """Solve max price y1 - y1 - 10 (price - 1): y1 <= 10, so the price earns nothing beyond the ten units sold ahead.

    The bid is capped at 100, the price of lost load: bids are not bounded in the source, and then nor are multipliers.
    """
    m = game("equilibrium_price")
    m.bid = pyo.Var(bounds=(0, 100))
    y = m.follower.output = pyo.Var([1, 2, 3, "lost"], domain=pyo.NonNegativeReals)
    rows(m.follower, y[1] <= 10, y[2] <= 15, y[3] <= 12)
    m.follower.balance = pyo.Constraint(expr=sum(y[i] for i in y) == 26)
    minimise(m.follower, m.bid * y[1] + 2 * y[2] + 1.5 * y[3] + 100 * y["lost"])
    m.price = bl.Multiplier(m.follower.balance, bounds=(0, None))
    maximise(m, m.price * y[1] - y[1] - 10 * (m.price - 1))
    ties = "bids below 2 sell all ten units whatever the price"
    return Problem(m, 0.0, "BilevelJuMP.jl, documentation of DualOf; the bid capped here", ties)


def export_or_import() -> Problem:
    """Solve min x0 + price * out, where a binary of the leader lets only one of ``out`` and ``into`` be positive.

    x0 + out - into = 2; the follower sells what it may: at xe = 0 it neither buys nor sells, and x0 = 2.
    """
    m = game("export_or_import")
    m.own, m.offer = pyo.Var(bounds=(0, 10)), pyo.Var(bounds=(0, 10))
    m.sells = pyo.Var(domain=pyo.Binary)
    f = m.follower
    f.out, f.into, f.local = pyo.Var(bounds=(0, 10)), pyo.Var(bounds=(0, 10)), pyo.Var(bounds=(0, 10))
    f.balance = pyo.Constraint(expr=f.into - f.out + f.local == 1)
    minimise(f, f.local + f.into - m.offer * f.out)
    m.price = bl.Multiplier(f.balance)
    rows(m, m.own + f.out - f.into == 2, f.out <= 10 * m.sells, f.into <= 10 * (1 - m.sells))
    minimise(m, m.own + m.price * f.out)
    ties = "into and local cost the same"
    return Problem(m, 2.0, "Laws and Hanasusanto, IEEE Trans. Power Systems 38 (2023), test of BilevelJuMP.jl", ties)


def cournot_under_tax() -> Problem:
    """Solve min (q1 + q2 - 4)^2 + t, where firm i answers the tax and the other firm: max (12 - q1 - q2) q_i - t q_i.

    The equilibrium is q1 = q2 = (12 - t)/3; (4 - 2 t/3)^2 + t is least at t = 39/8: 9/16 + 39/8 = 87/16.
    """
    m = pyo.ConcreteModel("cournot_under_tax")
    m.tax = pyo.Var(bounds=(0, 12))
    m.firm = bl.Follower([1, 2])
    for i in (1, 2):
        m.firm[i].q = pyo.Var(bounds=(0, 12))
    total = m.firm[1].q + m.firm[2].q
    for i in (1, 2):
        maximise(m.firm[i], (12 - total) * m.firm[i].q - m.tax * m.firm[i].q)
    minimise(m, (total - 4) ** 2 + m.tax)
    return Problem(m, 87 / 16, "Cournot duopoly under a tax, worked by hand")


def shared_capacity() -> Problem:
    """Solve max 2 y1 + y2, where each takes what the other leaves of 4, at most 3: (3, 1) is an equilibrium."""
    m = pyo.ConcreteModel("shared_capacity")
    m.capacity = pyo.Var(bounds=(0, 4))
    m.taker = bl.Follower([1, 2])
    for i in (1, 2):
        m.taker[i].y = pyo.Var(bounds=(0, 3))
    for i in (1, 2):
        rows(m.taker[i], m.taker[1].y + m.taker[2].y <= m.capacity)
        maximise(m.taker[i], m.taker[i].y)
    maximise(m, 2 * m.taker[1].y + m.taker[2].y)
    ties = "every split of the capacity is an equilibrium; the leader gets 7 at best and 5 at worst"
    return Problem(m, 7.0, "generalised Nash equilibrium, worked by hand", ties)


def knapsack_interdiction() -> Problem:
    """Solve min profit: profits 8, 6, 3, weights 4, 3, 3, capacity 6, one item may be blocked, items may be cut.

    Without item 1: 6 + 3 = 9; without item 2: 8 + 2 = 10; without item 3: 8 + 4 = 12. Block the first: 9.
    """
    m = game("knapsack_interdiction")
    items, profit, weight = (1, 2, 3), {1: 8, 2: 6, 3: 3}, {1: 4, 2: 3, 3: 3}
    m.block = pyo.Var(items, domain=pyo.Binary)
    y = m.follower.take = pyo.Var(items, domain=pyo.NonNegativeReals)
    rows(m, sum(m.block[i] for i in items) <= 1)
    rows(m.follower, sum(weight[i] * y[i] for i in items) <= 6, *(y[i] + m.block[i] <= 1 for i in items))
    maximise(m.follower, sum(profit[i] * y[i] for i in items))
    minimise(m, sum(profit[i] * y[i] for i in items))
    return Problem(m, 9.0, "after Caprara, Carvalho, Lodi and Woeginger (2016), continuous follower")


def switched_lines() -> Problem:
    """Solve max 3 u - 4 open where the follower sends at most 5 ``open`` over the line: rows multiply binary and flow.

    Open: the follower may send up to 5 at a cost of 1 against 2 for its own output, need 4: u = 4, value 12 - 4 = 8.
    """
    m = game("switched_lines")
    m.open = pyo.Var(domain=pyo.Binary)
    f = m.follower
    f.flow, f.own = pyo.Var(bounds=(0, 5)), pyo.Var(bounds=(0, 5))
    rows(f, m.open * f.flow + f.own >= 4, f.flow <= 5 * m.open)
    minimise(f, f.flow + 2 * f.own)
    maximise(m, 3 * f.flow - 4 * m.open)
    return Problem(m, 8.0, "a product of a leader's binary and a follower's variable in a row, worked by hand")
