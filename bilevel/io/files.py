"""Games in files, by the ending of the file."""

from __future__ import annotations

from pathlib import Path

import pyomo.environ as pyo
from pyomo.core.base.block import BlockData

from bilevel.errors import InvalidFile, InvalidGame
from bilevel.io.declare import declare
from bilevel.io.json_game import read_json
from bilevel.io.json_writer import write_json
from bilevel.io.mps_aux import read_mps_aux, write_mps_aux
from bilevel.language.read import read
from reformulations.programs import BilevelProgram

LINEAR = (".mps", ".lp", ".mps.gz")
"""Endings of files that need an auxiliary file beside them."""


def read_program(path: str | Path, path_aux: str | Path | None = None) -> BilevelProgram:
    """Read a game as arrays; columns and rows in the file's order, with the file's names.

    Parameters
    ----------
    path
        ``.json``; or ``.mps``, ``.mps.gz`` or ``.lp`` with everything but what is the follower's. For an interdiction
        game (``IC`` and ``IB`` in the auxiliary file) that is the follower's program alone.
    path_aux
        The auxiliary file of MibS, by positions (``N``, ``M``, ``LC``, ``LR``, ``LO``, ``OS``) or by names
        (``@VARSBEGIN`` ...); by default the one beside it that ends in ``.aux``.

    Raises
    ------
    InvalidFile
        When a file is missing or malformed, with file and line.
    """
    if str(path).endswith(LINEAR):
        return read_mps_aux(path, beside(path) if path_aux is None else path_aux)
    if Path(path).suffix == ".json":
        return read_json(path)
    raise InvalidFile(path, None, f"games are read from files that end in .json, {', '.join(LINEAR)}")


def read_model(path: str | Path, path_aux: str | Path | None = None) -> pyo.ConcreteModel:
    """Read a game as a Pyomo model to solve or to go on editing.

    ``m.x`` and ``m.row`` are the leader's variables and rows by their names in the file, ``m.follower.y`` and
    ``m.follower.row`` the follower's (``m.follower[name].y`` with several followers); ``m.goal`` and
    ``m.follower.goal`` the objectives. See :func:`read_program` for the files.

    Raises
    ------
    InvalidFile
        When a file is missing or malformed, with file and line.
    """
    program = read_program(path, path_aux)
    try:
        return declare(program, Path(path).stem)
    except InvalidGame as reason:
        raise InvalidFile(path, None, str(reason)) from None


def write_game(game: BlockData | BilevelProgram, path: str | Path) -> dict[str, str]:
    """Write a declared game to a file: ``.json``, or ``.mps`` with an ``.aux`` beside it.

    Parameters
    ----------
    game
        A Pyomo model with followers, or a game that has been read as arrays.
    path
        Where to; an existing file is overwritten.

    Returns
    -------
    dict
        The user's name behind each name in the file that differs from it, for want of blanks in MPS; the file has them
        as comments.

    Raises
    ------
    NotApplicable
        When the format cannot hold the game; names the component.
    InvalidGame
        When the model is not a game, the ending another one, or the file cannot be written (``InvalidFile``).
    """
    if Path(path).suffix not in (".json", ".mps"):
        raise InvalidGame(f"{path}: games are written to files that end in .json or .mps")
    program = game if isinstance(game, BilevelProgram) else read(game).program
    if Path(path).suffix == ".json":
        write_json(program, path)
        return {}
    return write_mps_aux(program, path, beside(path))


def beside(path: str | Path) -> Path:
    """Return the auxiliary file that belongs to a linear one."""
    return Path(str(path).removesuffix(".gz")).with_suffix(".aux")
