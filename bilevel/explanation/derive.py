"""Derive a game's reformulation in symbols, from the user's expressions, and name what the compiler did with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import sympy
from pyomo.core.base.block import BlockData
from pyomo.core.base.constraint import ConstraintData
from pyomo.core.base.objective import minimize

from bilevel.compiler.compile import Compiled, compile_read
from bilevel.compiler.pipeline import Image
from bilevel.errors import BilevelError
from bilevel.explanation.follower_systems import FollowerSystem, follower_system
from bilevel.explanation.formulas import MOST_LINES, BoundOf, Derivation, Formula, Section, joined, written
from bilevel.explanation.symbols import Symbols, exact, latex_name
from bilevel.language.player import Player
from bilevel.language.read import Game, read
from bilevel.language.walk import walk
from bilevel.methods import Method
from bilevel.search.automatic import choose, compile_choice
from bilevel.solve import described
from reformulations.bounds import ARGUMENTS, Source
from reformulations.programs import LEADER, Product, Role

Names = dict[sympy.Symbol, str]


def derivation(
    model: BlockData, *, followers: int = 3, method: Method | str = "auto", threads: int | None = None
) -> Derivation:
    """Derive the optimality conditions of a game's followers and tell what becomes of them.

    Lagrangian, stationarity, complementarities and dual are derived by sympy from the expressions of the model, apart
    from the arrays that the compiler works on; that both agree is tested on random games. The leader's objective as the
    program has it, and the bounds, are those of the compiler.

    Parameters
    ----------
    model
        A Pyomo model with followers.
    followers
        How many followers are derived; the others are counted.
    method
        As for :func:`bilevel.explain`.
    threads
        Threads of HiGHS for the linear programs that derive bounds.

    Returns
    -------
    Derivation
        Shown as formulas in a notebook; ``.markdown``, ``.latex``, and as text by ``print``. When compiling is refused
        the followers are derived all the same, and the refusal stands at the end.

    Raises
    ------
    InvalidGame, NotApplicable
        When the model cannot be read as a game.
    """
    game, symbols = read(model), Symbols()
    players = walk(game.blocks[LEADER]).players
    theirs = [player for player in players if player.role == Role.FOLLOWER]
    systems = tuple(follower_system(player, symbols) for player in theirs[:followers])
    names = _latex_names(game, symbols, systems)
    sections = [section for system in systems for section in _follower_sections(system, names)]
    if len(theirs) > followers:
        some = ", ".join(player.name for player in theirs[followers : followers + 5])
        sections.append(Section("Further followers", (f"{len(theirs) - followers} more ({some} ...), likewise.",)))
    try:
        compiled = _compiled(game, method, threads)
    except BilevelError as refused:
        sections.append(Section("The program", (f"Refused: {refused}",)))
        return Derivation(tuple(sections), systems, None, None, ())
    before, after = _goals(players[LEADER], compiled, systems, symbols)
    sections.append(_goal_section(compiled, before, after, names))
    return Derivation(tuple(sections), systems, before, after, tuple(_bounds(compiled.image)))


def _compiled(game: Game, method: Method | str, threads: int | None) -> Compiled:
    if isinstance(method, str):
        return compile_choice(game, choose(game.program), threads)
    return compile_read(game, method, threads)


def _latex_names(game: Game, symbols: Symbols, systems: tuple[FollowerSystem, ...]) -> Names:
    names: Names = {}
    for variable in game.variables:
        symbol = symbols.of(variable)
        if isinstance(symbol, sympy.Symbol):
            names[symbol] = latex_name(variable.name)
    for system in systems:
        for one in system.conditions:
            bar = {"lower": "\\underline", "upper": "\\overline"}[one.side]
            letter = "\\lambda" if isinstance(one.source, ConstraintData) else "\\mu"
            letter = letter if one.equality else f"{bar}{{{letter}}}"
            names[one.multiplier] = f"{letter}_{{{latex_name(one.source.name)}}}"
    return names


def _follower_sections(system: FollowerSystem, names: Names) -> Iterator[Section]:
    sign = "" if system.sense > 0 else " It maximises; minus its objective is minimised."
    slacks = tuple(
        joined(written(one.slack, names), ("= 0", "== 0") if one.equality else ("\\geq 0", ">= 0"), ("\\quad:", " :"),
               written(one.multiplier, names))
        for one in system.conditions[:MOST_LINES]
    )  # fmt: skip
    goal = joined(("\\min", "min"), written(sympy.expand(system.sense * system.objective), names))
    moved = (f"Without a variable of its own, and so the leader's: {', '.join(system.others)}.",)
    sentence = f"Each row with its multiplier.{sign}"
    yield Section(
        f"Follower `{system.name}`", (sentence, *(moved if system.others else ())), (goal, *slacks, *_more(system))
    )
    yield Section("Lagrangian", (), tuple(_lagrangian(system, names)))
    slopes = zip(system.symbols[:MOST_LINES], system.stationarity, strict=False)
    yield Section(
        "Stationarity",
        ("The derivative of the Lagrangian by each of its variables is zero.",),
        tuple(joined(_slope(symbol, names), written(slope, names), ("= 0", "== 0")) for symbol, slope in slopes),
    )
    pairs = (one for one in system.conditions[:MOST_LINES] if not one.equality)
    yield Section(
        "Complementarity",
        ("Multipliers of equalities are free.",),
        tuple(
            joined(("0 \\leq", "0 <="), written(one.multiplier, names), ("\\perp", " _|_ "), written(one.slack, names),
                   ("\\geq 0", ">= 0"))
            for one in pairs
        ),
    )  # fmt: skip
    free = system.dual.free_symbols.isdisjoint(system.symbols)
    over = "" if free else ", over the primal variables too"
    yield Section(
        "Dual",
        (f"Subject to stationarity and nonnegative multipliers{over}; its optimum is that of the follower.",),
        (joined(("\\max", "max"), written(system.dual, names)),),
    )


def _lagrangian(system: FollowerSystem, names: Mapping[sympy.Symbol, str]) -> Iterator[Formula]:
    """Yield the Lagrangian term by term: the objective, minimised, less each multiplier times its slack."""
    penalties = sum((one.multiplier * one.slack for one in system.conditions), start=sympy.Integer(0))
    yield joined(("L =", "L ="), written(sympy.expand(system.lagrangian + penalties), names))
    for one in system.conditions[:MOST_LINES]:
        parts = written(one.multiplier, names), written(one.slack, names)
        yield Formula(
            f"\\quad - {parts[0].latex} \\left({parts[1].latex}\\right)", f"    - {parts[0].text}*({parts[1].text})"
        )
    yield from _more(system)


def _more(system: FollowerSystem) -> Iterator[Formula]:
    count = len(system.conditions) - MOST_LINES
    if count > 0:
        yield Formula(f"\\text{{and {count} more}}", f"and {count} more")


def _slope(symbol: sympy.Symbol, names: Names) -> tuple[str, str]:
    return f"\\frac{{\\partial L}}{{\\partial {names[symbol]}}} =", f"dL/d {symbol.name}:"


def _goals(
    leader: Player, compiled: Compiled, systems: tuple[FollowerSystem, ...], symbols: Symbols
) -> tuple[sympy.Expr, sympy.Expr]:
    """Return the leader's objective as written and as in the program, both minimised."""
    (goal,) = leader.objectives
    sense = 1 if goal.sense == minimize else -1
    mpec = compiled.image.mpec
    z = _column_symbols(compiled, systems, symbols)
    after = exact(mpec.constant)
    for column in np.flatnonzero(mpec.cost).tolist():
        after += exact(mpec.cost[column]) * z[column]
    after += _products(mpec.products, z)
    return sympy.expand(sense * symbols.expression(goal.expr)), sympy.expand(after)


