"""PAO's documented examples, by this package and by PAO itself: ``python -m tests.benchmarks.pao_examples``.

Each example is built anew and solved by ``bl.solve`` and by PAO 1.0.2 on HiGHS: by its big-M method (FA), or by its
column-and-constraint generation (PCCG) where a follower decides integers. Seconds are of processor time.
"""

from __future__ import annotations

import argparse
import pkgutil
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pyomo.environ as pyo

import bilevel as bl
from bilevel.io import pao

AGREE = 1e-5
"""Relative distance up to which two optima are the same."""

BILINEAR = ("barguel", "pao3")
"""Examples for which PAO asks for the M of a binary times a follower's variable; 100 suffices."""

LONG = ("sip_example1",)
"""Ten minutes did not suffice for PAO here, and its limit of time did not end it."""


def main() -> None:
    """Print one line for each example, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each of our solves")
    limit = parser.parse_args().limit
    peer = pao.import_pao()
    proven, same, count = 0, 0, 0
    for form in ("pyomo", "mpr"):
        for name in sorted(part.name for part in pkgutil.iter_modules(import_module(f"pao.{form}.examples").__path__)):
            create = import_module(f"pao.{form}.examples.{name}").create
            ours, optimum = _ours(create, limit)
            theirs, value = _theirs(peer, form, name, create) if name not in LONG else ("not run, see LONG", None)
            count += 1
            proven += ours.startswith("optimal")
            agrees = optimum is not None and value is not None and abs(optimum - value) <= AGREE * max(1, abs(optimum))
            same += agrees
            print(f"{form:6} {name:20} {ours:44} PAO: {theirs}", flush=True)
    print(f"{count} files; {proven} proven optimal here, PAO has the same objective in {same}")


def _ours(create: Callable[[], Any], limit: float) -> tuple[str, float | None]:
    began = time.process_time()
    try:
        solution = bl.solve(create(), time_limit=limit)
    except bl.BilevelError as refused:
        return f"refused: {str(refused)[:34]}", None
    seconds = time.process_time() - began
    held = solution.certificate is not None and solution.certificate.holds
    said = f"{solution.status} {solution.objective:.6g}, certificate {'holds' if held else 'fails'}, {seconds:.2f} s"
    return said, solution.objective


def _theirs(peer: Any, form: str, name: str, create: Callable[[], Any]) -> tuple[str, float | None]:
    model, began = create(), time.process_time()
    more = {"linearize_bigm": 100} if name in BILINEAR else {}
    way = "PCCG" if name in ("mibs", "moore", "toyexample1", "toyexample2", "toyexample3") else "FA"
    try:
        peer.Solver(f"pao.{form}.{way}", mip_solver="appsi_highs").solve(model, **more)
        value = float(pyo.value(model.o)) if form == "pyomo" else _paid(model)
    except BaseException as failed:  # whatever a peer ends with is its answer
        if isinstance(failed, KeyboardInterrupt):
            raise
        return f"{way}: {type(failed).__name__}: {str(failed).splitlines()[0][:60] if str(failed) else ''}", None
    return f"{way}: {value:.6g}, {time.process_time() - began:.2f} s", value


def _paid(problem: Any) -> float:
    """Return the leader's objective at the values in the levels."""
    upper, levels = problem.U, list(problem.levels())
    cost = [upper.c[level] if upper.c[level] is not None else [] for level in levels]
    parts = zip(cost, (level.x.values for level in levels), strict=True)
    return float(upper.d + sum(c * x for one, values in parts for c, x in zip(one, values, strict=False)))


if __name__ == "__main__":
    main()
