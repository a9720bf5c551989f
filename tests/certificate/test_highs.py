"""The HiGHS wrapper: statuses, duals, changes between solves, and what it does not believe."""

from __future__ import annotations

import threading
from pathlib import Path

import highspy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from bilevel.errors import NotApplicable, SolverFailure
from bilevel.solvers.highs import HighsOptions, MipProgress, PersistentHighs
from reformulations.programs import Columns, MixedIntegerProgram, Names, Product, Rows
from tests.certificate.games import INF, mixed_integer_program


def test_linear_program_reports_optimum_and_duals() -> None:
    """Program min x + 2 y + 5, x + y >= 2, x <= 1.5: x = 1.5, y = 0.5, optimum 7.5.

    One more unit demanded costs 2; one more unit of x's bound saves 1.
    """
    program = mixed_integer_program(
        {"x": 1, "y": 2, "": 5}, {"x": (0, 1.5), "y": (0, INF)}, {"need": ({"x": 1, "y": 1}, 2, INF)}
    )
    outcome = PersistentHighs(program).solve()
    assert outcome.status == "optimal"
    assert outcome.objective == outcome.bound == pytest.approx(7.5)
    assert outcome.point == pytest.approx(np.array([1.5, 0.5]))
    assert outcome.row_duals == pytest.approx(np.array([2.0]))
    assert outcome.column_duals == pytest.approx(np.array([-1.0, 0.0]))


def test_mixed_integer_program_has_a_bound_with_the_constant_and_no_duals() -> None:
    """Program min 3 x + 10, 2 x >= 5, x integer: x = 3, optimum 19."""
    program = mixed_integer_program({"x": 3, "": 10}, {"x": (0, 9)}, {"r": ({"x": 2}, 5, INF)}, integer=("x",))
    outcome = PersistentHighs(program).solve()
    assert (outcome.status, outcome.objective, outcome.bound) == ("optimal", pytest.approx(19), pytest.approx(19))
    assert outcome.row_duals is None


def test_quadratic_program_has_its_half_in_the_right_place() -> None:
    """Program min x^2 + y^2 + x y - 3 x, x, y >= 0: at y = 0, x = 1.5, optimum -2.25 (gradient in y is 1.5 >= 0)."""
    program = mixed_integer_program({"x*x": 1, "y*y": 1, "x*y": 1, "x": -3}, {"x": (0, INF), "y": (0, INF)}, {})
    outcome = PersistentHighs(program).solve()
    assert outcome.objective == pytest.approx(-2.25, abs=1e-6)
    assert outcome.point == pytest.approx(np.array([1.5, 0.0]), abs=1e-6)
    assert outcome.column_duals == pytest.approx(np.array([0.0, 1.5]), abs=1e-6)


@pytest.mark.parametrize("integer", [(), ("x",)])
def test_infeasible_and_unbounded_are_told_apart(integer: tuple[str, ...]) -> None:
    """Minimising -x on x = y is unbounded; x <= 0.7 with x >= 0.9 is infeasible."""
    free = {"x": (0, INF), "y": (0, INF)}
    unbounded = mixed_integer_program({"x": -1}, free, {"r": ({"x": 1, "y": -1}, 0, 0)}, integer=integer)
    infeasible = mixed_integer_program(
        {"x": -1}, free, {"r": ({"x": 1}, 0.2, 0.7), "s": ({"x": 1}, 0.9, 1.0)}, integer=integer
    )
    assert PersistentHighs(unbounded).solve().status == "unbounded"
    outcome = PersistentHighs(infeasible).solve()
    assert (outcome.status, outcome.bound, outcome.point) == ("infeasible", INF, None)


def test_quadratic_infeasible_and_unbounded() -> None:
    """(x - y)^2 - x - y falls forever along x = y; with x + y <= -1 and x, y >= 0 nothing is feasible."""
    objective = {"x*x": 1.0, "y*y": 1.0, "x*y": -2.0, "x": -1.0, "y": -1.0}
    columns = {"x": (0.0, INF), "y": (0.0, INF)}
    assert PersistentHighs(mixed_integer_program(objective, columns, {})).solve().status == "unbounded"
    impossible = mixed_integer_program(objective, columns, {"r": ({"x": 1, "y": 1}, -INF, -1)})
    assert PersistentHighs(impossible).solve().status == "infeasible"


def test_program_without_columns_counts_its_rows_and_constant() -> None:
    assert PersistentHighs(mixed_integer_program({"": 3}, {}, {"r": ({}, 0, 1)})).solve().objective == 3
    assert PersistentHighs(mixed_integer_program({"": 3}, {}, {"r": ({}, 1, 2)})).solve().status == "infeasible"


