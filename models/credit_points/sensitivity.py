"""How users' choices move with the parameters of the credit."""

from __future__ import annotations

from dataclasses import replace

from models.credit_points.credit import Choice, Prices, chosen
from models.credit_points.users import Users

COEFFICIENTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
WEIGHTS = (0.0, 0.5, 1.0, 2.0, 3.0)
DELAYS = (0.0, 0.02, 0.05, 0.1, 0.2)
LEVEL = 0.3
"""Coefficient of every station and period, yuan/kWh, where it is not what varies."""


def at_level(data: Users, price: Prices, level: float) -> Choice:
    """Return what users choose where every coefficient is ``level``."""
    return chosen(data, price, dict.fromkeys(data.options, level))


def sweeps(data: Users, price: Prices) -> dict[str, dict[float, Choice]]:
    """Return choices as the coefficient, the weight of the valley, and the loss of points by delay vary one by one."""
    rule = data.credit
    return {
        "coefficient, yuan/kWh": {level: at_level(data, price, level) for level in COEFFICIENTS},
        "weight of the valley": {
            weight: at_level(replace(data, credit=replace(rule, valley_weight=weight)), price, LEVEL)
            for weight in WEIGHTS
        },
        "points lost by delay, 1/min": {
            delay: at_level(replace(data, credit=replace(rule, delay_per_minute=delay)), price, LEVEL)
            for delay in DELAYS
        },
    }
