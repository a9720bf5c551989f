"""The peak-regulation market as a leader-follower game.

The aggregator picks one discount on charging in the valley and one subsidy on feeding back in the peak from finite
menus; an offer decides how many owners sign (willingness), and what each of them then does. ::

    aggregator     max  energy + capacity - subsidy - purchase - regulation
    owner, class k min  sum_t (rho_t - discount [t in valley]) c_t + (wear - rho_t - subsidy) d_t
                                                                   + omega |c_t - plug_t|
                         s.t.  e_t = e_{t-1} + eta c_t - d_t / eta,  least <= e_t <= most,  e_T >= needed

After Ma, Liu, Tian and Peng, Sustainability 17 (2025) 7315, doi:10.3390/su17167315, of which the equations are our
completion. The offers are binary variables, so offer times response is exact. Owners of each class are one follower a
pool: the response of one owner does not depend on how many sign, so that owners times response is exact as well.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from models.peak_regulation.data import HOURS, POOLS, Instance


def peak_regulation(data: Instance, offered: tuple[str, ...] = POOLS) -> pyo.ConcreteModel:
    """Return the game in which only the pools ``offered`` are offered anything."""
    m = pyo.ConcreteModel("peak regulation")
    menus = {pool: data.menu(pool) for pool in POOLS}

    # The leader picks one item of each menu; "nothing" is the first.
    m.picks = pyo.Var([(pool, item) for pool in POOLS for item in menus[pool]], domain=pyo.Binary)
    m.one = pyo.Constraint(POOLS, rule=lambda m, pool: sum(m.picks[pool, item] for item in menus[pool]) == 1)
    for pool in POOLS:
        if pool not in offered:
            m.picks[pool, 0.0].fix(1)
    m.offer = pyo.Expression(POOLS, rule=lambda m, pool: sum(item * m.picks[pool, item] for item in menus[pool]))

    @m.Follower([(pool, k) for pool in POOLS for k in data.stays])
    def owner(owner: Any, pool: str, k: int) -> None:
        declare_owner(owner, data, pool, k, m.offer[pool])

    declare_settlement(m, data, menus)
    return m


def declare_owner(owner: Any, data: Instance, pool: str, k: int, offer: Any) -> None:
    """Declare what an owner of class ``k`` does who has signed for ``pool``; powers in kW over the hours of the stay.

    Whoever charges only, at prices from 0 up, never has more than it needs: limits of its energy would not bind.
    """
    stay, fleet, cost = data.stays[k], data.parameters["fleet"], data.parameters["owner"]
    stays, plug = range(len(stay.hours)), data.on_arrival_kw(k)
    feeds = [i for i in stays if pool == "discharging" and stay.hours[i] in data.peak]
    # Paid to feed back, an owner does not charge in the same hours, or the subsidy would pay for energy in a circle.
    least = [plug[i] if i in feeds else 0.0 for i in stays]
    owner.more = pyo.Var(stays, bounds=lambda _, i: (0, 0 if i in feeds else fleet["power_kw"] - plug[i]))
    owner.less = pyo.Var(stays, bounds=lambda _, i: (least[i], plug[i]))
    owner.discharge = pyo.Var(feeds, bounds=(0, fleet["power_kw"]))
    owner.charge = pyo.Expression(stays, rule=lambda owner, i: plug[i] + owner.more[i] - owner.less[i])

    def stored(i: int) -> Any:
        fed = owner.discharge[i] if i in feeds else 0
        return fleet["efficiency"] * owner.charge[i] - fed / fleet["efficiency"]

    if feeds:
        owner.energy = pyo.Var(stays, bounds=(fleet["least_energy_kwh"], fleet["most_energy_kwh"]))
        before = [stay.arrival_kwh, *owner.energy.values()]
        owner.balance = pyo.Constraint(stays, rule=lambda owner, i: owner.energy[i] == before[i] + stored(i))
    owner.needed = pyo.Constraint(expr=stay.arrival_kwh + sum(stored(i) for i in stays) >= stay.departure_kwh)
    price = [data.retail[t] - offer * int(pool == "charging" and t in data.valley) for t in stay.hours]
    late = cost["impatience_yuan_per_kwh_per_hour"]
    owner.cost = pyo.Objective(
        expr=sum((price[i] + late * i) * owner.charge[i] for i in stays)
        + sum((cost["wear_yuan_per_kwh"] - price[i] - offer + late * i) * owner.discharge[i] for i in feeds)
        + cost["inconvenience_yuan_per_kwh"] * sum(owner.more[i] + owner.less[i] for i in stays)
    )


def declare_settlement(m: pyo.ConcreteModel, data: Instance, menus: dict[str, dict[float, float]]) -> None:
    """Declare who signs, what that moves, and the five items of the aggregator's revenue in yuan a day."""
    market, plug = data.parameters["market"], {k: data.on_arrival_kw(k) for k in data.stays}
    signed = {
        (pool, k): data.vehicles(pool, k) * sum(menus[pool][item] * m.picks[pool, item] for item in menus[pool])
        for pool, k in m.owner
    }

    def at(t: int, value: Any) -> Any:
        places = [(pool, k, data.stays[k].hours.index(t)) for pool, k in m.owner if t in data.stays[k].hours]
        return sum(value(*place) for place in places)

    def fed(pool: str, k: int, i: int) -> Any:
        feeds = m.owner[pool, k].discharge
        return feeds[i] if i in feeds else 0  # noqa: SIM401 - a Pyomo variable has no get

    def offered(pool: str, k: int, quantity: Any) -> Any:
        willing = ((item, share * data.vehicles(pool, k)) for item, share in menus[pool].items())
        return sum(item * number * m.picks[pool, item] * quantity for item, number in willing)

    m.on_arrival = {t: at(t, lambda pool, k, i: data.vehicles(pool, k) * plug[k][i]) for t in HOURS}
    m.net = pyo.Expression(
        HOURS,
        rule=lambda m, t: m.on_arrival[t] + at(
            t, lambda pool, k, i: signed[pool, k] * (m.owner[pool, k].charge[i] - fed(pool, k, i) - plug[k][i])
        ),
    )  # fmt: skip
    m.margin = pyo.Expression(
        sorted(data.peak | data.valley),
        rule=lambda m, t: m.on_arrival[t] - m.net[t] if t in data.peak else m.net[t] - m.on_arrival[t],
    )
    peak, valley = (sum(m.margin[t] for t in hours) for hours in (data.peak, data.valley))
    discount = sum(
        offered(
            "charging", k, sum(m.owner["charging", k].charge[i] for i, t in enumerate(stay.hours) if t in data.valley)
        )
        for k, stay in data.stays.items()
    )
    retail = sum(data.retail[t] * m.net[t] for t in HOURS)
    paid = market["peak_energy_yuan_per_kwh"] * peak + market["valley_energy_yuan_per_kwh"] * valley
    m.energy = pyo.Expression(expr=retail - discount + paid)
    m.capacity = pyo.Expression(expr=market["capacity_yuan_per_kwh"] * (peak + valley))
    m.subsidy = pyo.Expression(
        expr=sum(offered("discharging", k, sum(m.owner["discharging", k].discharge.values())) for k in data.stays)
    )
    m.purchase = pyo.Expression(expr=sum(data.wholesale[t] * m.net[t] for t in HOURS))
    m.regulation = pyo.Expression(expr=market["operation_yuan_per_kwh"] * (peak + valley))
    m.total = pyo.Objective(expr=m.energy + m.capacity - m.subsidy - m.purchase - m.regulation, sense=pyo.maximize)
