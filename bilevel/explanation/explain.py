"""Explain a game: who decides what, how it is compiled, and what that rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from pyomo.core.base.block import BlockData
from pyomo.core.base.component import ComponentData

from bilevel.compiler.compile import Compiled, chosen_method, compile_read
from bilevel.compiler.pipeline import Image
from bilevel.errors import BilevelError
from bilevel.explanation.report import MOST_NAMES, BoundLine, Explanation, PlayerLine, Size
from bilevel.language.nature import moves, nature_set
from bilevel.language.read import Game, read
from bilevel.methods import Method, ValueFunction
from bilevel.printing import listed
from bilevel.responses.value_function import choose_search, described_search, needs_responses, search_notes
from bilevel.robust.adversaries import adversary_for, waits_and_sees
from bilevel.robust.games import is_robust
from bilevel.robust.parametric import split_linear
from bilevel.robust.static_answer import STATIC, is_static
from bilevel.search.automatic import choose, compile_choice, searches_first
from bilevel.solve import described
from reformulations.bounds import ARGUMENTS, Source
from reformulations.canonical import rows_with_own_columns
from reformulations.programs import LEADER, BilevelProgram, Floats, Integers, MixedIntegerProgram, Names, Role
from reformulations.refusal import NotApplicable
from reformulations.robust.late_followers import timing_of
from reformulations.robust.two_stage import split
from reformulations.spatial import SpatialProgram

ROBUST = "column-and-constraint generation (bl.CCG), because nature decides variables"
SEARCH_FIRST = "bl.solve searches by branching on complementarities before it takes this program; most games end there"
PARAMETRIC = "parametric column-and-constraint generation (bl.CCG), because nature's set moves with the plan"


def explain(
    model: BlockData | Compiled, method: Method | ValueFunction | str = "auto", *, threads: int | None = None
) -> Explanation:
    """Say who decides what in a game, how it is compiled, and what that rests on.

    Parameters
    ----------
    model
        A Pyomo model with followers, or what :func:`bilevel.compile` returned.
    method
        As for :func:`bilevel.solve`; a compiled game has its own.
    threads
        Threads of HiGHS for the linear programs that derive bounds.

    Returns
    -------
    Explanation
        Of every model that can be read: when compiling is refused, it says who decides what, and the refusal.

    Raises
    ------
    InvalidGame, NotApplicable
        When the model cannot be read as a game.
    """
    if isinstance(model, Compiled):
        return _explained(model.game, model.image, _described(model), None)
    game = read(model)
    if is_robust(game):
        return _explained(game, None, *_robust(game))
    if isinstance(method, ValueFunction) or (method == "auto" and needs_responses(game.program)):
        return _explained_by_responses(game, ValueFunction() if isinstance(method, str) else method, _asked(method))
    chosen = chosen_method(method)
    try:
        asked = not isinstance(method, str)
        compiled = compile_read(game, method, threads) if asked else compile_choice(game, choose(game.program), threads)
    except BilevelError as refused:
        return _explained(game, None, f"{type(chosen).__name__} {_asked(method)}", str(refused))
    explained = _explained(game, compiled.image, _described(compiled), None)
    first = () if asked or not searches_first(compiled) else (SEARCH_FIRST,)
    return replace(explained, notes=(*first, *explained.notes))


def _explained_by_responses(game: Game, method: ValueFunction, asked: str) -> Explanation:
    """Explain a game that is solved by searching its followers' responses, for which nothing is compiled."""
    try:
        search = choose_search(game.program, method)
    except (BilevelError, NotApplicable) as refused:
        return _explained(game, None, f"ValueFunction {asked}", str(refused))
    return replace(
        _explained(game, None, described_search(search), None),
        notes=search_notes(search),
        sizes=(_size_of("game", game.program), _size_of("followers respond at will", search.relaxation.program)),
    )


def _size_of(what: str, program: BilevelProgram | MixedIntegerProgram | SpatialProgram) -> Size:
    columns, rows = program.columns, program.rows
    return Size(what, len(columns), int(columns.integer.sum()), len(rows), int(rows.matrix.nnz))


