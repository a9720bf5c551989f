"""SCIP, an optional solver for what HiGHS cannot take: the only file that talks to pyscipopt."""

from __future__ import annotations

import locale
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from bilevel.errors import NotApplicable, SolverFailure
from bilevel.solvers.labels import labels
from bilevel.solvers.outcome import HighsOptions, MipProgress, Outcome, Status
from reformulations.programs import Floats, Names, Product, Rows
from reformulations.spatial import SpatialProgram

EXTRA = 'pip install "bilevel-compiler[scip]"'
"""What installs SCIP beside this package."""

_ANSWERS: dict[str, Status] = {
    "optimal": "optimal",
    "gaplimit": "optimal",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "timelimit": "time_limit",
    "userinterrupt": "interrupted",
    "terminate": "interrupted",
}
_LARGEST = 1e20


def is_installed() -> bool:
    """Tell whether SCIP is there."""
    return find_spec("pyscipopt") is not None


def solve(program: SpatialProgram, options: HighsOptions | None = None, start: Floats | None = None) -> Outcome:
    """Minimise a program by SCIP's branch and bound, which is spatial where there are products.

    Parameters
    ----------
    program
        Products may stand anywhere; nothing need be convex.
    options
        ``gap`` is relative to ``max(1, |objective|)``; ``threads`` is not used, SCIP works with one.
    start
        A point ``(n,)`` to begin with, or None.

    Returns
    -------
    Outcome
        The bound is SCIP's proven one. That there is no point is believed when SCIP says so with
        presolve and without it. Where its linear programs fail, it is asked once more without presolve, without
        cuts, and with an objective of small numbers.

    Raises
    ------
    NotApplicable
        When SCIP is not installed; names the extra.
    SolverFailure
        When SCIP ends without an answer twice.
    """
    options, began = options or HighsOptions(), time.perf_counter()
    model = _Model(program, options)
    try:
        outcome = _outcome(model, options, start, began)
    except SolverFailure:
        plain, model = replace(options, presolve=False), _Model(program, options, _unit(program))
        model.switch_presolve_off()
        model.switch_cuts_off()
        outcome = _outcome(model, plain, start, began)
    if outcome is None:
        return _infeasible_or_unbounded(program, options, began)
    return _doubted(program, outcome, options) if _may_fall_for_ever(program) else outcome


def _outcome(model: _Model, options: HighsOptions, start: Floats | None, began: float) -> Outcome | None:
    if start is not None:
        model.offer(start)
    outcome = model.solve(options, began)
    if outcome is not None and outcome.status == "infeasible" and options.presolve:
        model.switch_presolve_off()
        outcome = model.solve(options, began)
    return outcome


def _unit(program: SpatialProgram) -> float:
    """Return a power of two near the largest coefficient of the objective; one where all are small."""
    largest = float(np.abs(np.append(program.cost, program.products.value)).max(initial=1.0))
    return float(2.0 ** np.floor(np.log2(max(largest, 1.0))))


def write(program: SpatialProgram, path: str) -> None:
    """Write a program with names, in the format that the ending of ``path`` says."""
    ending = Path(path).suffix
    columns = replace(program.columns, names=Names.of([*labels(program.columns.names, ending)]))
    rows = replace(program.rows, names=Names.of([*labels(program.rows.names, ending)]))
    _Model(replace(program, columns=columns, rows=rows), HighsOptions()).write(path)


