"""Robust leaders with followers that respond before nature moves, against brute force over prices.

A retailer buys energy a day ahead at 1, sells it to customers of several types at one price p, and settles the rest in
real time: shortage costs 2, surplus earns 0.5. A customer of type n takes c_n in [0, size_n] and minimises
(p - worth_n) c_n. How many customers are of which type is known up to a ball of distributions rho::

    max_{p, x, c}  -x + min_rho max_{buy, sell}  sum_n rho_n p c_n - 2 buy + 0.5 sell
                   s.t.  x + buy - sell = sum_n rho_n c_n

p c_n is not linear: it is the leader's variable revenue_n, defined by the row revenue_n == p c_n.
Between two values of worth_n all c_n stay and the revenue rises with p, so the best price is one of them.
"""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import linprog

from bilevel.certificate.certify import certify
from bilevel.game import Follower, Multiplier, Recourse, Uncertain
from bilevel.language.read import read
from bilevel.robust.ccg import CCG, solve_robust
from bilevel.uncertainty import Box, DistributionBall
from reformulations.sets import distributions

WORTH = np.array([1.4, 2.0, 2.6, 3.1])
SIZE = np.array([3.0, 2.0, 2.0, 1.0])
REFERENCE = np.array([0.4, 0.3, 0.2, 0.1])
SHORTAGE, SURPLUS = 2.0, 0.5


def retailer(l1: float, linf: float | None = None) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    types = range(len(WORTH))
    m.price = pyo.Var(bounds=(0, 4))
    m.purchase = pyo.Var(bounds=(0, 5))

    @m.Follower(types)
    def customer(customer: pyo.Block, n: int) -> None:
        customer.take = pyo.Var(bounds=(0, SIZE[n]))
        customer.bill = pyo.Objective(expr=(m.price - WORTH[n]) * customer.take)

    m.revenue = pyo.Var(types, bounds=(0, 20))
    m.sales = pyo.Constraint(types, rule=lambda m, n: m.revenue[n] == m.price * m.customer[n].take)
    m.share = Uncertain(types, within=DistributionBall(dict(enumerate(REFERENCE)), l1=l1, linf=linf))
    m.settle = Recourse()
    m.settle.buy = pyo.Var(bounds=(0, 10))
    m.settle.sell = pyo.Var(bounds=(0, 10))
    taken = sum(m.share[n] * m.customer[n].take for n in types)
    m.settle.balance = pyo.Constraint(expr=m.purchase + m.settle.buy - m.settle.sell == taken)
    earned = sum(m.share[n] * m.revenue[n] for n in types)
    m.profit = pyo.Objective(
        expr=earned - m.purchase - SHORTAGE * m.settle.buy + SURPLUS * m.settle.sell, sense=pyo.maximize
    )
    return m


def best_profit_at(price: float, corners: np.ndarray) -> float:
    """Extensive form over the corners of the ball at one price; who is indifferent takes what the leader likes.

    Columns: purchase, take_0..3, worst profit, then buy and sell of each corner.
    """
    types, count = len(WORTH), len(corners)
    width = 2 + types + 2 * count
    least = np.where(price < WORTH - 1e-9, SIZE, 0.0)
    most = np.where(price <= WORTH + 1e-9, SIZE, 0.0)
    equal, below = np.zeros((count, width)), np.zeros((count, width))
    for k, rho in enumerate(corners):
        buy, sell = 2 + types + 2 * k, 3 + types + 2 * k
        equal[k, 0], equal[k, buy], equal[k, sell] = 1, 1, -1
        equal[k, 1 : 1 + types] = -rho
        below[k, 1 + types], below[k, 0], below[k, buy], below[k, sell] = 1, 1, SHORTAGE, -SURPLUS
        below[k, 1 : 1 + types] = -price * rho
    cost = np.zeros(width)
    cost[1 + types] = -1
    bounds = [(0, 5), *zip(least, most, strict=True), (None, None), *([(0, 10)] * (2 * count))]
    answer = linprog(cost, A_ub=below, b_ub=np.zeros(count), A_eq=equal, b_eq=np.zeros(count), bounds=bounds)
    assert answer.status == 0
    return -float(answer.fun)


@pytest.mark.parametrize(("l1", "linf"), [(0.0, None), (0.2, None), (0.3, 0.08), (0.8, None), (2.0, None)])
def test_a_robust_price_is_as_good_as_the_best_of_all_prices(l1: float, linf: float | None):
    corners = distributions.DistributionBall(REFERENCE, l1, linf).vertices(1000)
    best = max(best_profit_at(price, corners) for price in WORTH)
    answer = solve_robust(read(retailer(l1, linf)))
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(best, rel=1e-5)


def test_the_worth_of_robustness_falls_with_the_radius():
    values = [solve_robust(read(retailer(l1))).objective for l1 in (0.0, 0.2, 0.8)]
    assert None not in values
    assert values == sorted(values, reverse=True)


def test_every_follower_of_the_answer_is_certified():
    game = read(retailer(0.2))
    answer = solve_robust(game)
    assert answer.point is not None
    certificate = certify(game.program, answer.point, bound=answer.bound, gap=1e-6, assumptions=answer.assumes)
    assert certificate.holds
    assert certificate.objective == pytest.approx(answer.objective)
    assert [line.follower for line in certificate.followers] == [f"customer[{n}]" for n in range(len(WORTH))]


def test_both_oracles_agree_with_followers():
    vertices, game = (solve_robust(read(retailer(0.2)), CCG(oracle=name)) for name in ("vertices", "game"))
    assert vertices.objective == pytest.approx(game.objective, rel=1e-5)


def test_a_multiplier_of_a_follower_is_a_price_of_the_first_stage():
    """A market with demand 3 - x (x the leader's own supply, cost 1) clears at the marginal cost of two plants.

    Plants: 2 units at 4, then at 6. Nature raises the price the leader pays for its fuel, u in [0, 1]: it maximises
    price * x - x - u x. The price is 6 while 3 - x > 2, and 4 or 6 at x = 1: x = 1 at price 6, minus 1, minus 1: 4.
    """
    m = pyo.ConcreteModel()
    m.supply = pyo.Var(bounds=(0, 1))
    m.fuel = Uncertain(within=Box(0, 1))
    m.market = Follower()
    m.market.cheap = pyo.Var(bounds=(0, 2))
    m.market.dear = pyo.Var(bounds=(0, 5))
    m.market.balance = pyo.Constraint(expr=m.market.cheap + m.market.dear + m.supply == 3)
    m.market.cost = pyo.Objective(expr=4 * m.market.cheap + 6 * m.market.dear)
    m.price = Multiplier(m.market.balance, bounds=(0, 10))
    m.profit = pyo.Objective(expr=m.price * m.supply - m.supply - m.fuel * m.supply, sense=pyo.maximize)
    game = read(m)
    answer = solve_robust(game)
    assert answer.objective == pytest.approx(4)
    assert answer.point is not None
    n = len(game.variables)
    assert answer.point[game.column(m.price)] == pytest.approx(6)
    assert answer.point[n + game.row(m.market.balance)] == pytest.approx(6)
