"""The commands, their options and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from bilevel.command_line.exits import EXIT_CODES, Exit, exit_of, exit_of_error
from bilevel.command_line.games import NamedGame, load_game
from bilevel.command_line.output import keep_for_results
from bilevel.command_line.progress import following
from bilevel.command_line.reports import certificate_report, multiplier_table, solution_report, text_of
from bilevel.command_line.tables import decisions, written
from bilevel.compiler.compile import compile_read
from bilevel.diagnosis.diagnose import diagnose_game
from bilevel.errors import BilevelError, NotApplicable
from bilevel.explanation.explain import explain as explain_game
from bilevel.io.files import read_program, write_game
from bilevel.io.lines import require_place
from bilevel.io.solution_file import place_point, read_point
from bilevel.methods import KKT, SOS1, Branching, Indicator, StrongDuality, ValueFunction
from bilevel.point_check import check_point
from bilevel.solve import solve as solve_game
from bilevel.solvers.answer import Limits
from reformulations.programs import LEADER

app = typer.Typer(
    name="bilevel",
    help="Solve leader-follower games, with a certificate.",
    epilog=f"Exit codes: {EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class SolverName(StrEnum):
    """The solvers that a command line can name."""

    AUTO = "auto"
    HIGHS = "highs"
    SCIP = "scip"


class MethodName(StrEnum):
    """The methods that a command line can name."""

    AUTO = "auto"
    KKT = "kkt"
    SOS1 = "sos1"
    INDICATOR = "indicator"
    STRONG_DUALITY = "strong-duality"
    BRANCHING = "branching"
    VALUE_FUNCTION = "value-function"


_WIDTH = 118
"""Of what is printed where there is no terminal."""

_METHODS: dict[MethodName, Any] = {
    MethodName.AUTO: "auto",
    MethodName.KKT: KKT(),
    MethodName.SOS1: KKT(complementarity=SOS1()),
    MethodName.INDICATOR: KKT(complementarity=Indicator()),
    MethodName.STRONG_DUALITY: StrongDuality(),
    MethodName.BRANCHING: Branching(),
    MethodName.VALUE_FUNCTION: ValueFunction(),
}

GameArgument = Annotated[
    str, typer.Argument(metavar="GAME", help="A .json file; an .mps file; or, with --python, file.py:name.")
]
Aux = Annotated[Path | None, typer.Option("--aux", help="The auxiliary file of an .mps file, if it is not beside it.")]
Python = Annotated[bool, typer.Option("--python", help="Run the Python code that GAME names, and take its game.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
Method = Annotated[MethodName, typer.Option("--method", help="How to compile and solve.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads of HiGHS.")]


@contextmanager
def _exits(*, as_json: bool) -> Iterator[Console]:
    """Yield the console of standard error; turn errors of ours and Ctrl-C into a sentence and an exit code."""
    console = Console(stderr=True)
    try:
        yield console
    except (BilevelError, OSError) as error:
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        if as_json:
            print(text_of({"status": "error", "error": type(error).__name__, "message": said}))
        console.print(Text.assemble(("error: ", "bold red"), said), soft_wrap=True)
        raise typer.Exit(exit_of_error(error)) from None
    except KeyboardInterrupt:
        if as_json:
            print(text_of({"status": "interrupted", "values": None}))
        console.print("[yellow]interrupted before there was an answer")
        raise typer.Exit(Exit.INTERRUPTED) from None


def _print(shown: Any, report: Any, *, as_json: bool) -> None:
    if as_json:
        print(text_of(report))
    else:
        console = Console()
        console.print(shown, width=None if console.is_terminal else _WIDTH)


@app.command()
def solve(  # noqa: PLR0913, PLR0917 - one argument for each option
    game: GameArgument,
    path_aux: Aux = None,
    python: Python = False,  # noqa: FBT002 - an option
    method: Method = MethodName.AUTO,
    gap: Annotated[float, typer.Option("--gap", min=0.0, help="Relative gap at which to stop.")] = 1e-6,
    time_limit: Annotated[float | None, typer.Option("--time-limit", min=0.0, help="Seconds.")] = None,
    threads: Threads = None,
    solver: Annotated[SolverName, typer.Option("--solver", help="SCIP is an extra.")] = SolverName.AUTO,
    pessimistic: Annotated[bool, typer.Option("--pessimistic", help="Break ties against the leader.")] = False,  # noqa: FBT002
    multipliers: Annotated[bool, typer.Option("--multipliers", help="Show them, with their ranges.")] = False,  # noqa: FBT002
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the solution as JSON too.")] = None,
    as_json: Json = False,  # noqa: FBT002
    progress: Annotated[
        bool | None, typer.Option("--progress/--no-progress", help="Show progress; by default on a terminal.")
    ] = None,
) -> None:
    """Solve a game to proven optimality; Ctrl-C stops with the best point so far and its bound."""
    with _exits(as_json=as_json) as console:
        named = load_game(game, path_aux, python=python)
        if output is not None:
            require_place(output)  # before the work, not after it
        shown = console.is_terminal if progress is None else progress
        follow = following(console, lambda: _sense(named)) if shown else nullcontext()
        with follow as show:
            solution = solve_game(
                named.model,
                method=_METHODS[method],
                solver=solver.value,
                gap=gap,
                time_limit=time_limit,
                pessimistic=pessimistic,
                threads=threads,
                progress=show,
            )
        report, tables = solution_report(solution, named), []
        if multipliers and solution.certificate is not None and solution.certificate.holds:
            tables = [multiplier_table(solution, named)]
            report["multiplier_ranges"] = tables[0].lines
        if output is not None:
            output.write_text(text_of(report) + "\n", "utf-8")
        _print(decisions(solution, named, *tables), report, as_json=as_json)
    raise typer.Exit(exit_of(solution.status))


def _sense(named: NamedGame) -> float:
    return float(named.read().program.objectives.sense[LEADER])


@app.command()
def explain(
    game: GameArgument,
    path_aux: Aux = None,
    python: Python = False,  # noqa: FBT002
    method: Method = MethodName.AUTO,
    threads: Threads = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Say who decides what, how the game is compiled, and which bound comes from where."""
    with _exits(as_json=as_json):
        named = load_game(game, path_aux, python=python)
        explanation = explain_game(named.model, _METHODS[method], threads=threads)
        _print(explanation, explanation, as_json=as_json)
    raise typer.Exit(Exit.DONE if explanation.refusal is None else Exit.REFUSED)