def _explained(game: Game, image: Image | None, method: str, refusal: str | None) -> Explanation:
    program = game.program
    sizes = [_size_of("game", program)]
    if image is not None:
        sizes.append(_size_of("program", image.program))
    return Explanation(
        players=tuple(_players(game)),
        hints=_hints(game),
        method=method,
        notes=() if image is None else image.notes,
        sizes=tuple(sizes),
        bounds=() if image is None else tuple(_bounds(program, image)),
        assumptions=() if image is None else image.assumes,
        refusal=refusal,
    )


def _robust(game: Game) -> tuple[str, str | None]:
    """Return how a game with nature is solved, and why it is refused if it is."""
    try:
        program = game.program
        if moves(game):
            split_linear(program)
            return PARAMETRIC, None
        within = nature_set(game)
        if is_static(program, within):
            return f"{STATIC}one program with the dual of nature's maximum, no rounds", None
        if not waits_and_sees(program):
            split(program)
            return ROBUST, None
        return f"{ROBUST}; nature answers by {adversary_for(program, timing_of(program), within, None).name}", None
    except (BilevelError, NotApplicable) as refused:
        return ROBUST, str(refused)


def _asked(method: Method | ValueFunction | str) -> str:
    return "(the automatic choice)" if isinstance(method, str) else "(asked for)"


def _described(compiled: Compiled) -> str:
    """Say how the game is solved, and why that way."""
    return "; ".join(filter(None, (described(compiled.image), compiled.why)))


def _counted(components: Iterable[ComponentData]) -> tuple[str, ...]:
    """Return the names of the components that own the given data, with the number of members where indexed."""
    counts: dict[str, int] = {}
    indexed: dict[str, bool] = {}
    for data in components:
        parent = data.parent_component()
        name = parent.name
        counts[name] = counts.get(name, 0) + 1
        indexed[name] = parent.is_indexed()
    return tuple(f"{name} ({count})" if indexed[name] else name for name, count in counts.items())


def _players(game: Game) -> Iterable[PlayerLine]:
    program = game.program
    columns = _by_player(program.column_owner, len(program.players))
    rows = _by_player(program.row_owner, len(program.players))
    uses = _uses(game)
    for player, name in enumerate(program.players):
        role = Role(int(program.roles[player]))
        yield PlayerLine(
            name,
            role.name.lower(),
            _wish(game, player, role),
            _counted(game.variables[j] for j in columns[player].tolist()),
            _counted(game.constraints[i] for i in rows[player].tolist()),
            uses[player],
        )


def _wish(game: Game, player: int, role: Role) -> str:
    if role == Role.FOLLOWER and game.blocks[player] is None:
        return "complement"
    if role not in (Role.LEADER, Role.FOLLOWER) or player in _without_objective(game.program):
        return "-"
    return "minimise" if game.program.objectives.sense[player] > 0 else "maximise"


def _without_objective(program: BilevelProgram) -> Integers:
    """Return the followers with nothing to optimise, such as those whose complementarity conditions stand apart."""
    goals = program.objectives
    empty = (np.diff(goals.linear.indptr) == 0) & ~np.isin(np.arange(len(program.players)), goals.products.index)
    return np.flatnonzero(empty & (program.roles == Role.FOLLOWER))


def _by_player(owner: Integers, count: int) -> list[Integers]:
    order = np.argsort(owner, kind="stable")
    return np.split(order, np.searchsorted(owner[order], np.arange(1, count)))


def _uses(game: Game) -> list[tuple[str, ...]]:
    """Return for each player the variables of others in its rows and in its objective."""
    by_place = [("objective", _foreign(game.program, *_in_objectives(game.program)))]
    by_place.append(("rows", _foreign(game.program, *_in_rows(game.program))))
    return [
        tuple(
            f"{name} in its {place}"
            for place, columns in by_place
            for name in _counted(game.variables[j] for j in columns[player].tolist())
        )
        for player in range(len(game.program.players))
    ]


