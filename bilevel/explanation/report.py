"""What an explanation of a game says, and how it is laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bilevel.printing import html, listed, number, plain

MOST_LINES = 20
"""Followers with a line of their own in the text; the fields have all."""

MOST_NAMES = 6


@dataclass(frozen=True, slots=True)
class PlayerLine:
    """Who decides what: a player, its variables and rows by component with counts, its objective's sense.

    ``uses`` are the variables of others that stand in its rows or objective, where they are parameters.
    """

    player: str
    role: str
    sense: str
    variables: tuple[str, ...]
    rows: tuple[str, ...]
    uses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoundLine:
    """Bounds of one follower: how many multipliers by source and argument, and the largest ones written.

    ``arguments`` pairs ``"derived: interval arithmetic"`` with a count.
    """

    player: str
    arguments: tuple[tuple[str, int], ...]
    largest_multiplier: tuple[str, float] | None
    largest_slack: tuple[str, float] | None


@dataclass(frozen=True, slots=True)
class Size:
    """Columns (integers among them), rows and nonzeros of a program."""

    what: str
    columns: int
    integers: int
    rows: int
    nonzeros: int


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """What a game is and how it is compiled.

    Attributes
    ----------
    players
        Who decides what, leader first.
    hints
        What is easily overlooked in the declaration.
    method
        How the game is solved, and why so.
    notes
        What was done on the way: which products were linearised exactly, and by what.
    sizes
        Of the game and of the single-level program.
    bounds
        Of the followers' multipliers and slacks.
    assumptions
        Bounds that are not derived; with one, no answer is called optimal.
    refusal
        Why the game is not compiled; None when it is.
    """

    players: tuple[PlayerLine, ...]
    hints: tuple[str, ...]
    method: str
    notes: tuple[str, ...]
    sizes: tuple[Size, ...]
    bounds: tuple[BoundLine, ...]
    assumptions: tuple[str, ...]
    refusal: str | None = None

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [_player_table(self.players), *_sentences("hint", self.hints), Text("")]
        parts.append(Text.assemble(("method: ", "bold"), self.method))
        if self.refusal is not None:
            parts.append(Text.assemble(("refused: ", "bold red"), self.refusal))
        parts += _sentences("note", self.notes)
        parts += [Text(""), _size_table(self.sizes)]
        if self.bounds:
            parts += [Text(""), _bound_table(self.bounds)]
        parts += _sentences("assumed", self.assumptions)
        return Group(*parts)

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)


def _sentences(label: str, sentences: Sequence[str]) -> list[RenderableType]:
    return [Text.assemble((f"{label}: ", "bold"), sentence) for sentence in sentences]


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _player_table(lines: tuple[PlayerLine, ...]) -> Table:
    table = _table("player", "wants to", "decides", "subject to", "takes as given")
    for line in lines[:MOST_LINES]:
        names = (listed(found, MOST_NAMES) for found in (line.variables, line.rows, line.uses))
        table.add_row(*(Text(cell) for cell in (line.player, line.sense, *names)))
    return _with_rest(table, len(lines))


def _size_table(sizes: tuple[Size, ...]) -> Table:
    table = _table("size", "columns", "integers", "rows", "nonzeros")
    for size in sizes:
        table.add_row(size.what, str(size.columns), str(size.integers), str(size.rows), str(size.nonzeros))
    return table


def _bound_table(lines: tuple[BoundLine, ...]) -> Table:
    table = _table("bounds of", "multipliers", "largest multiplier", "largest slack")
    for line in lines[:MOST_LINES]:
        arguments = ", ".join(f"{count} {argument}" for argument, count in line.arguments)
        table.add_row(*(Text(cell) for cell in (line.player, arguments, *map(_named, _largest(line)))))
    return _with_rest(table, len(lines))


def _largest(line: BoundLine) -> tuple[tuple[str, float] | None, tuple[str, float] | None]:
    return line.largest_multiplier, line.largest_slack


def _named(bound: tuple[str, float] | None) -> str:
    return "-" if bound is None else f"{number(bound[1])} ({bound[0]})"


def _with_rest(table: Table, count: int) -> Table:
    if count > MOST_LINES:
        table.add_row(f"... and {count - MOST_LINES} more")
    return table
