"""Aggregators on a distribution network, three games: ``python -m models.credit_points``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console

import bilevel as bl
from models.ac_power_flow import ADVICE, has_pandapower
from models.credit_points.checks import ac_checks, fee_checks, market_checks
from models.credit_points.credit import Choice, credit_fee, prices_at
from models.credit_points.data import FOLDER, Instance, read_instance
from models.credit_points.equilibrium import Equilibrium, equilibrium_of, price_taking
from models.credit_points.iteration import alternate
from models.credit_points.price_maker import anticipate
from models.credit_points.report import aggregator_table, fee_table, sweep_table
from models.credit_points.sensitivity import sweeps
from models.credit_points.users import Users, read_users
from models.terminal import NO_FIGURES, command, report, terminal

SWINGS = 5
"""Rounds of operator and aggregators in turn that are shown."""


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(prog="python -m models.credit_points", description=__doc__)
    add = options.add_argument
    add("--data", type=Path, default=FOLDER, help="folder with tables of the same names, instead of the ones shipped")
    add("--no-ac", action="store_true", help="leave out the AC power flow of the equilibrium")
    add("--no-price-maker", action="store_true", help="leave out the aggregator that anticipates its price")
    add("--figures", type=Path, default=Path("figures"), help="folder of the PNGs (default: ./figures)")
    add("--no-figures", action="store_true", help="tables only")
    return options


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 when every answer is proven and certified, and every check holds."""
    asked = parser().parse_args(argv)
    console = terminal()
    data = read_instance(asked.data)
    users = read_users(data.feeder, asked.data)
    good, found = price_takers(console, data, with_ac=not asked.no_ac)
    if not asked.no_price_maker:
        good &= price_maker(console, data, found, next(iter(data.aggregators)))
    well, swept = fees(console, data, found, users)
    if not asked.no_figures:
        try:
            from models.credit_points import figures

            for path in figures.write(asked.figures, data, found, swept):
                console.print(f"wrote {path}", soft_wrap=True)
        except ImportError:
            console.print(NO_FIGURES)
    return 0 if good and well else 1


def price_takers(console: Console, data: Instance, *, with_ac: bool) -> tuple[bool, Equilibrium]:
    """Solve and check the equilibrium at nodal prices, and show where answering in turn leads."""
    m = price_taking(data)
    with console.status("equilibrium of aggregators that take prices"):
        solution = bl.solve(m, threads=1)
    console.rule("aggregators that take the nodal prices", align="left")
    console.print(solution)
    found = equilibrium_of(m, data)
    console.print(aggregator_table(found, data))
    verdicts = market_checks(found, m, data) | newton_checks(console, found, data, wanted=with_ac)
    report(console, verdicts)
    with console.status("operator and aggregators in turn"):
        changes = ", ".join(f"{change:.1f}" for change in islice(alternate(data), SWINGS))
    console.print(
        f"operator and aggregators in turn, as in the paper: prices change by {changes} ... yuan/MWh from round to "
        "round and do not settle",
        highlight=False,
    )
    return solution.status == "optimal" and all(verdicts.values()), found


def newton_checks(console: Console, found: Equilibrium, data: Instance, *, wanted: bool) -> dict[str, bool]:
    """Return the checks by an AC power flow; none, and a line that says why, where there is none."""
    if wanted and has_pandapower():
        with console.status("AC power flow of the equilibrium"):
            return ac_checks(found, data)
    console.print(ADVICE if wanted else "the AC power flow was not asked for", highlight=False)
    return {}


def price_maker(console: Console, data: Instance, found: Equilibrium, number: int) -> bool:
    """Let one aggregator anticipate its price while the others keep their contracts."""
    console.rule(f"aggregator {number} anticipates its price", align="left")
    others = {k: contract for k, contract in found.contract_mwh.items() if k != number}
    with console.status("operators by line and by ladder"):
        answer = anticipate(data, number, others)
    taken = found.cost_yuan[number]
    console.print(
        f"costs {answer.cost_yuan:.2f} yuan a day, as a price taker {taken:.2f}; no plan costs less than "
        f"{answer.bound_yuan:.2f}; the lines are within {answer.error:.2f} yuan/MWh of the true prices",
        highlight=False,
    )
    verdicts = {
        "both games are proven and certified": answer.proven,
        "anticipating costs no more than taking prices, but for the lines, and no less than the bound": (
            answer.bound_yuan <= answer.cost_yuan <= taken + answer.error * float(answer.contract_mwh.sum())
        ),
    }
    report(console, verdicts)
    return all(verdicts.values())


def fees(
    console: Console, data: Instance, found: Equilibrium, users: Users
) -> tuple[bool, dict[str, dict[float, Choice]]]:
    """Solve the game of the fee at the equilibrium's prices, and vary the credit."""
    console.rule("fees that fall with credit points", align="left")
    price = prices_at(found, data, users)
    m = credit_fee(users, price)
    solution = bl.solve(m, threads=1)
    console.print(f"{solution.status}, {solution.method}", highlight=False)
    coefficient = {option: m.coefficient[option].value for option in users.options}
    options = {n: max(users.options, key=m.user[n].share.get_values().__getitem__) for n in users.users}
    console.print(fee_table(coefficient, options, users))
    swept = sweeps(users, price)
    console.print(sweep_table(swept))
    verdicts = fee_checks(m, users, price, swept)
    holds = solution.certificate is not None and solution.certificate.holds
    verdicts["the game is proven and certified"] = holds and solution.status == "optimal"
    report(console, verdicts)
    tie = None if solution.certificate is None else solution.certificate.tie
    if tie is not None and tie.optimistic is not None and tie.pessimistic is not None:
        console.print(
            f"users who break ties against the aggregator leave it {tie.pessimistic:.2f} of {tie.optimistic:.2f} yuan",
            highlight=False,
        )
    return all(verdicts.values()), swept


if __name__ == "__main__":
    sys.exit(main())
