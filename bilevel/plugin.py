"""Games by Pyomo's habit: ``pyo.SolverFactory("bilevel").solve(m)``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from math import inf
from typing import Any

from pyomo.common.collections import Bunch
from pyomo.core.base.block import BlockData
from pyomo.core.base.objective import maximize, minimize
from pyomo.core.base.var import Var, VarData
from pyomo.core.expr.symbol_map import SymbolMap
from pyomo.opt import Solution as PyomoSolution
from pyomo.opt import SolverFactory, SolverResults, SolverStatus, TerminationCondition
from rich.console import Console

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.language.multilevel import is_multilevel
from bilevel.language.read import Game
from bilevel.language.walk import walk
from bilevel.solution import Solution, SolutionStatus
from bilevel.solve import solve
from bilevel.standing import standing
from bilevel.suffixes import fill_suffixes
from reformulations.programs import LEADER, Floats, Role

OPTIONS = ("method", "solver", "gap", "time_limit", "pessimistic", "threads", "executor")
"""What ``options`` may hold: keywords of :func:`bilevel.solve`."""

HABITS: Mapping[str, tuple[object, ...]] = {
    "keepfiles": (False, True),
    "symbolic_solver_labels": (False, True),
    "report_timing": (False, None),
    "logfile": (None,),
    "solnfile": (None,),
    "suffixes": (None, [], ()),
    "io_options": (None, {}),
    "raise_exception_on_nonoptimal_result": (False, None),
}
"""Keywords of Pyomo's solvers without a meaning here, and the values that are taken: no files are made, names are the
user's, suffixes of the model are filled, and the status says how a solve ended."""

_MEANING: dict[SolutionStatus, tuple[SolverStatus, TerminationCondition]] = {
    "optimal": (SolverStatus.ok, TerminationCondition.optimal),
    "feasible": (SolverStatus.ok, TerminationCondition.feasible),
    "infeasible": (SolverStatus.warning, TerminationCondition.infeasible),
    "unbounded": (SolverStatus.warning, TerminationCondition.unbounded),
    "time_limit": (SolverStatus.aborted, TerminationCondition.maxTimeLimit),
    "interrupted": (SolverStatus.aborted, TerminationCondition.userInterrupt),
}