class _Model:
    """A program inside SCIP, which counts the objective in a ``unit``."""

    def __init__(self, program: SpatialProgram, options: HighsOptions, unit: float = 1.0) -> None:
        if not is_installed():
            raise NotApplicable("SCIP", f"this program is beyond HiGHS and SCIP is not installed; {EXTRA}")
        self._package: Any = import_module("pyscipopt")
        self._program, self._unit = program, unit
        self._model: Any = self._package.Model()
        self._model.hideOutput(not options.log)
        self._set_options(options)
        self._columns = self._added_columns()
        self._add_rows()
        self._negated = self._added_conditions()
        self._height = self._added_objective()
        self._raised: list[BaseException] = []
        if options.progress is not None:
            report = _reporter(self._package, options.progress, unit, self._raised)
            self._model.includeEventhdlr(report, "report", "reports incumbents and bounds")

    def offer(self, start: Floats) -> None:
        """Offer a start; entries that are NaN are left to SCIP."""
        known = bool(np.isfinite(start).all())
        solution = self._model.createSol() if known else self._model.createPartialSol()
        for column, value in zip(self._columns, start.tolist(), strict=False):
            if np.isfinite(value):
                self._model.setSolVal(solution, column, value)
        if known and self._height is not None:
            self._model.setSolVal(solution, self._height, float(self._program.products.evaluate(start, 1)[0]))
        for j, other in self._negated.items():
            if np.isfinite(start[j]):
                self._model.setSolVal(solution, other, 1.0 - start[j])
        self._model.addSol(solution)

    def solve(self, options: HighsOptions, began: float) -> Outcome | None:
        """Solve; None when SCIP cannot tell an infeasible program from an unbounded one."""
        if options.time_limit is not None:
            left = max(options.time_limit - (time.perf_counter() - began), 0.1)
            self._model.setParam("limits/time", left)
        try:
            self._model.optimizeNogil()
        except Exception as error:  # pyscipopt raises no narrower type
            raise SolverFailure(f"SCIP ended without an answer: {error}") from error
        if self._raised:
            raise self._raised[0]
        answer = str(self._model.getStatus())
        if answer == "inforunbd":
            return None
        status = _ANSWERS.get(answer, "limit")
        point, seconds = self._point(status), time.perf_counter() - began
        objective = None if point is None else self._program.objective(point)
        bound = {"infeasible": np.inf, "unbounded": -np.inf}.get(
            status, self._unit * _finite(self._model.getDualbound())
        )
        return Outcome(status, point, objective, bound, None, None, int(self._model.getNTotalNodes()), seconds)

    def switch_presolve_off(self) -> None:
        """Go back to the program as it was given, to be solved without presolve."""
        self._model.freeTransform()
        self._leave_presolve_out()

    def switch_cuts_off(self) -> None:
        """Solve by branching alone: cuts are what most often leaves a linear program that SCIP cannot solve."""
        self._model.setSeparating(self._package.SCIP_PARAMSETTING.OFF)

    def write(self, path: str) -> None:
        """Write the program as it was given."""
        # SCIP's interface restores the locale by a name that Python makes up for C.UTF-8, and fails where it is unknown
        numbers = locale.setlocale(locale.LC_NUMERIC)
        locale.setlocale(locale.LC_NUMERIC, "C")
        try:
            self._model.writeProblem(path, verbose=False)
        finally:
            locale.setlocale(locale.LC_NUMERIC, numbers)

    def _set_options(self, options: HighsOptions) -> None:
        settings: dict[str, bool | int | float | str] = {
            "limits/gap": options.gap,
            "limits/absgap": options.gap / self._unit,
            "numerics/feastol": options.feasibility,  # SoPlex grumbles below 1e-7: SCIP asks it for a thousandth
            "numerics/dualfeastol": options.feasibility,
        }
        if len(self._program.indicators):
            # with them SCIP 10.0 ends at wrong points that it calls optimal: in 4 of 10 price games of 96 pairs
            settings["misc/allowstrongdualreds"] = False
        if not options.presolve:
            self._leave_presolve_out()
        for name, value in settings.items():
            self._model.setParam(name, value)

    def _leave_presolve_out(self) -> None:
        self._model.setPresolve(self._package.SCIP_PARAMSETTING.OFF)
        self._model.setParam("misc/usesymmetry", 0)  # SCIP 10.0 crashes on symmetries of sets that it did not presolve

    def _added_columns(self) -> list[Any]:
        columns, add = self._program.columns, self._model.addVar
        _refuse_nan(columns.lower, columns.upper, self._program.cost)
        each = zip(columns.names, columns.lower.tolist(), columns.upper.tolist(), columns.integer.tolist(), strict=True)
        return [
            add(name, "I" if whole else "C", low if low > -np.inf else None, high if high < np.inf else None)
            for name, low, high, whole in each
        ]

    def _expression(self, indices: list[int], values: list[float], products: Product | None = None) -> Any:
        term, columns = self._package.scip.Term, self._columns
        terms = {term(columns[j]): value for j, value in zip(indices, values, strict=True)}
        if products is not None:
            each = zip(products.left.tolist(), products.right.tolist(), products.value.tolist(), strict=True)
            terms.update({term(columns[i], columns[j]): value for i, j, value in each})
        return self._package.Expr(terms)

    def _add_rows(self) -> None:
        rows = self._program.rows
        matrix, terms = rows.matrix, rows.products + Product.none()  # sorted by rows
        _refuse_nan(matrix.data, rows.lower, rows.upper, terms.value)
        ends = np.searchsorted(terms.index, np.arange(len(rows) + 1))
        for i, (low, high) in enumerate(zip(rows.lower.tolist(), rows.upper.tolist(), strict=True)):
            begin, end = matrix.indptr[i : i + 2].tolist()
            part = slice(ends[i], ends[i + 1])
            mine = Product(terms.index[part], terms.left[part], terms.right[part], terms.value[part])
            if begin == end and not len(mine):
                self._require_truth(rows, i)
                continue
            body = self._expression(matrix.indices[begin:end].tolist(), matrix.data[begin:end].tolist(), mine)
            self._add_row(body, low, high, rows.names[i])

    def _add_row(self, body: Any, low: float, high: float, name: str) -> None:
        if low == high:
            self._model.addCons(body == low, name)
        elif np.isfinite(low) and np.isfinite(high):
            self._model.addCons(self._package.ExprCons(body, low, high), name)
        elif np.isfinite(high):
            self._model.addCons(body <= high, name)
        elif np.isfinite(low):
            self._model.addCons(body >= low, name)

    def _require_truth(self, rows: Rows, i: int) -> None:
        """State a row without columns, which SCIP does not take, by a column that has no value."""
        room = 1e-9 * max(1.0, abs(float(rows.lower[i])) if np.isfinite(rows.lower[i]) else 1.0)
        if rows.lower[i] > room or rows.upper[i] < -room:
            nothing = self._model.addVar(lb=0.0, ub=0.0)
            self._model.addCons(nothing >= 1.0, rows.names[i])

    def _added_conditions(self) -> dict[int, Any]:
        """Add what excludes each other and the rows on condition; return the complements of binaries that needs."""
        for first, second in self._program.exclusive.tolist():
            self._model.addConsSOS1([self._columns[first], self._columns[second]])
        when = self._program.indicators
        negated = {j: self._model.addVar(vtype="B") for j in np.unique(when.binary[~when.value]).tolist()}
        for j, other in negated.items():
            self._model.addCons(self._columns[j] + other == 1.0)
        each = zip(when.binary.tolist(), when.value.tolist(), when.upper.tolist(), strict=True)
        for i, (binary, value, upper) in enumerate(each):
            begin, end = when.matrix.indptr[i : i + 2].tolist()
            body = self._expression(when.matrix.indices[begin:end].tolist(), when.matrix.data[begin:end].tolist())
            self._model.addConsIndicator(body <= upper, self._columns[binary] if value else negated[binary])
        return negated

    def _added_objective(self) -> Any:
        """Minimise a linear form: SCIP takes no other, so products stand in a row and a column of their own."""
        program = self._program
        used = np.flatnonzero(program.cost)
        total = self._expression(used.tolist(), program.cost[used].tolist()) + program.constant
        height = None
        if len(program.products):
            height = self._model.addVar("objective_products", lb=None, ub=None)
            self._model.addCons(self._expression([], [], program.products) - height <= 0.0)
            total = total + height
        self._model.setObjective(total * (1.0 / self._unit), "minimize")
        return height

    def _point(self, status: Status) -> Floats | None:
        if status in ("infeasible", "unbounded") or self._model.getNSols() == 0:
            return None
        best = self._model.getBestSol()
        values = np.array([self._model.getSolVal(best, column) for column in self._columns], np.float64)
        whole = self._program.columns.integer
        return np.where(whole, np.round(values), values)


