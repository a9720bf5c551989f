"""Games by what is written on the command line: a file, or a name in Python code."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from pyomo.core.base.block import BlockData
from pyomo.core.base.constraint import ConstraintData

from bilevel.errors import BilevelError, InvalidGame
from bilevel.game import IndexedFollower
from bilevel.io.files import read_model
from bilevel.language.read import Game, read
from reformulations.programs import Names


@dataclass(frozen=True, slots=True)
class NamedGame:
    """A game, and what its variables and rows are called where it comes from."""

    model: BlockData
    name_of: Callable[[Any], str]

    def read(self) -> Game:
        """Return the game as arrays, under its own names."""
        game = read(self.model)
        program = game.program
        columns, rows = (
            Names.of([self.name_of(data) for data in items]) for items in (game.variables, game.constraints)
        )
        program = replace(
            program, columns=replace(program.columns, names=columns), rows=replace(program.rows, names=rows)
        )
        return replace(game, program=program)


def load_game(text: str, path_aux: Path | None, *, python: bool) -> NamedGame:
    """Return the game that ``text`` stands for.

    Parameters
    ----------
    text
        A file as :func:`bilevel.io.read_program` takes it; or, with ``python``, ``file.py:name`` or ``module:name``,
        where ``name`` is a model or a function without arguments that returns one.
    path_aux
        The auxiliary file of an MPS file.
    python
        Whether code may be run.

    Raises
    ------
    InvalidGame
        When there is no such game.
    """
    place, _, name = text.rpartition(":")
    if python:
        return NamedGame(_from_code(text, place, name), lambda data: str(data.name))
    if place.endswith(".py") or text.endswith(".py"):
        raise InvalidGame(
            f"{text}: reading it would run its code; add --python to allow that, as in --python file.py:game"
        )
    return NamedGame(read_model(text, path_aux), _name_in_file)


def _name_in_file(data: Any) -> str:
    """Return the name of a variable or a row in its file; rows of several followers may share a name."""
    block = data.parent_block()
    several = isinstance(data, ConstraintData) and isinstance(block.parent_component(), IndexedFollower)
    return f"{block.index()}.{data.index()}" if several else str(data.index())


def _from_code(text: str, place: str, name: str) -> BlockData:
    if not place or not name.isidentifier():
        raise InvalidGame(f"{text}: with --python, give file.py:name or module:name")
    module = _module_of_file(Path(place)) if place.endswith(".py") else _module_by_name(place)
    if not hasattr(module, name):
        raise InvalidGame(f"{text}: {place} has no {name}")
    found = getattr(module, name)
    if callable(found) and not isinstance(found, BlockData):
        with _code_of(text):
            found = found()
    if not isinstance(found, BlockData):
        raise InvalidGame(f"{text}: {name} is or returns {type(found).__name__}; a Pyomo model is needed")
    return found


def _module_of_file(path: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    if found is None or found.loader is None:
        raise InvalidGame(f"{path}: there is no such file")
    module = importlib.util.module_from_spec(found)
    sys.path.insert(0, str(path.resolve().parent))  # as Python does for a script
    try:
        with _code_of(str(path)):
            found.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _module_by_name(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        with _code_of(name):
            return importlib.import_module(name)
    except InvalidGame as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and name.startswith(str(error.__cause__.name)):
            raise InvalidGame(f"{name}: there is no such module ({error.__cause__})") from None
        raise
    finally:
        sys.path.pop(0)


@contextmanager
def _code_of(text: str) -> Iterator[None]:
    """Turn what the user's code raises into one sentence with the line; errors of this package stay as they are.

    What it prints goes to standard error, for standard output is for results.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except BilevelError:
        raise
    except SyntaxError as error:
        raise InvalidGame(f"{text}: {error.msg} ({Path(str(error.filename)).name}, line {error.lineno})") from error
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "site-packages" not in frame.filename and frame.filename != __file__]
        where, kind = (own or frames)[-1], type(error).__name__
        raise InvalidGame(f"{text}: {kind}: {error} ({Path(where.filename).name}, line {where.lineno})") from error
