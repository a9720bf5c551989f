"""Solve textbook games: ``python -m models.textbook [name ...]``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

from rich.table import Table

import bilevel as bl
from models.terminal import terminal
from models.textbook import GAMES

"""Columns of the table where the output is no terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Solve the games asked for, print a table; 1 if an answer is not proven, certified and the known one."""
    options = argparse.ArgumentParser(prog="python -m models.textbook", description=__doc__)
    options.add_argument("games", nargs="*", metavar="name", help=f"of {', '.join(GAMES)} (default: all)")
    options.add_argument("--explain", action="store_true", help="say how each game was compiled")
    asked = options.parse_args(arguments)
    for name in set(asked.games) - set(GAMES):
        options.error(f"there is no game {name}; the games are {', '.join(GAMES)}")
    console = terminal()
    table = Table("game", "status", "certificate", "method")
    for heading in ("objective", "known", "seconds"):
        table.add_column(heading, justify="right")
    right = True
    for name in asked.games or GAMES:
        declare, known = GAMES[name]
        model = declare()
        with console.status(f"solving {name}"):
            solution = bl.solve(model)
        value = solution.objective if solution.objective is not None else math.nan
        holds = solution.certificate is not None and solution.certificate.holds
        right &= holds and solution.status == "optimal" and math.isclose(value, known, rel_tol=1e-6)
        verdict = "holds" if holds else "does not hold"
        method = solution.method.split(";")[0]
        table.add_row(name, solution.status, verdict, method, f"{value:.6g}", f"{known:.6g}", f"{solution.seconds:.2f}")
        if asked.explain:
            console.print(name, style="bold")
            console.print(f"{bl.explain(model)}\n", highlight=False)
    console.print(table)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
