"""Between a state of column-and-constraint generation and what is saved of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bilevel.robust.answer import RobustAnswer
from bilevel.robust.generation import generate
from bilevel.robust.masters import compile_master
from bilevel.robust.oracles import Attack
from bilevel.robust.run_state import Plan, Setting, State
from bilevel.robust.saved_runs import Belongs, SavedPlan, SavedRun, read_run, write_run
from reformulations.fingerprint import fingerprint
from reformulations.programs import BilevelProgram
from reformulations.sets.dependent_sets import DependentSets
from reformulations.uncertainty import UncertaintySet


@dataclass(frozen=True, slots=True)
class RunFile:
    """The file of one run: of this game, with these options in words."""

    path: Path
    belongs: Belongs
    options: str

    @classmethod
    def of(
        cls, path: str | Path, program: BilevelProgram, within: UncertaintySet | DependentSets, options: object
    ) -> RunFile:
        """Return the file at ``path`` for a game."""
        stored = "prices" if isinstance(within, DependentSets) else "scenarios"
        return cls(Path(path), Belongs(fingerprint(program), fingerprint(within), stored), repr(options))

    def read(self) -> SavedRun:
        """Return the run as it was saved.

        Raises
        ------
        SavedRunError
            When the file is missing, damaged, or of another game.
        """
        return read_run(self.path, self.belongs)

    def write(self, run: SavedRun) -> None:
        """Save a run.

        Raises
        ------
        SavedRunError
            When the file cannot be written.
        """
        write_run(self.path, run, self.belongs, self.options)


@dataclass(frozen=True, slots=True)
class Files:
    """Where a run comes from and where it goes; None for nowhere."""

    resume: RunFile | None = None
    save: RunFile | None = None

    @classmethod
    def of(
        cls,
        paths: tuple[str | Path | None, str | Path | None],
        program: BilevelProgram,
        within: UncertaintySet | DependentSets,
        options: object,
    ) -> Files:
        """Return the files at ``paths``, to resume and to save; what is resumed goes on being written."""
        resume, save = paths
        found = (
            None if path is None else RunFile.of(path, program, within, options)
            for path in (resume, resume if save is None else save)
        )
        return cls(*found)


def generate_saved(setting: Setting, state: State, most: int, files: Files) -> RobustAnswer:
    """Go round from ``state``, or from what is to be resumed, and save each round.

    Raises
    ------
    SavedRunError
        When a file cannot be read or written.
    SolverFailure
        As :func:`bilevel.robust.generation.generate`.
    """
    save, unsaved = files.save, setting
    if files.resume is not None:
        run = files.resume.read()
        unsaved = replace(setting, earlier=run.seconds)
        setting, state = unsaved, resumed(setting, run)
    if save is not None:
        setting = replace(setting, save=lambda reached: save.write(_saved(unsaved, reached)))
    return generate(setting, state, most)


def resumed(setting: Setting, run: SavedRun) -> State:
    """Return the state that was saved; masters are compiled again, with the bounds of multipliers of the first."""
    two_stage, threads = setting.two_stage, setting.limits.threads
    image = compile_master(setting.master(run.scenarios[: run.first]), None, threads)
    best = None
    if run.plan is not None:
        known = image if setting.moving is None else None
        solved = compile_master(setting.master(run.scenarios[: run.plan.stored]), known, threads)
        point = solved.source_point(run.plan.mpec_point)
        best = Plan(
            solved.source,
            point,
            run.plan.mpec_point,
            run.plan.stored,
            two_stage.first_cost(point),
            Attack(run.plan.scenario, run.plan.value, run.plan.bound, run.plan.response),
        )
    return State(run.scenarios, run.lower, run.upper, best, image, run.rounds, run.first)


def _saved(setting: Setting, state: State) -> SavedRun:
    plan = None
    if state.best is not None:
        attack = state.best.attack
        plan = SavedPlan(
            state.best.mpec_point, state.best.stored, attack.scenario, attack.value, attack.bound, attack.response
        )
    return SavedRun(state.scenarios, state.first, state.lower, state.upper, setting.seconds(), state.rounds, plan)