def knapsack(count: int = 200) -> MixedIntegerProgram:
    rng = np.random.default_rng(0)
    weights, value = rng.integers(1, 1000, (8, count)).astype(float), rng.integers(1, 1000, count).astype(float)
    return MixedIntegerProgram(
        Columns(np.zeros(count), np.ones(count), np.ones(count, bool), Names(count, lambda i: f"take[{i}]")),
        Rows(
            sparse.csr_array(weights), np.full(8, -INF), weights.sum(axis=1) / 2, Names(8, lambda i: f"capacity[{i}]")
        ),
        -value,
        0.0,
    )


def test_time_limit_returns_incumbent_and_proven_bound_and_reports_progress() -> None:
    seen: list[MipProgress] = []
    program = knapsack()
    outcome = PersistentHighs(program, HighsOptions(time_limit=0.7, gap=0.0, progress=seen.append)).solve()
    relaxation = linprog(program.cost, program.rows.matrix, program.rows.upper, bounds=(0, 1))
    assert outcome.status == "time_limit"
    assert outcome.point is not None
    assert np.all(program.rows.activity(outcome.point) <= program.rows.upper + 1e-6)
    assert outcome.objective == pytest.approx(program.objective(outcome.point))
    assert relaxation.fun - 1e-6 <= outcome.bound <= outcome.objective
    assert seen
    assert seen[-1].incumbent == pytest.approx(outcome.objective)