@app.command(name="compile")
def compile_to_file(
    game: GameArgument,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The single-level program: an .mps or .lp file.")],
    path_aux: Aux = None,
    python: Python = False,  # noqa: FBT002
    method: Method = MethodName.AUTO,
    threads: Threads = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Write the single-level program that the game is compiled to."""
    with _exits(as_json=as_json):
        compiled = compile_read(load_game(game, path_aux, python=python).read(), _METHODS[method], threads)
        if isinstance(compiled.image.method, Branching):
            raise NotApplicable(game, f"{compiled.image.notes[-1]}; its program would lack the complementarities")
        renamed = compiled.write(str(output))
        program = compiled.program
        report = {
            "output": str(output),
            "columns": len(program.columns),
            "integers": int(program.columns.integer.sum()),
            "rows": len(program.rows),
            "notes": list(compiled.image.notes),
            "assumptions": list(compiled.image.assumes),
            "renamed": renamed,
        }
        _print(written(report), report, as_json=as_json)


@app.command()
def check(
    game: GameArgument,
    solution: Annotated[Path, typer.Argument(metavar="SOLUTION", help="From `solve --output`; or names and values.")],
    path_aux: Aux = None,
    python: Python = False,  # noqa: FBT002
    threads: Threads = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Check a given point of a game: every follower is solved again at the leader's decision, nature moves again."""
    with _exits(as_json=as_json):
        named = load_game(game, path_aux, python=python)
        declared, file = named.read(), read_point(solution)
        point = place_point(file, solution, declared.program)
        certificate = check_point(declared, point, with_multipliers=file.rows is not None, threads=threads)
        _print(certificate, certificate_report(certificate), as_json=as_json)
    raise typer.Exit(Exit.DONE if certificate.holds else Exit.NOT_PROVEN)


@app.command()
def diagnose(
    game: GameArgument,
    path_aux: Aux = None,
    python: Python = False,  # noqa: FBT002
    time_limit: Annotated[float, typer.Option("--time-limit", min=0.0, help="Seconds for each game on the way.")] = 60,
    threads: Threads = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Say why a game has no solution: which rows of which player conflict."""
    with _exits(as_json=as_json):
        named = load_game(game, path_aux, python=python)
        diagnosis = diagnose_game(named.read(), Limits(time_limit=time_limit, threads=threads))
        _print(diagnosis, diagnosis, as_json=as_json)
    codes = {"feasible": Exit.DONE, "unknown": Exit.STOPPED}
    raise typer.Exit(codes.get(diagnosis.verdict, Exit.NO_SOLUTION))


@app.command()
def convert(
    game: GameArgument,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="A .json file, or an .mps with an .aux beside it.")],
    path_aux: Aux = None,
    python: Python = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Write a game in another format."""
    with _exits(as_json=as_json):
        source = load_game(game, path_aux, python=python).model if python else read_program(game, path_aux)
        renamed = write_game(source, output)
        report = {"output": str(output), "renamed": renamed}
        _print(written(report), report, as_json=as_json)


def main() -> None:
    """Run the command line."""
    keep_for_results()
    app(prog_name="bilevel")
