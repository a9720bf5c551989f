"""A program outside a pass's conditions is refused, and the refusal names the component."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bilevel.testing.optima import optimum, pessimistic_optimum
from reformulations.big_m import BigM
from reformulations.bounds import USER, Bounds
from reformulations.canonical import Canonical
from reformulations.conditions import require_continuous_followers, require_convex_followers, require_followers
from reformulations.follower_products import FollowerProducts
from reformulations.kkt import KKT
from reformulations.pessimistic import Pessimistic
from reformulations.potentials import Potentials
from reformulations.products import BinaryProducts
from reformulations.programs import MPEC, BilevelProgram
from reformulations.refusal import NotApplicable
from reformulations.strong_duality import StrongDuality
from tests.certificate.games import INF, game


def within(limit: float, mpec: MPEC) -> Bounds:
    most = np.full(len(mpec.complementarity), limit)
    return Bounds.unknown(mpec).tightened(np.zeros(len(most)), most, USER).with_slacks(most)


def little(**changes: Any) -> BilevelProgram:
    """Min x + y over min y, x + y >= 1, both between 0 and 2; the parts given replace these."""
    parts: dict[str, Any] = {
        "players": {"leader": ("min", {"x": 1, "y": 1}), "f": ("min", {"y": 1})},
        "columns": {"x": ("leader", 0, 2), "y": ("f", 0, 2)},
        "rows": {"need": ("f", {"x": 1, "y": 1}, 1, INF)},
    }
    return game(**(parts | changes))


def follower(**terms: float) -> dict[str, Any]:
    return {"leader": ("min", {"x": 1, "y": 1}), "f": ("min", terms)}


def kkt_of(program: BilevelProgram) -> MPEC:
    return KKT().apply(Canonical().apply(program).program).program


BILINEAR = {"need": ("f", {"x": 1, "x*y": 1, "y": 1}, 1, INF)}
COUPLING = {"need": ("f", {"x": 1, "y": 1}, 1, INF), "coupled": ("leader", {"x*y": 1}, -INF, 1)}
REFUSALS: dict[str, tuple[Any, Any, str, str]] = {
    "a bilinear row in canonical form": (Canonical().apply, little(rows=BILINEAR), "need", r"the product x \* y"),
    "a multiplier of an absent row": (
        Canonical().apply,
        little(
            columns={"x": ("leader", 0, 2), "price": ("leader", 0, 2), "y": ("f", 0, 2)},
            rows={"need": ("f", {"x": 1}, 1, INF)},
            stands_for={"price": "need"},
        ),
        "price",
        "stands for the multiplier",
    ),
    "a follower's integer": (require_continuous_followers, little(integer=("y",)), "y", "follower f decides"),
    "a concave follower": (
        require_convex_followers,
        Canonical().apply(little(players=follower(**{"y*y": -1.0}))).program,
        "y",
        "follower f is not convex",
    ),
    "no follower": (
        require_followers,
        little(players={"leader": ("min", {"x": 1})}, columns={"x": ("leader", 0, 2)}, rows={}),
        "the game",
        "no follower",
    ),
    "a product of two continuous columns of a row": (
        FollowerProducts().apply,
        little(rows=BILINEAR),
        "need",
        r"the product x\*y",
    ),
    "a nonconvex product without identities": (
        Potentials().apply,
        kkt_of(
            little(
                columns={"x": ("leader", 0, 2), "y": ("f", 0, 2), "v": ("leader", 0, 2)},
                players={
                    "leader": ("min", {"x*v": 1}),
                    "f": ("min", {"y": 1}),
                },
            )
        ),
        "leader's objective",
        r"x\*v",
    ),
    "a binary times an unbounded column": (
        BinaryProducts().apply,
        kkt_of(
            little(
                columns={"x": ("leader", 0, 1), "y": ("f", 0, 2), "v": ("leader", 0, INF)},
                players={"leader": ("min", {"x*v": 1}), "f": ("min", {"y": 1})},
                integer=("x",),
            )
        ),
        "v",
        "no finite bound",
    ),
    "a multiplier without a bound": (
        lambda mpec: BigM(Bounds.unknown(mpec)).apply(mpec),
        kkt_of(little()),
        "need",
        "no finite bound can be derived for its multiplier",
    ),
    "a slack without a bound": (
        lambda mpec: BigM(replace(within(9.0, mpec), slack_upper=np.full(3, INF))).apply(mpec),
        kkt_of(little()),
        "need",
        "no finite bound can be derived for its slack",
    ),
    "a bound too large to be written": (
        lambda mpec: BigM(within(2e5, mpec)).apply(mpec),
        kkt_of(little()),
        "need",
        "2e\\+05, is above 1e\\+05",
    ),
    "products left in a row": (
        lambda mpec: BigM(within(9.0, mpec)).apply(mpec),
        StrongDuality().apply(kkt_of(little())).program,
        "strong duality of follower 1",
        r"x\*multiplier of need",
    ),
    "a pessimistic game with a bilinear follower": (
        Pessimistic().apply,
        little(players=follower(**{"x*y": 1.0})),
        "f",
        r"x \* y",
    ),
    "a pessimistic game with a bilinear row": (Pessimistic().apply, little(rows=COUPLING), "coupled", "products"),
    "a pessimistic game with a bilinear follower's row": (
        Pessimistic().apply,
        little(rows=BILINEAR),
        "need",
        "products",
    ),
    "a pessimistic game with integer responses": (Pessimistic().apply, little(integer=("y",)), "y", "continuous"),
    "a pessimistic game with multipliers": (
        Pessimistic().apply,
        little(
            columns={"x": ("leader", 0, 2), "price": ("leader", 0, 2), "y": ("f", 0, 2)}, stands_for={"price": "need"}
        ),
        "price",
        "no multipliers",
    ),
    "a pessimistic game with followers that interact": (
        Pessimistic().apply,
        little(
            players=follower(y=1) | {"g": ("min", {"z": 1})},
            columns={"x": ("leader", 0, 2), "y": ("f", 0, 2), "z": ("g", 0, 2)},
            rows={"follows": ("g", {"z": 1, "y": -1}, 0, INF)},
        ),
        "g",
        "it uses y of another follower",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_program_outside_the_conditions_is_refused_by_name(what: str) -> None:
    apply, program, where, reason = REFUSALS[what]
    with pytest.raises(NotApplicable, match=reason) as refused:
        apply(program)
    assert refused.value.where == where


def test_source_of_the_refusals_is_itself_accepted() -> None:
    """Min x + y over min y, x + y >= 1 is 1: the refusals above are due to what they change."""
    mpec = kkt_of(little(integer=("x",)))
    assert optimum(BigM(within(9.0, mpec)).apply(mpec).program)[0] == pytest.approx(1)
    assert pessimistic_optimum(little(integer=("x",)))[0] == pytest.approx(1)
    assert optimum(kkt_of(Pessimistic().apply(little(integer=("x",))).program))[0] == pytest.approx(1)
