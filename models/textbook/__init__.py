"""Textbook games, each in one small file with its source and its known answer."""

from __future__ import annotations

from models.textbook import (
    knapsack_interdiction,
    network_interdiction,
    optimal_taxation,
    stackelberg_cournot,
    strategic_bidding,
    toll_setting,
)

GAMES = {
    "toll_setting": (toll_setting.toll_setting, toll_setting.ANSWER),
    "network_interdiction": (network_interdiction.network_interdiction, network_interdiction.ANSWER),
    "strategic_bidding": (strategic_bidding.strategic_bidding, strategic_bidding.ANSWER),
    "stackelberg_cournot": (stackelberg_cournot.stackelberg_cournot, stackelberg_cournot.ANSWER),
    "knapsack_interdiction": (knapsack_interdiction.knapsack_interdiction, knapsack_interdiction.ANSWER),
    "optimal_taxation": (optimal_taxation.optimal_taxation, optimal_taxation.ANSWER),
}
"""Name, function that declares the game, known optimum."""

__all__ = ["GAMES"]
