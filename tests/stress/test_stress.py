"""A slice of the stress run, and that it would see a wrong answer."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.stress.answers import Answer, Known, faults
from tests.stress.random_games import random_games
from tests.stress.running import stress
from tests.stress.sources import library
from tests.stress.tally import Tally

RIGHT = Answer("right", "optimal", 3.0, 3.0, holds=True, seconds=0.0)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer("a", "optimal", 4.0, 4.0, holds=True, seconds=0.0), "a: optimal with 4, but right has 3"),
        (Answer("a", "optimal", 3.0, 3.0, holds=False, seconds=0.0), "a: optimal, but its certificate fails: "),
        (Answer("a", "infeasible", None, None, holds=None, seconds=0.0), "a: infeasible, but right has 3"),
        (Answer("a", "time_limit", 5.0, 3.1, holds=True, seconds=0.0), "a: bound 3.1, but right has 3"),
        (Answer("a", "unbounded", None, None, holds=None, seconds=0.0), "a: unbounded, but the oracle says 3.0"),
    ],
)
def test_wrong_answers_are_seen(answer: Answer, fault: str):
    assert faults(1.0, [RIGHT], 1e-6, Known(3.0)) == []
    assert fault in faults(1.0, [RIGHT, answer], 1e-6, Known(3.0))


def test_an_answer_that_all_methods_share_is_compared_with_the_oracle():
    """A leader who maximises: all methods say 3, the oracle 4, or that there is no point."""
    assert faults(-1.0, [RIGHT], 1e-6, Known(4.0)) == [
        "right: bound 3, but the oracle has 4", "right: optimal with 3, but the oracle has 4",
    ]  # fmt: skip
    assert faults(-1.0, [RIGHT], 1e-6, Known(None)) == ["right: optimal with 3, but the oracle says None"]


def test_games_in_bad_units_have_one_answer():
    """Some problems of the library and random games of every kind, data multiplied by 1e-4 and by 1e6."""
    tally, said = Tally(), []
    for sources in (islice(library(), 0, None, 8), random_games(12, seed_=3)):
        stress(sources, [1e-4, 1e6], 3, 10.0, tally, said.append)
    assert tally.wrong == []
    assert tally.ends["auto"]["optimal"] >= 0.6 * tally.games
