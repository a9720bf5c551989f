"""Which method proves what, and how fast: ``python -m tests.benchmarks.solve [--family coupled prices] ...``.

The families of :mod:`tests.problems.generated`, by every method that applies and, with ``--peers PYTHON``, by
peers that are installed there. Times and limits are processor seconds on one
thread; a run that does not close its gap counts with the whole limit. Answers called optimal that differ are printed
as errors, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from statistics import median

from rich.console import Console
from rich.table import Table

import bilevel as bl
from tests.benchmarks.runs import (
    Instance,
    Run,
    best_known,
    disagreements,
    distance,
    is_right,
    own_run,
    peer_run,
    shifted_mean,
)
from tests.problems.generated import COUPLED_SIZES, PRICE_SIZES

METHODS: dict[str, bl.methods.Method | str] = {
    "auto": "auto",
    "derived M": bl.KKT(),
    "M = 1e5": bl.KKT(complementarity=bl.BigM(bounds=1e5)),
    "branching": bl.Branching(),
    "strong duality": bl.StrongDuality(),
    "SCIP SOS1": bl.KKT(complementarity=bl.SOS1()),
    "SCIP indicators": bl.KKT(complementarity=bl.Indicator()),
}
PEERS = ("PAO FA", "discopt")
PAIRS = tuple(str(size) for size in COUPLED_SIZES)
SIZES = {"coupled": PAIRS, "slater": PAIRS, "prices": tuple(PRICE_SIZES)}
FIRST_S = 1.0
"""The first incumbent is what a solve with this limit returns."""

NEAR = 1.3
"""The automatic method is near the best single one within this factor and :data:`SLACK_S`."""

SLACK_S = 0.1
GUESSED = "M = 1e5"


def instances(families: list[str], sizes: list[str] | None, seeds: int) -> Iterator[Instance]:
    for family in families:
        for size in SIZES[family]:
            if sizes is None or size in sizes:
                yield from (Instance(family, size, seed) for seed in range(seeds))


def measure(asked: argparse.Namespace, console: Console) -> tuple[list[Run], list[Run]]:
    """Return all runs to the limit, and the short runs of the automatic method for the first incumbent."""
    runs, first, refusals = [], [], set()
    for instance in instances(asked.family, asked.sizes, asked.seeds):
        for name in asked.methods:
            run = own_run(instance, name, METHODS[name], asked.limit)
            runs.append(run)
            _say(console, run, refusals)
        for name in PEERS if asked.peers else ():
            runs.append(peer_run(instance, name, asked.peers, asked.limit))
            _say(console, runs[-1], refusals)
        if "auto" in asked.methods:
            first.append(own_run(instance, "auto", "auto", FIRST_S))
    return runs, first


def _say(console: Console, run: Run, refusals: set[tuple[str, str, str]]) -> None:
    where = (run.method, run.instance.family, run.instance.size)
    if run.refused and where not in refusals:
        refusals.add(where)
        console.print(
            f"{run.instance.family} {run.instance.size}: {run.method} does not apply: {run.refused}", soft_wrap=True
        )
    if not run.refused:
        verdict = "proves" if run.proven else "ends with" if run.claim is None else "closes its gap at"
        said = "nothing" if run.objective is None else f"{run.objective:.8g}"
        if run.claim is None and run.bound is not None:
            said += f" (bound {run.bound:.8g})"
        instance = f"{run.instance.family} {run.instance.size} seed {run.instance.seed}"
        console.print(f"[dim]{instance}: {run.method} {verdict} {said} in {run.seconds:.2f} s[/dim]", highlight=False)


def _groups(runs: list[Run]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((run.instance.family, run.instance.size) for run in runs))


def times(runs: list[Run], limit: float) -> Table:
    """Shifted geometric means and solved counts, by size and method."""
    known, methods = best_known(runs), list(dict.fromkeys(run.method for run in runs))
    table = Table(
        "family", "size", *methods, title=f"processor seconds (shifted geometric mean), solved; limit {limit:g} s"
    )
    for family, size in _groups(runs):
        cells = []
        for method in methods:
            mine = [r for r in runs if r.method == method and (r.instance.family, r.instance.size) == (family, size)]
            applied = [run for run in mine if not run.refused]
            seconds = [run.seconds if is_right(run, known) else max(limit, run.seconds) for run in applied]
            solved = sum(is_right(run, known) for run in applied)
            cells.append(f"{shifted_mean(seconds):.2f}  {solved}/{len(mine)}" if applied else "does not apply")
        table.add_row(family, size, *cells)
    return table


def verdicts(runs: list[Run], first: list[Run], limit: float) -> Table:
    """How the automatic method stands beside the guessed M and the best single method, and its first incumbents."""
    known = best_known(runs)
    table = Table(
        "family", "size", f"{GUESSED} / auto", "auto within 1.3 of the best", "gap after 1 s: median", "worst"
    )
    for family, size in _groups(runs):
        mine = [run for run in runs if (run.instance.family, run.instance.size) == (family, size)]
        auto = {run.instance: _counted(run, known, limit) for run in mine if run.method == "auto"}
        guessed = [_counted(run, known, limit) for run in mine if run.method == GUESSED and not run.refused]
        near = 0
        for instance, seconds in auto.items():
            single = [
                _counted(r, known, limit)
                for r in mine
                if r.instance == instance
                and r.method in METHODS
                and r.method not in ("auto", GUESSED)
                and not r.refused
            ]
            near += seconds <= NEAR * min(single, default=limit) + SLACK_S
        gaps = [
            distance(run.objective if run.certified else None, known[run.instance])
            for run in first
            if (run.instance.family, run.instance.size) == (family, size) and run.instance in known
        ]
        ratio = shifted_mean(guessed) / shifted_mean(list(auto.values())) if guessed and auto else float("nan")
        table.add_row(
            family,
            size,
            f"{ratio:.1f}",
            f"{near}/{len(auto)}",
            *([f"{median(gaps):.2%}", f"{max(gaps):.2%}"] if gaps else []),
        )
    return table


def _counted(run: Run, known: dict[Instance, float], limit: float) -> float:
    return run.seconds if is_right(run, known) else max(limit, run.seconds)


def main() -> int:
    """Print the tables; the exit code is 1 where answers called optimal differ."""
    parser = argparse.ArgumentParser(description="Methods on families of generated games.")
    parser.add_argument("--family", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--sizes", nargs="+", help="as in the tables, such as 45 or T24K1; all of them")
    parser.add_argument("--seeds", type=int, default=6, help="how many games of each size")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of each run")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of an environment with PAO and discopt")
    asked = parser.parse_args()
    console = Console()
    runs, first = measure(asked, console)
    console.print(times(runs, asked.limit))
    if "auto" in asked.methods:
        console.print(verdicts(runs, first, asked.limit))
    wrong = disagreements(runs)
    for line in wrong:
        console.print(f"[bold red]error[/]: {line}", soft_wrap=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