def _products(products: Product, z: list[sympy.Symbol]) -> sympy.Expr:
    terms = zip(products.left.tolist(), products.right.tolist(), products.value.tolist(), strict=True)
    return sum((exact(value) * z[left] * z[right] for left, right, value in terms), sympy.Integer(0))


def _column_symbols(compiled: Compiled, systems: tuple[FollowerSystem, ...], symbols: Symbols) -> list[sympy.Symbol]:
    """Return a symbol for each column of the MPEC: a variable, a follower's multiplier, or what its name says."""
    game, mpec = compiled.game, compiled.image.mpec
    n, m = len(game.variables), len(game.constraints)
    found = [sympy.Symbol(name, real=True) for name in mpec.columns.names]
    back = compiled.image.to_source.matrix.tocsc()
    known = {}
    for system in systems:
        for one in system.conditions:
            lower = one.side == "lower"
            if id(one.source) in game.row_of:
                known[game.row_of[id(one.source)], lower] = one.multiplier
            elif id(one.source) in game.column_of:
                known[m + game.column_of[id(one.source)] + (0 if lower else n), lower] = one.multiplier
    senses = game.program.objectives.sense
    owners = dict(zip(mpec.complementarity.multiplier.tolist(), mpec.complementarity.owner.tolist(), strict=True))
    for column in range(len(found)):
        begin, end = back.indptr[column : column + 2]
        rows, values = back.indices[begin:end].tolist(), back.data[begin:end].tolist()
        if column in owners:
            for row, value in zip(rows, values, strict=True):
                key = (row - n, value * senses[owners[column]] > 0)
                if key in known:
                    found[column] = known[key] / exact(abs(value))
        elif len(values) == 1 and rows[0] < n and values[0] > 0:
            found[column] = symbols.of(game.variables[rows[0]]) / exact(values[0])
    return found


def _goal_section(compiled: Compiled, before: sympy.Expr, after: sympy.Expr, names: Names) -> Section:
    sentences = [f"Written by {described(compiled.image)}.", *(f"{note}." for note in compiled.image.notes)]
    if compiled.image.assumes:
        sentences += [f"Assumed: {assumption}." for assumption in compiled.image.assumes]
    formulas = [joined(("\\min", "min"), written(before, names))]
    if sympy.expand(before - after) != 0:
        sentences.append("The second form equals the first wherever every follower responds optimally.")
        formulas.append(joined(("=", "="), written(after, names)))
    return Section("The program", tuple(sentences), tuple(formulas))


def _bounds(image: Image) -> Iterator[BoundOf]:
    bounds, pairs = image.bounds, image.mpec.complementarity
    if len(bounds.source) != len(pairs):
        return
    for k, name in enumerate(pairs.names):
        yield BoundOf(
            name,
            float(bounds.multiplier_lower[k]),
            float(bounds.multiplier_upper[k]),
            _source(int(bounds.source[k]), ARGUMENTS[int(bounds.argument[k])]),
            float(bounds.slack_upper[k]),
            _source(int(bounds.slack_source[k]), ""),
        )


def _source(source: int, argument: str) -> str:
    if source == Source.NONE:
        return "not bounded"
    said = Source(source).name.lower()
    return f"{said}: {argument}" if argument else said
