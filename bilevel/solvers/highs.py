"""One persistent HiGHS instance: the only file that talks to highspy."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import highspy
import numpy as np
from numpy.typing import NDArray

from bilevel.errors import NotApplicable, SolverFailure
from bilevel.solvers.highs_run import run, run_in_thread
from bilevel.solvers.labels import labels
from bilevel.solvers.outcome import HighsOptions, MipProgress, Outcome, Status
from reformulations.convex_quadratic import lower_triangle, mirrored, recession, sign_patterns, without_products
from reformulations.programs import Floats, Integers, MixedIntegerProgram, Product, Rows

__all__ = ["HighsOptions", "MipProgress", "Outcome", "PersistentHighs", "WarmBasis"]

_ANSWERS: dict[highspy.HighsModelStatus, Status] = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnbounded: "unbounded",
    highspy.HighsModelStatus.kTimeLimit: "time_limit",
    highspy.HighsModelStatus.kInterrupt: "interrupted",
    highspy.HighsModelStatus.kIterationLimit: "limit",
    highspy.HighsModelStatus.kSolutionLimit: "limit",
    highspy.HighsModelStatus.kMemoryLimit: "limit",
}
_ROWWISE, _TRIANGULAR, _MINIMIZE, _FEASIBLE = 2, 1, 1, 2
_STATIONARITY, _RELATIVE_FALL = 1e-5, 1e-6
_QP_STEPS = 100
_SMALLEST = 1e-12
_WORTH = 1e-6
_ROUNDING = 1e-9  # kept while HiGHS runs: with less its proofs of infeasibility fail over rounding, and it ends unknown


@dataclass(frozen=True, slots=True, eq=False)
class WarmBasis:
    """Where a linear program with so many ``rows`` ended, for one with other bounds to begin at."""

    statuses: highspy.HighsBasis
    rows: int


class PersistentHighs:
    """A program inside HiGHS whose costs, bounds and rows change between solves.

    Parameters
    ----------
    program
        What to minimise; ``products`` must be convex, and empty where columns are integer.
    options
        Limits and tolerances.

    Raises
    ------
    NotApplicable
        If the program is both quadratic and integer.
    SolverFailure
        If HiGHS refuses the data.
    """

    def __init__(self, program: MixedIntegerProgram, options: HighsOptions | None = None) -> None:
        self._integer = bool(program.columns.integer.any())
        if len(program.products) and self._integer:
            where = program.columns.names[int(np.argmax(program.columns.integer))]
            raise NotApplicable(where, "HiGHS takes no integer column beside a quadratic objective; use tangents")
        self._options = options or HighsOptions()
        self._program = program
        self._cost, self._constant = program.cost.copy(), program.constant
        self._lower, self._upper = program.columns.lower.copy(), program.columns.upper.copy()
        self._rows = [program.rows]
        self._row_lower, self._row_upper = program.rows.lower.copy(), program.rows.upper.copy()
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]
        self._set_options()
        self._pass_program()

    def solve(self, *, time_limit: float | None = None) -> Outcome:
        """Solve; doubtful verdicts are asked again in another way before they are believed.

        Infeasibility and failures: once more with presolve off. A quadratic program that seems
        infeasible or unbounded, or fails: by linear programs that prove it, else in mirrored columns.
        ``time_limit`` in seconds replaces the one of the options. With integer columns an
        interrupt from the keyboard ends the solve with the incumbent.

        Raises
        ------
        SolverFailure
            If no way of asking gives an answer.
        """
        started = time.perf_counter()
        seconds = self._options.time_limit if time_limit is None else time_limit
        outcome = self.attempt(seconds)
        if outcome is None or outcome.status == "infeasible":
            self._check(self._solver.clearSolver(), "clearSolver")
            outcome = self.attempt(_remaining(seconds, started), presolve=False)
        if self._solver.getModelStatus() == highspy.HighsModelStatus.kUnboundedOrInfeasible:
            outcome = self._unbounded_or_infeasible(_remaining(seconds, started))
        if len(self._program.products) and self._is_doubtful(outcome):
            outcome = self._settle(_remaining(seconds, started))
        if outcome is None:
            said = self._solver.modelStatusToString(self._solver.getModelStatus())
            raise SolverFailure(f"HiGHS ended without an answer ({said}); rescale the program or try another solver")
        return replace(outcome, seconds=time.perf_counter() - started)

    def attempt(self, time_limit: float | None = None, *, presolve: bool = True) -> Outcome | None:
        """Run HiGHS once; None where it ends without an answer."""
        if not len(self._lower):
            return self._answer_without_columns()
        how = "choose" if presolve and self._options.presolve else "off"
        self._check(self._solver.setOptionValue("presolve", how), "presolve")
        until = np.inf if time_limit is None else self._solver.getRunTime() + time_limit  # it counts all solves
        self._check(self._solver.setOptionValue("time_limit", until), "limit")
        started = time.perf_counter()
        ended = (run_in_thread if self._integer else run)(self._solver, self._options)
        status = _ANSWERS.get(self._solver.getModelStatus())
        if ended == highspy.HighsStatus.kError or status is None or (status == "limit" and len(self._program.products)):
            return None
        outcome = self._outcome(status, time.perf_counter() - started)
        return outcome if self._is_worth_what_it_says(outcome) else None

    def infeasibility_ray(self) -> Floats | None:
        """Return row multipliers ``(m,)`` that are to prove the last linear program infeasible; None without any."""
        status, found, ray = self._solver.getDualRay()  # type: ignore[attr-defined]
        known = found and status != highspy.HighsStatus.kError
        return np.array(ray, np.float64) if known and ray is not None else None

    def infeasible_subset(self) -> tuple[Integers, Integers, Integers] | None:
        """Return rows, columns by lower and columns by upper bound that HiGHS holds to be an IIS; None without any.

        Of the linear program solved last, which must be infeasible; to be checked by whoever uses it.
        """
        status, found = self._solver.getIis()
        if status == highspy.HighsStatus.kError or not found.valid_:
            return None
        column, side = np.array(found.col_index_, np.int64), np.array([int(bound) for bound in found.col_bound_])
        boxed = int(highspy.IisBoundStatus.kIisBoundStatusBoxed)
        low, high = (
            np.isin(side, (int(one), boxed))
            for one in (highspy.IisBoundStatus.kIisBoundStatusLower, highspy.IisBoundStatus.kIisBoundStatusUpper)
        )
        return np.array(found.row_index_, np.int64), column[low], column[high]

    def warm_basis(self) -> WarmBasis:
        """Return the basis of the last linear program."""
        return WarmBasis(self._solver.getBasis(), len(self._row_lower))

    def begin_at(self, basis: WarmBasis) -> None:
        """Begin the next linear program at a basis of an earlier one, unless rows were added since."""
        if basis.statuses.valid and basis.rows == len(self._row_lower):
            self._solver.setBasis(basis.statuses)  # where it is refused, the program begins where the last one ended

    def current(self) -> MixedIntegerProgram:
        """Return the program as it stands, with every change made so far."""
        rows = self._rows[0]
        for more in self._rows[1:]:
            rows = rows.append(more)
        self._rows = [rows]
        return replace(
            self._program,
            columns=replace(self._program.columns, lower=self._lower.copy(), upper=self._upper.copy()),
            rows=replace(rows, lower=self._row_lower.copy(), upper=self._row_upper.copy()),
            cost=self._cost.copy(),
            constant=self._constant,
        )

    def change_cost(self, columns: Integers, values: Floats) -> None:
        """Replace the linear cost of ``columns`` by ``values``."""
        _refuse_nan("cost", values)
        self._cost[columns] = values
        self._check(self._solver.changeColsCost(len(columns), _int32(columns), _float(values)), "changeColsCost")

    def set_cost(self, cost: Floats, constant: float = 0.0) -> None:
        """Replace the whole linear cost ``(n,)`` and the constant."""
        self.change_cost(np.arange(len(cost)), cost)
        self._constant = constant
        self._check(self._solver.changeObjectiveOffset(constant), "changeObjectiveOffset")

    def change_column_bounds(self, columns: Integers, lower: Floats, upper: Floats) -> None:
        """Replace the bounds of ``columns``."""
        _refuse_nan("column bounds", lower, upper)
        self._lower[columns], self._upper[columns] = lower, upper
        changed = self._solver.changeColsBounds(len(columns), _int32(columns), _float(lower), _float(upper))
        self._check(changed, "changeColsBounds")

    def change_row_bounds(self, rows: Integers, lower: Floats, upper: Floats) -> None:
        """Replace both sides of ``rows``."""
        _refuse_nan("row bounds", lower, upper)
        self._row_lower[rows], self._row_upper[rows] = lower, upper
        change = self._solver.changeRowsBounds  # type: ignore[attr-defined]
        changed = change(len(rows), _int32(rows), _float(lower), _float(upper))
        self._check(changed, "changeRowsBounds")

    def add_rows(self, rows: Rows) -> None:
        """Append linear rows over the same columns."""
        if len(rows.products):
            raise NotApplicable(rows.names[int(rows.products.index[0])], "HiGHS takes no products in rows")
        matrix = rows.matrix
        _refuse_nan("rows", matrix.data, rows.lower, rows.upper)
        self._rows.append(rows)
        self._row_lower = np.concatenate([self._row_lower, rows.lower])
        self._row_upper = np.concatenate([self._row_upper, rows.upper])
        starts, indices, values = _int32(matrix.indptr[:-1]), _int32(matrix.indices), _float(matrix.data)
        self._drop_below(_SMALLEST)
        added = self._solver.addRows(len(rows), rows.lower, rows.upper, matrix.nnz, starts, indices, values)
        self._check(added, "addRows")
        self._drop_below(_ROUNDING)

    def set_start(self, point: Floats) -> None:
        """Offer a start ``(n,)`` to the branch-and-bound; entries that are NaN are left to HiGHS."""
        known = np.flatnonzero(np.isfinite(point))
        self._check(self._solver.setSolution(len(known), _int32(known), _float(point[known])), "setSolution")

    def write(self, path: str) -> None:
        """Write the program as it stands, with names, in the format that the ending of ``path`` says."""
        program, solver, ending = self.current(), self._solver, Path(path).suffix
        for name_it, names in ((solver.passColName, program.columns.names), (solver.passRowName, program.rows.names)):
            for i, label in enumerate(labels(names, ending)):
                self._check(name_it(i, label), f"the name {label}")
        self._check(solver.writeModel(path), f"to write {path}")

    def _set_options(self) -> None:
        settings: dict[str, bool | int | float | str] = {
            "output_flag": self._options.log or self._options.progress is not None,  # it reports only what it logs
            "log_to_console": self._options.log,
            "threads": self._options.threads or 0,
            "mip_max_nodes": self._options.nodes,
            "mip_rel_gap": self._options.gap,
            "mip_abs_gap": min(self._options.gap, 1e-6),
            "primal_feasibility_tolerance": self._options.feasibility,
            "mip_feasibility_tolerance": self._options.feasibility,
            "mip_min_logging_interval": 0.5,
            # the active-set method may go round in circles for ever
            "qp_iteration_limit": _QP_STEPS * (1 + len(self._program.columns) + len(self._program.rows)),
        }
        for name, value in settings.items():
            self._check(self._solver.setOptionValue(name, value), name)

    def _pass_program(self) -> None:
        program, matrix = self._program, self._program.rows.matrix
        lower, upper = program.rows.lower, program.rows.upper
        _refuse_nan("program", matrix.data, lower, upper, self._cost, self._lower, self._upper)
        n, starts, indices, values = len(self._cost), *lower_triangle(program.products, len(self._cost))
        self._drop_below(_SMALLEST)
        passed = self._solver.passModel(
            n, len(program.rows), matrix.nnz, len(values), _ROWWISE, _TRIANGULAR, _MINIMIZE, self._constant,
            self._cost, self._lower, self._upper, lower, upper,
            _int32(matrix.indptr), _int32(matrix.indices), _float(matrix.data),
            _int32(starts), _int32(indices), values, program.columns.integer.astype(np.int32),
        )  # fmt: skip
        self._check(passed, "passModel")
        self._drop_below(_ROUNDING)

    def _drop_below(self, smallest: float) -> None:
        """Say below what HiGHS takes a coefficient for zero: of rows it is given, or in its proofs of infeasibility."""
        self._check(self._solver.setOptionValue("small_matrix_value", smallest), "small_matrix_value")

    def _outcome(self, status: Status, seconds: float) -> Outcome:
        information, solution = self._solver.getInfo(), self._solver.getSolution()
        found = status != "infeasible" and information.primal_solution_status == _FEASIBLE and status != "unbounded"
        optimal = status == "optimal"
        objective = float(self._solver.getObjectiveValue()) if found else None
        proven = {"infeasible": np.inf, "unbounded": -np.inf}.get(status, -np.inf)
        if self._integer and proven < 0 and status != "unbounded":
            proven = float(information.mip_dual_bound)
        elif optimal and objective is not None:
            proven = objective
        duals = self._options.duals and optimal and solution.dual_valid and not self._integer
        return Outcome(
            status,
            np.array(solution.col_value) if found else None,
            objective,
            proven,
            np.array(solution.row_dual) if duals else None,
            np.array(solution.col_dual) if duals else None,
            int(information.mip_node_count) if self._integer else 0,
            seconds,
        )

    def _answer_without_columns(self) -> Outcome:
        """Answer without HiGHS, which ignores the rows and the constant of a program without columns."""
        room = self._options.feasibility
        if np.any(self._row_lower > room) or np.any(self._row_upper < -room):
            return Outcome("infeasible", None, None, np.inf, None, None, 0, 0.0)
        duals = np.zeros(len(self._row_lower))
        return Outcome("optimal", np.empty(0), self._constant, self._constant, duals, np.empty(0), 0, 0.0)

    def _is_worth_what_it_says(self, outcome: Outcome) -> bool:
        """Tell whether the point has the objective claimed, and an optimum a bound.

        HiGHS 1.16.0 can misread a start, and then ends at a value that no point has. Where its presolve finds no point,
        which may be an error, and there is a start, it calls the start optimal.
        """
        if outcome.point is None or outcome.objective is None or not self._integer:
            return True
        if outcome.status == "optimal" and np.isneginf(outcome.bound):
            return False
        worth = self._cost * outcome.point
        room = _WORTH * (1 + abs(self._constant) + float(np.abs(worth).sum()))
        return bool(abs(float(worth.sum()) + self._constant - outcome.objective) <= room)

    def _is_doubtful(self, outcome: Outcome | None) -> bool:
        """Tell whether a quadratic program was answered in one of the ways that HiGHS gets wrong.

        It adds a small multiple of the identity to the Hessian, so an unbounded program may end
        as optimal at a far point; the gradient of the Lagrangian, which is not zero there, tells.
        """
        if outcome is None or outcome.status in ("infeasible", "unbounded"):
            return True
        if outcome.point is None or outcome.row_duals is None or outcome.column_duals is None:
            return False
        program = self.current()
        gradient = program.cost + program.products.hessian(len(program.cost)) @ outcome.point
        explained = program.rows.matrix.T @ outcome.row_duals + outcome.column_duals
        scale = 1 + np.maximum(np.abs(program.cost), np.abs(explained))
        return bool(np.max(np.abs(gradient - explained) / scale) > _STATIONARITY)

    def _unbounded_or_infeasible(self, time_limit: float | None) -> Outcome | None:
        """Say which of the two a program is: without cost it has a point or none."""
        program = self.current()
        free = replace(program, cost=np.zeros(len(program.cost)), products=Product.none())
        status = PersistentHighs(free, replace(self._options, time_limit=time_limit, progress=None)).solve().status
        if status == "infeasible":
            return Outcome("infeasible", None, None, np.inf, None, None, 0, 0.0)
        return Outcome("unbounded", None, None, -np.inf, None, None, 0, 0.0) if status == "optimal" else None

    def _settle(self, time_limit: float | None) -> Outcome | None:
        """Find out what a quadratic program is that HiGHS calls infeasible or unbounded, or fails on.

        Its active-set method calls bounded programs unbounded and gives up on others; the
        verdicts are proved by linear programs, and mirrored columns take it another way.
        """
        program = self.current()
        options = replace(self._options, time_limit=time_limit, progress=None)
        if PersistentHighs(without_products(program), options).solve().status == "infeasible":
            return Outcome("infeasible", None, None, np.inf, None, None, 0, 0.0)
        steepest = PersistentHighs(recession(program), options).solve()
        fall = _RELATIVE_FALL * np.abs(program.cost).max()
        if steepest.objective is not None and steepest.objective < -fall:
            return Outcome("unbounded", None, None, -np.inf, None, None, 0, 0.0)
        for signs in sign_patterns(len(program.columns)):
            mirror = PersistentHighs(mirrored(program, signs), options)
            outcome = mirror.attempt(time_limit)
            if outcome is not None and outcome.status == "time_limit":
                return outcome
            if outcome is not None and outcome.point is not None and not mirror._is_doubtful(outcome):
                duals = outcome.column_duals
                return replace(
                    outcome, point=outcome.point * signs, column_duals=None if duals is None else duals * signs
                )
        return None

    def _check(self, status: highspy.HighsStatus, what: str) -> None:
        if status == highspy.HighsStatus.kError:
            raise SolverFailure(f"HiGHS refused {what}; look for huge, infinite or contradictory data")


def _remaining(seconds: float | None, started: float) -> float | None:
    """Return what is left of a time limit, never less than a moment to answer in."""
    return None if seconds is None else max(seconds - (time.perf_counter() - started), 0.1)


def _refuse_nan(what: str, *arrays: Floats) -> None:
    for array in arrays:
        if np.isnan(array).any():
            raise SolverFailure(f"{what}: not a number; HiGHS would answer as if it were one")


def _int32(array: Integers | NDArray[np.int32]) -> NDArray[np.int32]:
    return np.ascontiguousarray(array, dtype=np.int32)


def _float(array: Floats) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float64)
