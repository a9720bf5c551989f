"""Parallel columns of a follower of which one always stands at a bound."""

from __future__ import annotations

import numpy as np

from reformulations.big_m import binaries_of
from reformulations.bounds import Bounds
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.opposed_columns import opposed_rows
from reformulations.programs import Rows
from tests.certificate.games import game

INF = np.inf


def rows_of(least_price: float) -> tuple[list[str], Rows]:
    """Min p (c - d) s.t.  s = 1 + 0.5 c - 2 d,  0 <= c, d <= 3,  0 <= s <= 4: charge at a loss, discharge at a loss.

    The balance sees c and d alike along (4, 1), which costs p (4 - 1): a loss wherever p > 0. Nor does it pay to charge
    while the battery could give, along (1, 0.5) of c and s, or to keep what could be discharged, along (1, -2) of d and
    s.
    """
    mpec = (
        KKT()
        .apply(
            Canonical()
            .apply(
                game(
                    {"leader": ("min", {"p": 1}), "f": ("min", {"p*c": 1, "p*d": -1})},
                    {
                        "p": ("leader", least_price, 2),
                        "c": ("f", 0, 3),
                        "d": ("f", 0, 3),
                        "s": ("f", 0, 4),
                    },
                    {"balance": ("f", {"s": 1, "c": -0.5, "d": 2}, 1, 1)},
                )
            )
            .program
        )
        .program
    )
    count = len(mpec.complementarity)
    one = np.ones(count)
    unknown = Bounds.unknown(mpec).tightened(-one, one, 0).with_slacks(one)
    binaries = binaries_of(mpec, unknown)
    return [mpec.complementarity.names[int(entry)] for entry in binaries], opposed_rows(mpec, binaries)


def test_charging_and_discharging_at_a_loss_never_pay_both() -> None:
    names, rows = rows_of(least_price=0.5)
    switches = rows.matrix.toarray()[:, -len(names) :]
    assert [{names[k] for k in np.flatnonzero(row)} for row in switches] == [
        {"lower bound of c", "lower bound of d"},
        {"lower bound of c", "lower bound of s"},
        {"upper bound of d", "lower bound of s"},
    ]
    assert (rows.lower.tolist(), rows.upper.tolist()) == ([1] * 3, [INF] * 3)


def test_nothing_is_said_where_the_price_may_be_zero_or_less() -> None:
    """At p = 0 charging and discharging at once costs nothing."""
    assert len(rows_of(least_price=0.0)[1]) == 0
    assert len(rows_of(least_price=-1.0)[1]) == 0
