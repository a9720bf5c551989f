"""Games with integer followers that nobody here wrote: ``python -m tests.benchmarks.integer [--limit S] [names ...]``.

Every MPS/AUX instance of the external cases. Those marked easy must be proven at the recorded value; all others must
return a bound that is no better than what is known, and a point that is bilevel feasible: its certificate holds. A
miss is named below the table, and the exit code is then 1. Times are processor seconds on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import bilevel as bl
from bilevel.errors import BilevelError
from bilevel.io import read_model

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases" / "milp"

PRINTED = 5e-6
"""Recorded values have six digits."""


@dataclass(frozen=True, slots=True)
class Run:
    """What was said of an instance; the leader minimises in all of them. ``recorded`` is None where it is open."""

    name: str
    easy: bool
    recorded: float | None
    seconds: float
    status: str
    value: float | None = None
    bound: float | None = None
    certified: bool = False

    def miss(self) -> str:
        """Say what is missing, nothing where nothing is."""
        if self.value is None or not self.certified:
            return f"no bilevel feasible point ({self.status})"
        if self.bound is None or (self.easy and self.status != "optimal"):
            return f"not proven ({self.status})" if self.easy else "no bound"
        room = PRINTED * max(1.0, abs(self.value))
        if self.bound > self.value + room:
            return f"the bound {self.bound:.8g} is above the value of a point, {self.value:.8g}"
        if self.recorded is not None and not self.bound - room <= self.recorded <= self.value + room:
            return f"the recorded optimum {self.recorded:.8g} is not between the bound and the value of the point"
        return ""


def run(name: str, facts: dict[str, object], limit: float) -> Run:
    """Solve an instance of the folder."""
    recorded, easy = facts["leader_objective"], bool(facts["easy"])
    known = float(recorded) if isinstance(recorded, int | float) else None
    began = time.process_time()
    try:
        solution = bl.solve(read_model(f"{FOLDER / name}.mps", f"{FOLDER / name}.aux"), time_limit=limit, threads=1)
    except BilevelError as refused:
        return Run(name, easy, known, time.process_time() - began, f"{type(refused).__name__}: {refused}")
    seconds, certificate = time.process_time() - began, solution.certificate
    holds = certificate is not None and certificate.holds
    return Run(name, easy, known, seconds, solution.status, solution.objective, solution.bound, holds)


def row(one: Run) -> tuple[str, ...]:
    """Return the cells of a line of the table."""
    numbers = ("-" if number is None else f"{number:.8g}" for number in (one.value, one.recorded, one.bound))
    easy, holds = "easy" if one.easy else "", "holds" if one.certified else "fails" if one.value is not None else "-"
    return (one.name, easy, *numbers, one.status, holds, f"{one.seconds:.1f}")


def main() -> int:
    """Print the table and what is missing; return the exit code."""
    parser = argparse.ArgumentParser(description="External instances with integer followers.")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each instance")
    parser.add_argument("names", nargs="*", help="instances; all of them where none is named")
    asked = parser.parse_args()
    console = Console(width=130)
    if not (FOLDER / "values.json").is_file():
        console.print(f"no external cases: {FOLDER} is not there")
        return 2
    values = json.loads((FOLDER / "values.json").read_text())
    unknown = sorted(set(asked.names) - set(values))
    if unknown:
        console.print(f"no such instance: {', '.join(unknown)}")
        return 2
    table = Table(title=f"integer followers, {asked.limit:g} s each", title_justify="left", box=None)
    for heading in ("instance", "", "value", "recorded", "bound", "status", "certificate", "CPU s"):
        table.add_column(heading, justify="left" if heading in ("instance", "", "status") else "right")
    runs = []
    for name in asked.names or values:
        runs.append(run(name, values[name], asked.limit))
        table.add_row(*row(runs[-1]))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    console.print(table)
    misses = [f"{one.name}: {one.miss()}" for one in runs if one.miss()]
    easy = [one for one in runs if one.easy]
    proven = sum(one.status == "optimal" for one in easy)
    console.print(f"{proven} of {len(easy)} easy instances proven, {len(misses)} misses")
    for miss in misses:
        console.print(miss, style="red")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