def _reporter(package: Any, progress: Callable[[MipProgress], None], unit: float, raised: list[BaseException]) -> Any:
    """Return an event handler that reports each better incumbent and each better bound."""

    class Report(package.Eventhdlr):
        def eventinit(self) -> None:
            for kind in (package.SCIP_EVENTTYPE.BESTSOLFOUND, package.SCIP_EVENTTYPE.DUALBOUNDIMPROVED):
                self.model.catchEvent(kind, self)

        def eventexec(self, event: Any) -> None:  # noqa: ARG002  (SCIP's signature)
            if raised:
                return
            model, found = self.model, self.model.getBestSol() if self.model.getNSols() else None
            best = (
                np.inf if found is None else unit * _finite(model.getSolObjVal(found))
            )  # its primal bound lags behind
            bound = min(unit * _finite(model.getDualbound()), best)
            gap = (best - bound) / max(1.0, abs(best)) if np.isfinite(best) else np.inf
            try:
                progress(MipProgress(best, bound, gap, int(model.getNTotalNodes()), float(model.getSolvingTime())))
            except BaseException as error:  # noqa: BLE001  (it must not unwind through C; raised again by the caller)
                raised.append(error)
                model.interruptSolve()

    return Report()


def _finite(value: float) -> float:
    """Return a bound of SCIP, infinite where it means so."""
    return float(np.sign(value) * np.inf) if abs(value) >= _LARGEST else float(value)