def test_an_error_in_the_progress_report_ends_the_solve_and_reaches_the_caller() -> None:
    def stop(_: MipProgress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        PersistentHighs(knapsack(), HighsOptions(time_limit=20, progress=stop)).solve()


def test_a_start_is_taken() -> None:
    """In 0.05 seconds HiGHS alone gets to about -73 800, in 0.7 to about -74 300."""
    program = knapsack()
    good = PersistentHighs(program).solve(time_limit=0.7)
    assert good.point is not None
    alone, started = PersistentHighs(program), PersistentHighs(program)
    started.set_start(good.point)
    assert alone.solve(time_limit=0.05).objective > good.objective
    assert started.solve(time_limit=0.05).objective <= good.objective + 1e-6


@pytest.mark.parametrize("integer", [(), ("x",)])
def test_another_number_of_threads_is_accepted_in_turn(integer: tuple[str, ...]) -> None:
    """HiGHS has one scheduler for a thread and refuses a second number of threads by itself."""
    program = mixed_integer_program({"x": 3}, {"x": (0, 9)}, {"r": ({"x": 2}, 4, INF)}, integer=integer)
    for threads in (1, 2, 1):
        assert PersistentHighs(program, HighsOptions(threads=threads)).solve().objective == pytest.approx(6)


def test_solves_in_several_threads() -> None:
    found: list[float | None] = []
    expected = PersistentHighs(knapsack(20)).solve().objective

    def solve() -> None:
        found.append(PersistentHighs(knapsack(20), HighsOptions(threads=1)).solve().objective)

    workers = [threading.Thread(target=solve) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [pytest.approx(expected)] * 3


def test_integer_quadratic_programs_and_nonsense_are_refused() -> None:
    with pytest.raises(NotApplicable, match="x: HiGHS"):
        PersistentHighs(mixed_integer_program({"x*x": 1}, {"x": (0, 1)}, {}, integer=("x",)))
    with pytest.raises(SolverFailure, match="not a number"):
        PersistentHighs(mixed_integer_program({"x": np.nan}, {"x": (0, 1)}, {}))
    with pytest.raises(SolverFailure, match="passModel"):
        PersistentHighs(mixed_integer_program({"x": 1}, {"x": (0, 1)}, {"r": ({"x": 1e20}, 0, 1)}))


def random_program(rng: np.random.Generator, *, curved: bool) -> MixedIntegerProgram:
    n, m = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    matrix = rng.integers(-3, 4, (m, n)).astype(float)
    inside = rng.random(n) * 5
    factor = rng.integers(-2, 3, (int(rng.integers(1, n + 1)), n)).astype(float)
    hessian = factor.T @ factor
    left, right = np.triu_indices(n)
    value = np.where(left == right, hessian[left, right] / 2, hessian[left, right])
    products = Product.of(np.zeros(len(left), np.int64), left, right, value) if curved else Product.none()
    return MixedIntegerProgram(
        Columns(np.zeros(n), np.full(n, 10.0), np.zeros(n, bool), Names(n, lambda i: f"y[{i}]")),
        Rows(sparse.csr_array(matrix), np.full(m, -INF), matrix @ inside, Names(m, lambda i: f"r[{i}]")),
        rng.integers(-9, 10, n).astype(float),
        float(rng.integers(-5, 6)),
        products,
    )


@given(seed=st.integers(0, 10_000), curved=st.booleans())
def test_changes_between_solves_equal_a_fresh_solve(*, seed: int, curved: bool) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng, curved=curved)
    n, m = len(program.columns), len(program.rows)
    solver = PersistentHighs(program)
    solver.solve()
    solver.set_cost(rng.integers(-9, 10, n).astype(float), 4.0)
    solver.change_cost(np.array([0]), np.array([1.5]))
    solver.change_column_bounds(np.array([n - 1]), np.array([0.0]), np.array([7.0]))
    solver.change_row_bounds(np.array([m - 1]), np.array([-INF]), program.rows.upper[[m - 1]] + 1)
    solver.add_rows(Rows(sparse.csr_array(np.ones((1, n))), np.array([-INF]), np.array([6.0 * n]), Names.of(["cap"])))
    changed, fresh = solver.solve(), PersistentHighs(solver.current()).solve()
    assert changed.status == fresh.status
    assert fresh.status != "optimal" or changed.objective == pytest.approx(fresh.objective, rel=1e-6, abs=1e-6)
    assert solver.current().rows.names[m] == "cap"


@given(seed=st.integers(0, 10_000), curved=st.booleans())
def test_optimum_of_random_programs_is_certified_by_its_duals(*, seed: int, curved: bool) -> None:
    """A feasible point with a vanishing Lagrangian gradient and complementary multipliers is optimal.

    Among the quadratic ones are programs that HiGHS itself calls unbounded although they are bounded.
    """
    program = random_program(np.random.default_rng(seed), curved=curved)
    outcome = PersistentHighs(program).solve()
    assert outcome.status == "optimal"
    point, row, column = outcome.point, outcome.row_duals, outcome.column_duals
    assert point is not None
    assert row is not None
    assert column is not None
    gradient = program.cost + program.products.hessian(len(point)) @ point
    activity = program.rows.activity(point)
    assert gradient == pytest.approx(program.rows.matrix.T @ row + column, abs=1e-5)
    assert np.all(activity <= program.rows.upper + 1e-6)
    assert np.all(row <= 1e-6)
    assert row * (program.rows.upper - activity) == pytest.approx(0 * row, abs=1e-5)
    assert np.minimum(np.maximum(column, 0), point) == pytest.approx(0 * point, abs=1e-5)
    assert np.minimum(np.maximum(-column, 0), 10 - point) == pytest.approx(0 * point, abs=1e-5)


def eight_columns() -> MixedIntegerProgram:
    """A bounded program on which HiGHS 1.15.1 ends as unbounded, whatever the regularisation."""
    rng = np.random.default_rng(21)
    n, m, k = rng.integers(2, 25), rng.integers(1, 10), 0
    k = rng.integers(1, n + 1)
    factor = rng.integers(-3, 4, (k, n)).astype(float)
    matrix, inside = rng.integers(-3, 4, (m, n)).astype(float), rng.random(n) * 5
    cost = rng.integers(-9, 9, n).astype(float)
    hessian = factor.T @ factor
    left, right = np.triu_indices(n)
    value = np.where(left == right, hessian[left, right] / 2, hessian[left, right])
    return MixedIntegerProgram(
        Columns(np.zeros(n), np.full(n, 10.0), np.zeros(n, bool), Names(n, str)),
        Rows(sparse.csr_array(matrix), np.full(m, -INF), matrix @ inside + rng.integers(0, 2, m), Names(m, str)),
        cost,
        0.0,
        Product.of(np.zeros(len(left), np.int64), left, right, value),
    )


def test_a_false_verdict_of_unboundedness_is_not_believed() -> None:
    """The optimum -187.3994669 is the one that sequential quadratic programming finds too."""
    outcome = PersistentHighs(eight_columns()).solve()
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(-187.3994669, rel=1e-7)


@pytest.mark.parametrize("ending", ["mps", "lp"])
def test_written_file_holds_names_and_the_same_optimum(tmp_path: Path, ending: str) -> None:
    """Program min x + 2 y + 5, x + y >= 2, x <= 1.5 integer y: x = 1, y = 1, or x = 1.5, y = 1: 8 at x = 1."""
    program = mixed_integer_program(
        {"ev[1].x": 1, "y of b": 2, "": 5},
        {"ev[1].x": (0, 1.5), "y of b": (0, INF)},
        {"need": ({"ev[1].x": 1, "y of b": 1}, 2, INF)},
        integer=("y of b",),
    )
    path = tmp_path / f"program.{ending}"
    PersistentHighs(program).write(str(path))
    assert ("ev[1].x" if ending == "mps" else "ev(1).x") in path.read_text()
    assert "y_of_b" in path.read_text()
    again = highspy.Highs()
    again.silent()
    again.readModel(str(path))
    again.run()
    assert again.getObjectiveValue() == pytest.approx(8)
