"""Programs as text of a free MPS file, numbers to the last digit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import numpy as np
from scipy import sparse

from bilevel.io.linear_file import LinearFile
from bilevel.solvers.labels import labels
from reformulations.programs import Columns, Product, Rows


def mps_text(file: LinearFile, title: str = "game", products: Product | None = None) -> tuple[str, dict[str, str]]:
    """Return the text, and the user's name behind each label that differs from it.

    Names are kept as they are but for blanks, which become underscores, and for repeated names, which get their
    position appended; comments at the top of the file say which. A row without sides is written with an infinite
    right-hand side. Convex ``products`` go into a section QUADOBJ, as HiGHS and CPLEX read it.

    Returns
    -------
    text
        Read back by :func:`bilevel.io.mps_file.read_mps_file`, it gives the same arrays.
    renamed
        Empty where the format carries all names.
    """
    columns, rows = list(labels(file.columns.names, ".mps")), list(labels(file.rows.names, ".mps"))
    objective = "objective"
    while objective in rows:
        objective += "_"
    renamed = changed(columns, file.columns.names) | changed(rows, file.rows.names)
    lines = [f"* {line}" for line in said(renamed)]
    lines += [f"NAME {next(labels([title], '.mps'))}"]
    lines += ["OBJSENSE", "    MAX"] if file.sense < 0 else []
    lines += ["ROWS", f" N  {objective}"]
    sides = [_side(file.rows, i) for i in range(len(rows))]
    lines += [f" {kind}  {label}" for (kind, _, _), label in zip(sides, rows, strict=True)]
    lines.append("COLUMNS")
    lines += _column_lines(file, columns, [objective, *rows])
    lines.append("RHS")
    if file.constant:
        lines.append(f"    RHS  {objective}  {short(-file.constant)}")
    lines += [f"    RHS  {label}  {short(side)}" for (_, side, _), label in zip(sides, rows, strict=True) if side]
    ranges = [f"    RANGES  {label}  {width}" for (_, _, width), label in zip(sides, rows, strict=True) if width]
    lines += ["RANGES", *ranges] if ranges else []
    bounds = [line for j, label in enumerate(columns) for line in _bound_lines(file.columns, j, label)]
    lines += ["BOUNDS", *bounds] if bounds else []
    lines += _quadratic_lines(products, columns)
    return "\n".join([*lines, "ENDATA"]) + "\n", renamed


def short(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    if np.isinf(value):
        return "1e30" if value > 0 else "-1e30"
    text = repr(float(value) + 0.0)
    return text.removesuffix(".0")


def changed(labelled: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return the name behind each label that differs from it."""
    return {label: name for label, name in zip(labelled, names, strict=True) if label != name}


def said(renamed: Mapping[str, str]) -> Iterator[str]:
    """Yield a line of comment for each label."""
    for label, name in renamed.items():
        yield f"name: {label} is {' '.join(name.split())}"


def _side(rows: Rows, i: int) -> tuple[str, float, str]:
    """Return kind, right-hand side and range of a row."""
    lower, upper = float(rows.lower[i]), float(rows.upper[i])
    if lower == upper:
        return "E", lower, ""
    if np.isinf(lower) or np.isinf(upper):
        return ("L", upper, "") if np.isinf(lower) else ("G", lower, "")
    return "G", lower, _difference(upper, lower)


def _difference(upper: float, lower: float) -> str:
    """Return the width of a range as decimals are subtracted, to which the reader adds as they are added."""
    return format((Decimal(short(upper)) - Decimal(short(lower))).normalize(), "g")


def _column_lines(file: LinearFile, columns: list[str], rows: list[str]) -> Iterator[str]:
    matrix = sparse.csc_array(file.rows.matrix)
    integer = False
    for j, label in enumerate(columns):
        if integer != bool(file.columns.integer[j]):
            integer = not integer
            yield f"    MARKER{j}  'MARKER'  '{'INTORG' if integer else 'INTEND'}'"
        begin, end = matrix.indptr[j : j + 2]
        entries = zip((matrix.indices[begin:end] + 1).tolist(), matrix.data[begin:end].tolist(), strict=True)
        told = [(row, value) for row, value in [(0, float(file.cost[j])), *entries] if value]
        yield from (f"    {label}  {rows[row]}  {short(value)}" for row, value in told or [(0, 0.0)])
    if integer:
        yield f"    MARKER{len(columns)}  'MARKER'  'INTEND'"


def _bound_lines(columns: Columns, j: int, label: str) -> Iterator[str]:
    lower, upper = float(columns.lower[j]), float(columns.upper[j])
    if columns.integer[j] and (lower, upper) == (0.0, 1.0):
        yield f" BV BOUND  {label}"
    elif lower == upper:
        yield f" FX BOUND  {label}  {short(lower)}"
    elif np.isinf(lower) and np.isinf(upper):
        yield f" FR BOUND  {label}"
    else:
        if np.isinf(lower):
            yield f" MI BOUND  {label}"
        elif lower:
            yield f" LO BOUND  {label}  {short(lower)}"
        if np.isfinite(upper):
            yield f" UP BOUND  {label}  {short(upper)}"
        elif columns.integer[j]:
            yield f" PL BOUND  {label}"


def _quadratic_lines(products: Product | None, columns: list[str]) -> Iterator[str]:
    """Yield the upper triangle of the Hessian, of which the objective has one half."""
    if products is None or not len(products):
        return
    yield "QUADOBJ"
    terms = zip(products.left.tolist(), products.right.tolist(), products.value.tolist(), strict=True)
    for left, right, value in terms:
        yield f"    {columns[left]}  {columns[right]}  {short(2 * value if left == right else value)}"
