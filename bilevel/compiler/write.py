"""A mixed-integer program as a Pyomo model, or as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.base.block import BlockData
from pyomo.core.base.constraint import ConstraintData
from pyomo.core.base.var import VarData

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.io.linear_file import LinearFile
from bilevel.io.mps_writer import changed, mps_text, said
from bilevel.io.text_file import write_text
from bilevel.solvers import scip
from bilevel.solvers.highs import PersistentHighs
from bilevel.solvers.labels import labels
from reformulations.programs import Floats, MixedIntegerProgram, Product
from reformulations.spatial import SpatialProgram


def to_pyomo(program: MixedIntegerProgram | SpatialProgram) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model: ``z`` and ``row`` indexed by the user's names.

    Names that occur twice get their position appended. Columns that exclude each other are ``exclusive``,
    constraints of type SOS1.

    Raises
    ------
    NotApplicable
        When the program has rows on condition, for which Pyomo has no component that its solvers take.
    """
    model = pyo.ConcreteModel()
    write_into(model, program)
    return model


def write_into(
    model: BlockData, program: MixedIntegerProgram | SpatialProgram
) -> tuple[list[VarData], list[ConstraintData | None]]:
    """Declare the program on a block, as :func:`to_pyomo`; return columns and rows, None for rows without columns."""
    labels = _unique(list(program.columns.names))
    columns = program.columns
    model.z = pyo.Var(labels)
    variables = [model.z[label] for label in labels]
    for variable, low, high, whole in zip(
        variables, columns.lower.tolist(), columns.upper.tolist(), columns.integer.tolist(), strict=True
    ):
        variable.setlb(low if np.isfinite(low) else None)
        variable.setub(high if np.isfinite(high) else None)
        variable.domain = pyo.Integers if whole else pyo.Reals
    rows, matrix, curved = program.rows, program.rows.matrix, set(program.rows.products.index.tolist())
    model.row = pyo.Constraint(pyo.Any)
    declared: list[ConstraintData | None] = [None] * len(rows)
    for i, label in enumerate(_unique(list(rows.names))):
        begin, end = matrix.indptr[i], matrix.indptr[i + 1]
        if begin == end and i not in curved:
            continue
        body = _linear(matrix.data[begin:end], [variables[j] for j in matrix.indices[begin:end]])
        if i in curved:
            body = body + _bilinear(rows.products.take(rows.products.index == i), variables)
        low, high = float(rows.lower[i]), float(rows.upper[i])
        if low == high:
            model.row[label] = body == low
        else:
            model.row[label] = (low if np.isfinite(low) else None, body, high if np.isfinite(high) else None)
        declared[i] = model.row[label]
    model.objective = pyo.Objective(
        expr=program.constant + _linear(program.cost, variables) + _bilinear(program.products, variables)
    )
    if isinstance(program, SpatialProgram):
        _add_conditions(model, program, variables)
    return variables, declared


def _add_conditions(model: BlockData, program: SpatialProgram, variables: list[pyo.Var]) -> None:
    if len(program.indicators):
        raise NotApplicable("bl.Indicator()", "Pyomo states no row on condition; use bl.SOS1() or bl.BigM()")
    model.exclusive = pyo.SOSConstraint(
        range(len(program.exclusive)),
        rule=lambda _, k: ([variables[j] for j in program.exclusive[k].tolist()], [1, 2]),
        sos=1,
    )


def _linear(coefficients: Floats, variables: list[pyo.Var]) -> Any:
    used = np.flatnonzero(coefficients)
    return pyo.quicksum(float(coefficients[k]) * variables[k] for k in used)


def _bilinear(products: Product, variables: list[pyo.Var]) -> Any:
    terms = zip(products.left, products.right, products.value, strict=True)
    return pyo.quicksum(float(v) * variables[i] * variables[j] for i, j, v in terms)


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [name if seen[name] == 1 else f"{name} #{i}" for i, name in enumerate(names)]


def write(program: MixedIntegerProgram | SpatialProgram, path: str) -> dict[str, str]:
    """Write the program to a file; the ending says how: ``.mps`` or ``.lp``.

    Returns
    -------
    dict
        The user's name behind each name in the file that differs from it: MPS holds no blanks, LP neither
        brackets nor operators. The file has them as comments.

    Raises
    ------
    InvalidGame
        For another ending, and where the file cannot be written.
    NotApplicable
        For an LP file of a program with both integers and a quadratic objective.
    """
    ending = Path(path).suffix
    if ending not in {".mps", ".lp"}:
        raise InvalidGame(f"{path}: the ending must be .mps or .lp")
    write_text(path, "")  # HiGHS and SCIP do not say why a file cannot be written
    if isinstance(program, SpatialProgram):
        scip.write(program, path)
        return _commented(program, path, ending, "*" if ending == ".mps" else "\\")
    if ending == ".mps":
        file = LinearFile(program.columns, program.rows, program.cost, program.constant, 1.0)
        text, renamed = mps_text(file, Path(path).stem, program.products)
        write_text(path, text)
        return renamed
    PersistentHighs(program).write(path)
    return _commented(program, path, ending, "\\")


def _commented(program: MixedIntegerProgram | SpatialProgram, path: str, ending: str, mark: str) -> dict[str, str]:
    """Put the user's names into a file as comments; return them by label."""
    renamed: dict[str, str] = {}
    for names in (program.columns.names, program.rows.names):
        renamed |= changed(list(labels(names, ending)), names)
    comments = "".join(f"{mark} {line}\n" for line in said(renamed))
    Path(path).write_text(comments + Path(path).read_text("utf-8"), "utf-8")
    return renamed