def _infeasible_or_unbounded(program: SpatialProgram, options: HighsOptions, began: float) -> Outcome:
    """Say which of the two a program is: without its objective it has a point or none."""
    found = solve(program.any_point(), HighsOptions(time_limit=options.time_limit, feasibility=options.feasibility))
    seconds = time.perf_counter() - began
    if found.status == "infeasible":
        return Outcome("infeasible", None, None, np.inf, None, None, found.nodes, seconds)
    status: Status = "unbounded" if found.point is not None else found.status
    return Outcome(status, None, None, -np.inf, None, None, found.nodes, seconds)


def _may_fall_for_ever(program: SpatialProgram) -> bool:
    """Tell whether a column without an end lowers a linear objective beside conditions, all rows linear too.

    Where rows have products such a column is an objective above curved terms, which these bound.
    """
    cost, columns = program.cost, program.columns
    endless = ((cost < 0) & np.isposinf(columns.upper)) | ((cost > 0) & np.isneginf(columns.lower))
    conditions = len(program.exclusive) + len(program.indicators.binary)
    return bool(endless.any()) and conditions > 0 and not len(program.products) and not len(program.rows.products)


def _doubted(program: SpatialProgram, outcome: Outcome, options: HighsOptions) -> Outcome:
    """Return the outcome without its bound where a point is far better than what SCIP calls an optimum.

    At a node whose linear program is unbounded SCIP may drop what is below it, and end as optimal.
    """
    if outcome.status != "optimal" or outcome.objective is None:
        return outcome
    side = outcome.objective - program.constant - max(1.0, abs(outcome.objective))
    better = Rows(
        sparse.csr_array(program.cost[np.newaxis]),
        np.array([-np.inf]),
        np.array([side]),
        Names.of(["far better than the optimum"]),
    )
    free = program.any_point()
    found = solve(
        replace(free, rows=free.rows.append(better)),
        HighsOptions(time_limit=options.time_limit, feasibility=options.feasibility),
    )
    return outcome if found.status == "infeasible" else replace(outcome, status="limit", bound=-np.inf)


def _refuse_nan(*arrays: Floats) -> None:
    if any(np.isnan(array).any() for array in arrays):
        raise SolverFailure("the program holds what is not a number")
