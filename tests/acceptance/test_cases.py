"""External cases with recorded optima: solved to the recorded value, or refused as the tables below say.

Every refusal is listed again at the end of the run; ``pytest tests/acceptance`` prints the list alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bilevel as bl
from tests.problems.external import declare, declare_special, is_conic, load_case, load_special

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases"
SECONDS = 120.0

LEADER_ENTERS_A_ROW = (bl.NotApplicable, "in a follower's row is exact only when the leader's variable in it is binary")
NOT_CONVEX = (bl.NotApplicable, "is not convex in its own variables")
QUADRATIC_LEADER = (bl.NotApplicable, "no identity of the optimality conditions holds the product")
CUBIC = (bl.NotApplicable, "is neither linear nor a product of two variables")
INTEGER_FOLLOWER = (bl.NotApplicable, "decides an integer variable")
NO_MULTIPLIER_BOUND = (bl.NoBound, "no finite bound can be derived for its multiplier")
NO_SLACK_BOUND = (bl.NoBound, "no finite bound can be derived for its slack")

REFUSED: dict[str, tuple[type[bl.BilevelError], str]] = {
    # quadratic rows of a follower, some of them nonconvex
    "bolib_Bard1988Ex3": LEADER_ENTERS_A_ROW,
    "bolib_FrankeEtal2018Ex521": LEADER_ENTERS_A_ROW,
    "bolib_NieWangYe2017Ex58": LEADER_ENTERS_A_ROW,
    "bolib_Outrata1990Ex2d": LEADER_ENTERS_A_ROW,
    "basblib_mb_2007_04": NOT_CONVEX,
    # the leader's variables are not bounded, hence nor are slacks
    "bileveljump_11a": NO_SLACK_BOUND,
    "bolib_DempeFranke2011Ex42": NO_SLACK_BOUND,
    "bolib_MershaDempe2006Ex2": NO_SLACK_BOUND,
    "bolib_Yezza1996Ex41": NO_SLACK_BOUND,
    # the leader's prices are not bounded, hence nor are multipliers
    "bileveljump_HTP_quad04": NO_MULTIPLIER_BOUND,
    "bileveljump_HTP_quad06b": NO_MULTIPLIER_BOUND,
    "bileveljump_HTP_quad09": NO_MULTIPLIER_BOUND,
    "bolib_DempeLohse2011Ex31a": NO_MULTIPLIER_BOUND,
    "bolib_DempeLohse2011Ex31b": NO_MULTIPLIER_BOUND,
    "bolib_FalkLiu1995": NO_MULTIPLIER_BOUND,
    "bolib_HatzEtal2013": NO_MULTIPLIER_BOUND,
    "bolib_Outrata1990Ex1e": NO_MULTIPLIER_BOUND,
    "bolib_Outrata1990Ex2a": NO_MULTIPLIER_BOUND,
    "bolib_TollSettingP2": NO_MULTIPLIER_BOUND,
    "bolib_TollSettingP3": NO_MULTIPLIER_BOUND,
    "bolib_TollSettingP4": NO_MULTIPLIER_BOUND,
    "bolib_TollSettingP5": NO_MULTIPLIER_BOUND,
    # some leader decisions leave the follower's feasible set without interior
    "derivedLP_2AP05-1": NO_MULTIPLIER_BOUND,
    "derivedLP_binarybmilplib_10_1": NO_MULTIPLIER_BOUND,
    "derivedLP_binarybmilplib_10_2": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_10_2": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_10_3": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_110_4": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_60_1": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_60_2": NO_MULTIPLIER_BOUND,
    "derivedLP_lseu-0.900000": NO_MULTIPLIER_BOUND,
    "derivedLP_miblp_20_20_50_0110_15_1": NO_MULTIPLIER_BOUND,
    "derivedLP_miblp_20_20_50_0110_5_1": NO_MULTIPLIER_BOUND,
    "derivedLP_p0033-0.900000": NO_MULTIPLIER_BOUND,
    "derivedLP_stein27-0.500000": NO_MULTIPLIER_BOUND,
}
"""Cases of ``continuous`` and ``derived`` that are refused, and how."""

SPECIAL_REFUSED: dict[str, tuple[type[bl.BilevelError], str]] = {
    "jump_eq_price": NO_MULTIPLIER_BOUND,  # bids are not bounded; the library has it with a price cap
    "jump_12_a0": NO_SLACK_BOUND,
    "jump_12_a0.1": NO_SLACK_BOUND,
    "jump_12_a0.2": NO_SLACK_BOUND,
    "jump_qp_lower_min": QUADRATIC_LEADER,  # price times quantity of the leader's own, not concave jointly
    "jump_qp_lower_max": QUADRATIC_LEADER,
    "jump_nlp_01": QUADRATIC_LEADER,
    "jump_nlp_02": CUBIC,
    "jump_nlp_04": QUADRATIC_LEADER,
    "mibs_v1": INTEGER_FOLLOWER,
    "mibs_v2": INTEGER_FOLLOWER,
    "mibs_v3": INTEGER_FOLLOWER,
    "mibs_v4": INTEGER_FOLLOWER,
    "mibs_v5": INTEGER_FOLLOWER,
    "mibs_v6": INTEGER_FOLLOWER,
    "mibs_docs_example2": INTEGER_FOLLOWER,
}
"""Cases of ``special.json`` that are refused, and how."""

CONIC = {"jump_conic01", "jump_conic02", "jump_conic03", "jump_conic04"}
"""Cases of ``special.json`` with second-order cones, which the language cannot state."""

CORRECTED = {
    "gams_flds911": -13.0,  # -6 in print is a local point; the optimum is at (5, 4, 2)
    "yalmip_bard_scaled": -291.4,  # the value of the published point (0, 8.85, 0, 6, 4)
}
"""Optima of ``special.json`` where its record has none, or a wrong one."""

LONG: set[str] = set()
"""Cases that take more than 20 seconds."""


def names(folder: str) -> list[Any]:
    """The cases of a folder as test parameters; one that will be skipped where the folder is absent."""
    found = sorted(path.stem for path in (FOLDER / folder).glob("*.json")) or ["(no cases)"]
    return [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in found]


def special_names() -> list[str]:
    path = FOLDER / "special.json"
    return sorted(load_special(path)) if path.is_file() else ["(no cases)"]


def is_quadratic(case: dict[str, Any]) -> bool:
    """Whether an objective multiplies two variables of one level (a multiplier is neither level's)."""
    level = {v["name"]: v["level"] + ("multiplier" if "dual_of" in v else "") for v in case["variables"]}
    forms = [case[player]["objective"].get("quadratic", []) for player in ("leader", "follower")]
    return any(level[a] == level[b] for form in forms for a, b, _ in form)


def check_case(case: dict[str, Any]) -> None:
    solution = bl.solve(declare(case), gap=1e-7, time_limit=SECONDS)
    if case["status"] == "infeasible":
        assert (solution.status, solution.objective) == ("infeasible", None)
        return
    assert solution.certificate is not None
    assert solution.certificate.holds
    if case["status"] == "open":
        sign = {"min": 1.0, "max": -1.0}[case["leader"]["sense"]]
        best = case["optimum"]["best_known"]["leader_obj"]
        assert sign * solution.objective <= sign * best + 1e-6 * max(1.0, abs(best))
        assert sign * solution.bound <= sign * best + 1e-6 * max(1.0, abs(best))
        return
    assert solution.status == "optimal"
    tolerance = 1e-4 if is_quadratic(case) else 1e-6
    assert solution.objective == pytest.approx(case["optimum"]["value"]["leader_obj"], rel=tolerance, abs=tolerance)


def check_refusal(name: str, expected: tuple[type[bl.BilevelError], str], model: Any, refused: dict[str, str]) -> None:
    kind, reason = expected
    with pytest.raises(kind) as refusal:
        bl.solve(model, time_limit=SECONDS)
    assert type(refusal.value) is kind
    assert reason in str(refusal.value)
    refused[name] = str(refusal.value)


@pytest.mark.parametrize("name", names("continuous"))
def test_continuous_cases(name: str, cases_folder: Path, refused: dict[str, str]):
    case = load_case(cases_folder / "continuous" / f"{name}.json")
    if name in REFUSED:
        check_refusal(name, REFUSED[name], declare(case), refused)
    else:
        check_case(case)


@pytest.mark.parametrize("name", names("derived"))
def test_derived_cases(name: str, cases_folder: Path, refused: dict[str, str]):
    case = load_case(cases_folder / "derived" / f"{name}.json")
    if name in REFUSED:
        check_refusal(name, REFUSED[name], declare(case), refused)
    else:
        check_case(case)


@pytest.mark.parametrize("name", special_names())
def test_special_cases(name: str, cases_folder: Path, refused: dict[str, str]):
    case = load_special(cases_folder / "special.json")[name]
    if name in CONIC:
        assert is_conic(case)
        refused[name] = "has second-order cones, which the language cannot state"
    elif name in SPECIAL_REFUSED:
        check_refusal(name, SPECIAL_REFUSED[name], declare_special(case), refused)
    else:
        check_special(name, case)


def check_special(name: str, case: dict[str, Any]) -> None:
    expected = case["expected"]
    solution = bl.solve(declare_special(case), time_limit=SECONDS)
    if expected.get("status") == "infeasible":
        assert (solution.status, solution.objective) == ("infeasible", None)
        return
    value = CORRECTED.get(name, expected.get("optimistic", expected)["leader_obj"])
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_no_case_is_forgotten(cases_folder: Path):
    """The tables name cases that exist, and the folders hold as many cases as were counted."""
    continuous = {path.stem for path in (cases_folder / "continuous").glob("*.json")}
    derived = {path.stem for path in (cases_folder / "derived").glob("*.json")}
    special = load_special(cases_folder / "special.json")
    assert set(REFUSED) <= continuous | derived
    assert set(SPECIAL_REFUSED) | CONIC | set(CORRECTED) <= set(special)
    assert {name for name in special if is_conic(special[name])} == CONIC
    assert (len(continuous), len(derived), len(special)) >= (83, 18, 35)
