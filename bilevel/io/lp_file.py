"""LP files as arrays, read by HiGHS."""

from __future__ import annotations

from pathlib import Path

import highspy
import numpy as np
from scipy import sparse

from bilevel.errors import InvalidFile
from bilevel.io.linear_file import LinearFile
from reformulations.programs import Columns, Names, Rows


def read_lp_file(path: str | Path) -> LinearFile:
    """Read a mixed-integer linear program; rows and columns keep their order and names.

    Integer columns for which the file has no bounds are within 0 and 1, as most solvers read them.

    Raises
    ------
    InvalidFile
        When the file is missing, malformed, or not linear.
    """
    if not Path(path).is_file():
        raise InvalidFile(path, None, "there is no such file")
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    if solver.readModel(str(path)) == highspy.HighsStatus.kError:
        raise InvalidFile(path, None, "HiGHS cannot read it; check that it is an LP file")
    model = solver.getModel()
    if model.hessian_.dim_ > 0:
        raise InvalidFile(path, None, "it has a quadratic objective; only linear programs are read")
    program = solver.getLp()
    kinds = np.array(program.integrality_, dtype=object)
    known = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    for j in [j for j, kind in enumerate(kinds) if kind not in known][:1]:
        raise InvalidFile(path, None, f"column {program.col_names_[j]} is semi-continuous or semi-integer")
    n, m = int(program.num_col_), int(program.num_row_)
    entries = program.a_matrix_
    parts = (np.array(entries.value_), np.array(entries.index_), np.array(entries.start_))
    by_column = entries.format_ == highspy.MatrixFormat.kColwise
    matrix = sparse.csc_array(parts, shape=(m, n)) if by_column else sparse.csr_array(parts, shape=(m, n))
    integer = np.array([kind == known[1] for kind in kinds], bool) if len(kinds) else np.zeros(n, bool)
    return LinearFile(
        Columns(
            np.array(program.col_lower_, np.float64),
            np.array(program.col_upper_, np.float64),
            integer,
            Names.of(list(program.col_names_)),
        ),
        Rows(
            sparse.csr_array(matrix),
            np.array(program.row_lower_, np.float64),
            np.array(program.row_upper_, np.float64),
            Names.of(list(program.row_names_)),
        ),
        np.array(program.col_cost_, np.float64),
        float(program.offset_),
        -1.0 if program.sense_ == highspy.ObjSense.kMaximize else 1.0,
    )
