"""Smaller big-M's from an incumbent: linear programs over what is at least as good."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bilevel.compiler.extremes import Extremes
from bilevel.compiler.pipeline import Image
from bilevel.methods import KKT, BigM
from bilevel.printing import number
from bilevel.solvers.answer import Limits
from bilevel.solvers.highs import HighsOptions
from bilevel.solvers.work_clock import WorkClock
from reformulations import big_m
from reformulations.bounds import CUTOFF, padded
from reformulations.cutoff import cutoff_row
from reformulations.programs import LEADER, Floats, Integers, MixedIntegerProgram
from reformulations.tangents import epigraph

LOOSE = 1e3
"""Programs whose largest M is smaller are left to the solver first, whose own presolve may do as well."""

FEWEST = 10
"""Programs with fewer binaries are solved sooner than tightened."""


def can_be_tightened(image: Image) -> bool:
    """Tell whether there are enough big-M's for linear programs to be spent on them at all."""
    if not isinstance(image.method, KKT) or not isinstance(image.method.complementarity, BigM):
        return False
    return len(image.binaries) >= FEWEST


def is_loose(image: Image) -> bool:
    """Tell whether smaller big-M's are worth their linear programs before anything else is tried."""
    return can_be_tightened(image) and float(_largest(image).max()) > LOOSE


def proof(image: Image, value: float) -> str:
    """Say what bounds rest on that were derived with a cutoff; ``value`` is minimised."""
    better = "at least" if image.source.objectives.sense[LEADER] < 0 else "at most"
    mine = float(image.source.objectives.sense[LEADER]) * value
    return f"bounds of multipliers and slacks hold where the leader's objective is {better} {number(mine)}, as found"


def tightened(image: Image, value: float, limits: Limits, seconds: float) -> Image:
    """Return the image with bounds that hold wherever the objective is at least as good as ``value``.

    For each pair, over the relaxation of the big-M program with ``objective <= value``: the greatest multiplier with
    its binary at one (row active, opposite multiplier zero), and the greatest slack with its binary at zero; the
    largest M's first, until ``seconds`` of work are over. Exact when a feasible point reaches ``value``: nothing
    better is cut off. The bounds hold in this program only, not for the same followers elsewhere.
    """
    clock, bounds, pairs = WorkClock(), image.bounds, image.mpec.complementarity
    extremes = Extremes(_relaxation(image, value), HighsOptions(threads=limits.threads, presolve=False))
    if not extremes.feasible():
        return image
    multiplier, slack = bounds.multiplier_upper.copy(), np.full(len(pairs), np.inf)
    first = len(image.mpec.columns)
    for k in np.argsort(-_largest(image), kind="stable").tolist():
        if clock.seconds() > seconds or limits.stopped():
            break
        entry = int(image.binaries[k])
        multiplier[entry] = extremes.greatest(int(pairs.multiplier[entry]), [(first + k, 1.0)])
        where = slice(int(pairs.slack.indptr[entry]), int(pairs.slack.indptr[entry + 1]))
        columns: Integers = pairs.slack.indices[where].astype(np.int64)
        most = extremes.greatest_of(columns, pairs.slack.data[where], [(first + k, 0.0)])
        slack[entry] = most - float(pairs.offset[entry])
    changed = np.full(len(pairs), np.inf)
    changed[image.binaries] = np.maximum(padded(multiplier[image.binaries]), 0.0)
    bounds = bounds.tightened(np.full(len(pairs), -np.inf), changed, CUTOFF).with_slacks(np.maximum(padded(slack), 0.0))
    return replace(
        image,
        program=big_m.BigM(bounds).apply(image.mpec).program,
        bounds=bounds,
        binaries=big_m.binaries_of(image.mpec, bounds),
        proof=(*image.proof, proof(image, value)),
    )


def _largest(image: Image) -> Floats:
    """Return the larger big-M ``(b,)`` of each binary."""
    return np.maximum(image.bounds.multiplier_upper, image.bounds.slack_upper)[image.binaries]


def _relaxation(image: Image, value: float) -> MixedIntegerProgram:
    columns = image.linear_program.columns
    relaxed = replace(columns, integer=np.zeros(len(columns), bool))
    program, _ = epigraph(replace(image.linear_program, columns=relaxed))
    rows = program.rows.append(cutoff_row(program.cost, program.constant, value))
    return replace(program, rows=rows, cost=np.zeros(len(program.cost)), constant=0.0)