@SolverFactory.register("bilevel", doc="Leader-follower games with bilevel.Follower blocks")
class BilevelSolver:
    """The solver that Pyomo's factory makes; ``options`` hold for each solve, unless that has its own."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.name = "bilevel"
        self.options = Bunch(**(options or {}))

    def __enter__(self) -> BilevelSolver:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def available(self, exception_flag: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - Pyomo's signature
        """Return True: HiGHS comes with the package."""
        return True

    def license_is_valid(self) -> bool:
        """Return True: there is none to check."""
        return True

    def warm_start_capable(self) -> bool:
        """Return True: see ``warmstart`` of :meth:`solve`."""
        return True

    def version(self) -> tuple[int, ...]:
        """Return the version of the package; zeros where it runs without being installed."""
        found = "0.0.0"
        with suppress(metadata.PackageNotFoundError):
            found = metadata.version("bilevel-compiler")
        return tuple(int(part) for part in found.split(".") if part.isdecimal())

    def solve(
        self,
        model: BlockData,
        *,
        tee: bool = False,
        load_solutions: bool = True,
        timelimit: float | None = None,
        time_limit: float | None = None,
        warmstart: bool = False,
        options: Mapping[str, Any] | None = None,
        **habits: object,
    ) -> SolverResults:
        """Solve a game as :func:`bilevel.solve` does, and answer in Pyomo's terms.

        Parameters
        ----------
        model
            A Pyomo model with followers.
        tee
            Print progress while it runs, and the solution.
        load_solutions
            False leaves the model's values as they are; ``model.solutions.load_from(results)`` loads later.
        timelimit, time_limit
            Seconds, by the name that Pyomo's older or newer solvers have for it; it goes before that of ``options``.
        warmstart
            Begin with the values in the model's variables, as for :func:`bilevel.solve`.
        options
            ``method``, ``solver``, ``gap``, ``time_limit``, ``pessimistic``, ``threads``, ``executor``, as for
            :func:`bilevel.solve`.
        habits
            What other solvers of Pyomo take and has no meaning here, with the values of :data:`HABITS`.

        Returns
        -------
        SolverResults
            ``feasible`` instead of ``optimal`` where the bound is open or something was assumed.

        Raises
        ------
        InvalidGame
            For other keywords and values.
        BilevelError
            As :func:`bilevel.solve`, unchanged.
        """
        _refuse_unknown(habits)
        chosen = {**self.options, **(options or {})}
        for unknown in sorted(set(chosen) - set(OPTIONS)):
            raise InvalidGame(f"options={{{unknown!r}: ...}}: there is no such option; known are {', '.join(OPTIONS)}")
        if is_multilevel(model) and not load_solutions:
            raise NotApplicable(
                "load_solutions=False", "a multilevel problem has its values in itself; solve a clone of it"
            )
        before = [] if load_solutions else _values(model)
        progress = _printed(model) if tee else None
        asked = time_limit if timelimit is None else timelimit
        chosen["time_limit"] = chosen.get("time_limit") if asked is None else asked
        solution = solve(model, progress=progress, warmstart=warmstart, **chosen)
        if tee:
            Console().print(solution)
        for variable, value, stale in before:
            variable.set_value(value, skip_validation=True)
            variable.stale = stale
        if load_solutions and isinstance(model, BlockData):
            fill_suffixes(model, solution)
        return _results(model, solution, load_solutions)


def _refuse_unknown(habits: Mapping[str, object]) -> None:
    for name, value in habits.items():
        if name not in HABITS:
            raise InvalidGame(
                f"{name}={value!r}: there is no such keyword; what bl.solve takes goes into options={{{name!r}: ...}}"
                if name in OPTIONS
                else f"{name}={value!r}: there is no such keyword"
            )
        if not any(value == taken for taken in HABITS[name]):
            raise InvalidGame(f"{name}={value!r}: it has no meaning here; leave it out")


def _values(model: BlockData) -> list[tuple[VarData, float | None, bool]]:
    variables: Iterable[VarData] = model.component_data_objects(Var, descend_into=True)
    return [(variable, variable.value, variable.stale) for variable in variables]


def _printed(model: BlockData) -> Callable[[Any], None]:
    """Return what prints one line of progress, in the leader's own sense."""
    console, sense = Console(highlight=False, markup=False), _leaders_sense(model)

    def show(news: Any) -> None:
        console.print(str(standing(news, float(sense)) or news), soft_wrap=True)

    return show


def _leaders_sense(model: Any) -> Any:
    if is_multilevel(model):
        return minimize if model.U.minimize else maximize
    return next((objective.sense for objective in walk(model).players[0].objectives), minimize)


def _results(model: BlockData, solution: Solution, loaded: bool) -> SolverResults:  # noqa: FBT001
    """Return the solution in Pyomo's terms; what is not loaded goes along."""
    program, results = solution.game.program, SolverResults()
    minimised = bool(program.objectives.sense[LEADER] > 0)
    sides = (solution.bound, solution.objective) if minimised else (solution.objective, solution.bound)
    problem, solver = results.problem, results.solver
    problem.name = model.name
    problem.sense = minimize if minimised else maximize
    problem.number_of_variables, problem.number_of_constraints = len(program.columns), len(program.rows)
    problem.number_of_objectives = int((program.roles <= Role.FOLLOWER).sum())
    problem.lower_bound = -inf if sides[0] is None else sides[0]
    problem.upper_bound = inf if sides[1] is None else sides[1]
    solver.name = "bilevel"
    solver.status, solver.termination_condition = _MEANING[solution.status]
    solver.message = "; ".join((solution.method, *solution.notes))
    solver.wallclock_time = solution.seconds
    if solution.values is not None and not loaded:
        _attach(model, solution.game, solution.values, results)
    return results


def _attach(model: BlockData, game: Game, values: Floats, results: SolverResults) -> None:
    """Put the values into the results, from where ``model.solutions.load_from`` takes them."""
    symbols, held = SymbolMap(), PyomoSolution()
    for i, (variable, value) in enumerate(zip(game.variables, values.tolist(), strict=True)):
        symbols.addSymbol(variable, f"x{i}")
        held.variable[f"x{i}"] = {"Value": value}
    model.solutions.add_symbol_map(symbols)
    results._smap_id = id(symbols)  # noqa: SLF001 - how Pyomo's own solvers do it
    held.status = "feasible"
    results.solution.insert(held)
