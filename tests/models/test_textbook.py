"""The textbook games have the answers that their pages state, found by trying the leader's decisions one by one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy import optimize, sparse
from scipy.sparse import csgraph

from models.textbook import GAMES, __main__, knapsack_interdiction, optimal_taxation, stackelberg_cournot, toll_setting
from models.textbook.network_interdiction import BUDGET, LENGTH, LONGER
from tests.problems.interdiction import optimum_by_enumeration

SMALL = 1e-7


def distance(arcs: Mapping[tuple[str, str], float], origin: str, destination: str) -> float:
    nodes = sorted({node for arc in arcs for node in arc})
    at = {node: k for k, node in enumerate(nodes)}
    heads, tails = [at[a] for a, _ in arcs], [at[b] for _, b in arcs]
    graph = sparse.csr_array((list(arcs.values()), (heads, tails)), shape=(len(nodes),) * 2)
    return float(csgraph.dijkstra(graph, indices=at[origin])[at[destination]])


def best_toll() -> float:
    """Just below a whole toll nobody is indifferent: a user buys if the network without the highway is longer."""

    def revenue(toll: float) -> float:
        arcs = toll_setting.ARCS
        free = {arc: length for arc, length in arcs.items() if arc != toll_setting.TOLLED}
        tolled = arcs | {toll_setting.TOLLED: arcs[toll_setting.TOLLED] + toll}
        buyers = [n for trip, n in toll_setting.TRIPS.items() if distance(tolled, *trip) < distance(free, *trip)]
        return toll * sum(buyers)

    return max(revenue(toll - SMALL) for toll in range(1, 21))


def best_cuts() -> float:
    def shortest(cuts: tuple[tuple[str, str], ...]) -> float:
        return distance({arc: length + LONGER * (arc in cuts) for arc, length in LENGTH.items()}, "S", "T")

    return max(shortest(cuts) for k in range(BUDGET + 1) for cuts in itertools.combinations(LENGTH, k))


def best_offer() -> float:
    """The highest price at an offer is the cost of a little more need in the north, by a linear program."""

    def cleared(offer: float, need: float) -> tuple[float, float]:
        balance = [[1, 1, 0, -1], [0, 0, 1, 1]]
        bounds = [(0, offer), (0, 50), (0, None), (0, 40)]
        answer = optimize.linprog([10, 20, 40, 0], A_eq=balance, b_eq=[need, 60], bounds=bounds)
        return float(answer.fun), float(answer.x[0])

    def profit(offer: float) -> float:
        cost, own = cleared(offer, 30)
        return ((cleared(offer, 30 + SMALL)[0] - cost) / SMALL - 10) * own

    return max(profit(offer) for offer in range(81))


def best_first_output() -> float:
    """Followers' outputs by repeated best responses, half a step each."""

    def profit(x: int) -> float:
        margin, outputs = stackelberg_cournot.SIZE - stackelberg_cournot.COST - x, np.zeros(2)
        for _ in range(200):
            outputs = (outputs + np.maximum(0.0, (margin - outputs[::-1]) / 2)) / 2
        return float((margin - outputs.sum()) * x)

    return max(profit(x) for x in range(11))


def best_blockade() -> float:
    game = knapsack_interdiction
    return optimum_by_enumeration(
        np.array(game.PROFIT), np.array(game.WEIGHT), np.array(game.COST), game.CAPACITY, game.BUDGET
    )


def best_tax() -> float:
    taxes = np.linspace(0, 10, 1001)
    return float(max(tax * sum(max(0.0, p - tax) for p in optimal_taxation.PRICE.values()) for tax in taxes))


ORACLES: dict[str, Callable[[], float]] = {
    "toll_setting": best_toll,
    "network_interdiction": best_cuts,
    "strategic_bidding": best_offer,
    "stackelberg_cournot": best_first_output,
    "knapsack_interdiction": best_blockade,
    "optimal_taxation": best_tax,
}


@pytest.mark.parametrize("name", GAMES)
def test_stated_answer_is_the_best_of_the_leaders_decisions(name: str):
    assert ORACLES[name]() == pytest.approx(GAMES[name][1], rel=1e-5)


@pytest.mark.parametrize("name", GAMES)
def test_command_proves_and_certifies_the_stated_answer(name: str, capsys: pytest.CaptureFixture[str]):
    assert __main__.main([name, "--explain"]) == 0
    printed = capsys.readouterr().out
    assert "holds" in printed
    assert "takes as given" in printed


def test_unknown_game_is_refused_with_the_names_there_are(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        __main__.main(["chess"])
    assert "there is no game chess; the games are toll_setting" in capsys.readouterr().err