def _in_rows(program: BilevelProgram) -> tuple[Integers, Integers]:
    """Return players and columns: who has which column in a row."""
    matrix, terms = program.rows.matrix, program.rows.products
    row = np.repeat(np.arange(len(program.rows)), np.diff(matrix.indptr))
    row = np.concatenate([row, terms.index, terms.index])
    return program.row_owner[row], np.concatenate([matrix.indices, terms.left, terms.right])


def _in_objectives(program: BilevelProgram) -> tuple[Integers, Integers]:
    """Return players and columns: whose choice depends on which column through its objective."""
    linear, terms, owner = program.objectives.linear, program.objectives.products, program.column_owner
    # what a follower wants does not depend on terms without its own columns
    mixed = (owner[terms.left] == terms.index) | (owner[terms.right] == terms.index) | (terms.index == LEADER)
    leader = linear.indices[linear.indptr[LEADER] : linear.indptr[LEADER + 1]]
    player = np.concatenate([np.full(len(leader), LEADER), terms.index[mixed], terms.index[mixed]])
    return player, np.concatenate([leader, terms.left[mixed], terms.right[mixed]])


def _foreign(program: BilevelProgram, player: Integers, column: Integers) -> list[Integers]:
    """Return for each player the listed columns of others, sorted."""
    n = len(program.columns)
    keys = np.unique(player.astype(np.int64) * n + column)
    keys = keys[program.column_owner[keys % n] != keys // n]
    return [part % n for part in np.split(keys, np.searchsorted(keys, np.arange(1, len(program.players)) * n))]


def _hints(game: Game) -> tuple[str, ...]:
    program = game.program
    matrix, terms = program.rows.matrix, program.rows.products
    row = np.repeat(np.arange(len(program.rows)), np.diff(matrix.indptr))
    theirs = np.zeros(len(program.rows), bool)
    theirs[row[program.follower_columns[matrix.indices]]] = True
    for side in (terms.left, terms.right):
        theirs[terms.index[program.follower_columns[side]]] = True
    coupling = np.flatnonzero(theirs & (program.row_owner == LEADER))
    equations = np.isin(program.row_owner, _without_objective(program))
    moved = np.flatnonzero(program.follower_rows & ~rows_with_own_columns(program) & ~equations)
    hints = []
    if len(coupling):
        names = listed(_counted(game.constraints[i] for i in coupling.tolist()), MOST_NAMES)
        hints.append(
            f"{names}: rows of the leader with followers' variables; they bind the leader, which must choose so that "
            "the responses satisfy them, and not the followers, which do not see them"
        )
    if len(moved):
        names = listed(_counted(game.constraints[i] for i in moved.tolist()), MOST_NAMES)
        hints.append(f"{names}: followers' rows without a variable of their follower; they are the leader's")
    return tuple(hints)


def _bounds(program: BilevelProgram, image: Image) -> Iterable[BoundLine]:
    bounds, pairs = image.bounds, image.mpec.complementarity
    if len(bounds.source) != len(pairs):
        return
    for player in np.unique(pairs.owner).tolist():
        mine = np.flatnonzero(pairs.owner == player)
        kinds = np.stack([bounds.source[mine], bounds.argument[mine]])
        values, counts = np.unique(kinds, axis=1, return_counts=True)
        arguments = tuple(
            (_argument(source, argument), count)
            for source, argument, count in zip(*values.tolist(), counts.tolist(), strict=True)
        )
        switched = image.binaries[pairs.owner[image.binaries] == player]
        yield BoundLine(
            program.players[player],
            arguments,
            _greatest(pairs.names, switched, bounds.multiplier_upper),
            _greatest(pairs.names, switched, bounds.slack_upper),
        )


def _argument(source: int, argument: int) -> str:
    if source == Source.NONE:
        return "not bounded"
    return f"{Source(source).name.lower()} ({ARGUMENTS[argument]})"


def _greatest(names: Names | Sequence[str], rows: Integers, value: Floats) -> tuple[str, float] | None:
    """Return name and value of the largest bound among the rows that have a big-M."""
    if len(rows) == 0:
        return None
    row = int(rows[np.argmax(value[rows])])
    return names[row], float(value[row])
