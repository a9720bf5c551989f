"""A derivation: formulas in sections, as Markdown with LaTeX, as LaTeX, and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bilevel.explanation.follower_systems import FollowerSystem
from bilevel.printing import interval, number, plain

MOST_LINES = 40
"""Formulas of a section, and rows of the table of bounds; what is more is counted."""


_MARKS = str.maketrans(
    {mark: f"\\{mark}" for mark in "_%&#${}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
)
"""What stands in text for the marks that LaTeX reserves."""


@dataclass(frozen=True, slots=True)
class Formula:
    """One line of mathematics, for LaTeX and as text."""

    latex: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, sentences, and the formulas below them."""

    title: str
    sentences: tuple[str, ...]
    formulas: tuple[Formula, ...] = ()


@dataclass(frozen=True, slots=True)
class BoundOf:
    """Ends of a multiplier of a lower-level row, the greatest slack of that row, and where both come from."""

    row: str
    lower: float
    upper: float
    source: str
    slack: float
    slack_source: str

    def cells(self) -> tuple[str, ...]:
        """Return the entries of a table."""
        return self.row, interval(self.lower, self.upper), self.source, number(self.slack), self.slack_source


_TITLES = ("row", "multiplier in", "source", "slack up to", "source")


@dataclass(frozen=True, slots=True, repr=False)
class Derivation:
    """How a game becomes a single-level program, step by step.

    Attributes
    ----------
    sections
        The formulas, follower by follower, then the leader's objective and the method.
    followers
        The systems behind the formulas, as sympy expressions.
    before, after
        The leader's objective, minimised, as it was written and as it is in the program; equal wherever all followers
        respond optimally. None where the game is not compiled.
    bounds
        Of multipliers and slacks, each with its source.
    """

    sections: tuple[Section, ...]
    followers: tuple[FollowerSystem, ...]
    before: sympy.Expr | None
    after: sympy.Expr | None
    bounds: tuple[BoundOf, ...]

    @property
    def markdown(self) -> str:
        """The derivation as Markdown, formulas in LaTeX between double dollars."""
        parts = []
        for section in self.sections:
            parts += [f"### {section.title}", *section.sentences]
            if section.formulas:
                parts.append("$$\n" + _aligned(section, "aligned") + "\n$$")
        if self.bounds:
            lines = [_row(_TITLES), _row(["---"] * len(_TITLES))]
            lines += [_row(line.cells()) for line in self.bounds[:MOST_LINES]]
            parts += ["### Bounds and their sources", "\n".join(lines), *self._rest()]
        return "\n\n".join(parts) + "\n"

    @property
    def latex(self) -> str:
        """The derivation as a fragment of LaTeX (``amsmath``), without the table of bounds."""
        parts = []
        for section in self.sections:
            parts += [f"\\subsection*{{{_plain(section.title)}}}", *map(_plain, section.sentences)]
            if section.formulas:
                parts.append(_aligned(section, "align*"))
        return "\n".join(parts) + "\n"

    def _rest(self) -> Iterator[str]:
        if len(self.bounds) > MOST_LINES:
            yield f"and {len(self.bounds) - MOST_LINES} more."

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = []
        for section in self.sections:
            parts += [Text(section.title, "bold"), *(Text(sentence.replace("`", "")) for sentence in section.sentences)]
            parts += [Padding(Text(formula.text), (0, 0, 0, 4)) for formula in section.formulas]
            parts.append(Text(""))
        if self.bounds:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for title in _TITLES:
                table.add_column(title, overflow="fold")
            for line in self.bounds[:MOST_LINES]:
                table.add_row(*map(Text, line.cells()))
            parts += [table, *map(Text, self._rest())]
        return Group(*parts)

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return self.markdown


def written(expression: sympy.Expr, names: Mapping[sympy.Symbol, str]) -> Formula:
    """Write an expression both ways; ``names`` are the LaTeX names of symbols."""
    # a thin space keeps the names of factors apart
    latex = sympy.latex(expression, symbol_names=names, mul_symbol=r" \, ")
    return Formula(latex, sympy.sstr(expression, full_prec=False))


def joined(*parts: Formula | tuple[str, str]) -> Formula:
    """Put formulas and signs (as LaTeX, as text) beside each other."""
    both = [part if isinstance(part, Formula) else Formula(*part) for part in parts]
    return Formula(" ".join(part.latex for part in both), " ".join(part.text for part in both))


def _aligned(section: Section, environment: str) -> str:
    lines = " \\\\\n".join(f"& {formula.latex}" for formula in section.formulas)
    return f"\\begin{{{environment}}}\n{lines}\n\\end{{{environment}}}"


def _row(cells: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(sentence: str) -> str:
    """Return a sentence with the characters that LaTeX reserves escaped."""
    return sentence.replace("`", "").translate(_MARKS)
