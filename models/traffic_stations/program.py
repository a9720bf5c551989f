"""The game of one hour solved as a mixed-integer program, to start the search of prices from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from models.traffic_stations.chords import centred
from models.traffic_stations.game import charging_game
from models.traffic_stations.hour import HourGame
from reformulations.programs import Floats

LEVELS = (1.5, 1.8, 2.1)
"""List of prices of each station, yuan/kWh."""
CHORDS = 8
GAP = 3e-3
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """The solution of an hour's program, its prices, and what these earn on true travel times, yuan.

    The objective is no profit: drivers are indifferent inside a chord, and the stations get the best of it.
    """

    hour: int
    weight: float
    solution: bl.Solution
    price: Floats | None
    earns: float

    @property
    def certified(self) -> bool:
        """Whether the followers' answer is certified at the prices found, within the time or not."""
        return self.solution.certificate is not None and self.solution.certificate.holds


def solve_program(game: HourGame, seconds: float = SECONDS) -> Program:
    """Solve the hour with prices from :data:`LEVELS`, travel times in chords and power at the grid's price.

    Vehicles and half of the break points are those of the true equilibrium at the middle price everywhere. The network
    has to serve what drivers draw, so demand response is there, but its marginal cost is not.
    """
    data = game.data
    middle = game.evaluate(np.full(len(data.station_bus), LEVELS[1]))
    if middle is None:
        raise ValueError(f"hour {game.hour.number}: the network cannot serve the drivers at {LEVELS[1]} yuan/kWh")
    m = charging_game(data, game.hour, middle.flows.vehicles, LEVELS, *centred(data, middle.flows, CHORDS))
    solution = bl.solve(m, method=bl.StrongDuality(), gap=GAP, time_limit=seconds, threads=1)
    if solution.point is None:
        return Program(game.hour.number, game.weight, solution, None, -np.inf)
    price = np.array([pyo.value(m.price[k]) for k in range(len(data.station_bus))])
    return Program(game.hour.number, game.weight, solution, price, game.profit(price))
