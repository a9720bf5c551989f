"""The robust EV retailer as a leader-follower game.

A retailer buys energy a day ahead, announces one retail price an hour, and trades the rest in real time, helped by a
storage. Owners of electric vehicles answer the prices. How the vehicles divide into types is only known up to a ball
around the observed shares: nature picks the worst. ::

    retailer    max  - sum_t (b_t + a_t P_t) P_t + min_{rho in R} { V sum_n rho_n bill_n + max sum_o v_o income_o }
    vehicle n   max  sum_k [ u_k (eta c_k - d_k / eta) - pi_{t(k)} (c_k - d_k) ]

After Meng, Song, Huang, Chen, Yang, Dong and Talaat, "Robust pricing strategy with EV retailers considering the
uncertainty of EVs and electricity market". The day-ahead price rises linearly with the purchase, as fitted to optimal
power flows on the 33-bus feeder. The printed conditions ``c d = 0`` and ``buy sell = 0`` are left out: with prices from
0 up and losses, doing both at once never pays.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

import bilevel as bl
from models.ev_retailer.data import HOURS, Instance
from models.storage import battery_balance, gained


def ev_retailer(data: Instance, l1: float | None, linf: float | None) -> pyo.ConcreteModel:
    """Return the game; nature moves the shares of the types within the radii ``l1`` and ``linf``, None for no limit."""
    m = pyo.ConcreteModel("EV retailer")
    types, scenarios = list(data.stays), list(data.scenarios)
    least, most, mean = data.price_limits

    # What is declared on the model is the leader's: the retailer buys a day ahead and announces prices.
    m.day_ahead_kw = pyo.Var(HOURS, bounds=(0, data.day_ahead_limit_kw))
    m.price_yuan_per_kwh = pyo.Var(HOURS, bounds=(least, most))
    m.mean_price = pyo.Constraint(expr=sum(m.price_yuan_per_kwh[t] for t in HOURS) <= mean * len(HOURS))

    # A follower has its own variables, rows and objective; the retailer's prices are parameters to it.
    @m.Follower(types)
    def vehicle(ev: Any, n: int) -> None:
        stay, battery = data.stays[n], data.vehicle
        hours = range(len(stay.hours))
        ev.charge_kw = pyo.Var(hours, bounds=(0, battery.power_kw))
        ev.discharge_kw = pyo.Var(hours, bounds=(0, battery.power_kw))
        ev.energy_kwh = pyo.Var(hours, bounds=(battery.least_energy_kwh, battery.most_energy_kwh))

        ev.battery_balance = battery_balance(
            ev.energy_kwh,
            ev.charge_kw,
            ev.discharge_kw,
            efficiency=battery.efficiency,
            initial=stay.arrival_energy_kwh,
        )
        ev.departure = pyo.Constraint(expr=ev.energy_kwh[hours[-1]] == stay.departure_energy_kwh)
        ev.bill_yuan = pyo.Expression(
            expr=sum(m.price_yuan_per_kwh[t] * (ev.charge_kw[k] - ev.discharge_kw[k]) for k, t in enumerate(stay.hours))
        )
        utility_yuan = sum(
            stay.utility_yuan_per_kwh[k] * gained(ev.charge_kw, ev.discharge_kw, k, battery.efficiency) for k in hours
        )
        ev.welfare_yuan = pyo.Objective(expr=utility_yuan - ev.bill_yuan, sense=pyo.maximize)

    # Price times quantity is bilinear; the compiler replaces it, exactly, by what the follower's optimality says.
    m.bill_yuan = pyo.Var(types)

    @m.Constraint(types)
    def bill(m: Any, n: int) -> Any:
        return m.bill_yuan[n] == m.vehicle[n].bill_yuan

    # Nature's variables: the share of each type, the worst for the retailer within a ball around the observed ones.
    m.share = bl.Uncertain(types, within=bl.uncertainty.DistributionBall(data.share, l1=l1, linf=linf))

    # Decided after nature has moved, once for each scenario of real-time prices.
    @m.Recourse(scenarios)
    def real_time(market: Any, o: int) -> None:
        declare_real_time(market, m, data)

    m.day_ahead_cost_yuan = pyo.Expression(
        expr=sum(
            (data.day_ahead_price[t] + data.day_ahead_slope[t] * m.day_ahead_kw[t]) * m.day_ahead_kw[t] for t in HOURS
        )
    )
    m.real_time_income_yuan = pyo.Expression(
        expr=sum(
            data.probability[i] * data.real_time_price[i, t] * (m.real_time[o].sell_kw[t] - m.real_time[o].buy_kw[t])
            for i, o in enumerate(scenarios)
            for t in HOURS
        )
    )
    m.sales_yuan = pyo.Expression(expr=data.vehicles * sum(m.share[n] * m.bill_yuan[n] for n in types))
    m.profit_yuan = pyo.Objective(
        expr=m.sales_yuan + m.real_time_income_yuan - m.day_ahead_cost_yuan, sense=pyo.maximize
    )
    return m


def declare_real_time(market: Any, m: pyo.ConcreteModel, data: Instance) -> None:
    """Declare real-time trade and storage that balance each hour, whatever the shares of the types."""
    storage = data.storage
    market.buy_kw = pyo.Var(HOURS, bounds=(0, data.real_time_limit_kw))
    market.sell_kw = pyo.Var(HOURS, bounds=(0, data.real_time_limit_kw))
    market.charge_kw = pyo.Var(HOURS, bounds=(0, storage.power_kw))
    market.discharge_kw = pyo.Var(HOURS, bounds=(0, storage.power_kw))
    market.energy_kwh = pyo.Var(HOURS, bounds=(storage.least_energy_kwh, storage.most_energy_kwh))

    market.storage_balance = battery_balance(
        market.energy_kwh,
        market.charge_kw,
        market.discharge_kw,
        efficiency=storage.efficiency,
        initial=data.initial_energy_kwh,
    )
    market.end_of_day = pyo.Constraint(expr=market.energy_kwh[HOURS[-1]] == data.initial_energy_kwh)

    @market.Constraint(HOURS)
    def power_balance(market: Any, t: int) -> Any:
        vehicles_kw = data.vehicles * sum(
            m.share[n] * (m.vehicle[n].charge_kw[k] - m.vehicle[n].discharge_kw[k])
            for n, stay in data.stays.items()
            for k, hour in enumerate(stay.hours)
            if hour == t
        )
        supply = m.day_ahead_kw[t] + market.buy_kw[t] + market.discharge_kw[t]
        return supply == market.sell_kw[t] + market.charge_kw[t] + vehicles_kw
