"""PAO's own names for games that this package solves: ``from bilevel.io.pao import *`` instead of ``from pao.pyomo``.

PAO 1.0.2 imports ``pyutilib``, which it does not declare and which no longer imports on Python 3.12, and uses
``numpy.NINF`` and ``numpy.PINF``, which numpy 2 has not. Both are supplied here before PAO is imported, in the whole
process where they are missing, so that PAO's own solvers run too.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
from pyomo.common.collections import Bunch
from pyomo.opt import SolverResults

from bilevel.errors import NotApplicable
from bilevel.plugin import BilevelSolver
from bilevel.solve import solve

__all__ = [
    "LinearMultilevelProblem",
    "QuadraticMultilevelProblem",
    "Solver",
    "SubModel",
    "linearize_bilinear_terms",
    "solve",
]

NOT_NEEDED = ("linearize_bigm", "mip_solver", "mip_options", "nlp_solver", "nlp_options", "quiet")
"""Options of PAO's solvers that nothing here depends on: products are exact, and HiGHS solves."""

PLACES = {
    "LinearMultilevelProblem": "mpr",
    "QuadraticMultilevelProblem": "mpr",
    "SubModel": "pyomo",
    "linearize_bilinear_terms": "mpr",
}
"""The module of PAO that each of its names is taken from."""

EXTRA = 'pip install "bilevel-compiler[pao]"'


LinearMultilevelProblem: Any
QuadraticMultilevelProblem: Any
SubModel: Any
linearize_bilinear_terms: Any


def __getattr__(name: str) -> Any:
    """Return one of PAO's own names."""
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(getattr(import_pao(), PLACES[name]), name)


def import_pao() -> Any:
    """Import PAO with what it needs and does not find.

    Raises
    ------
    ImportError
        When PAO is not installed.
    """
    if find_spec("pao") is None:
        raise ImportError(f"PAO is not installed: {EXTRA}")
    for name, value in (("NINF", -np.inf), ("PINF", np.inf)):
        if not hasattr(np, name):
            setattr(np, name, value)
    if "pyutilib" not in sys.modules:
        sys.modules.update(_pyutilib())
    log = logging.getLogger("pyomo")
    level = log.level
    log.setLevel(logging.ERROR)  # PAO calls what Pyomo has deprecated
    try:
        return import_module("pao")
    finally:
        log.setLevel(level)


def _pyutilib() -> dict[str, ModuleType]:
    """Return the part of ``pyutilib`` that PAO uses: a dictionary with attributes, which Pyomo has as well."""
    package, misc, subprocess = (ModuleType(f"pyutilib{part}") for part in ("", ".misc", ".subprocess"))
    found: dict[str, Any] = {"Bunch": Bunch, "Options": Bunch}
    misc.__dict__.update(found)
    subprocess.__dict__["run_command"] = _refuse_command
    package.__dict__.update({"misc": misc, "subprocess": subprocess, "__path__": []})
    return {module.__name__: module for module in (package, misc, subprocess)}


def _refuse_command(*_: Any, **__: Any) -> None:
    raise NotApplicable("pao.mpr.MIBS", "it starts a program by pyutilib, which is not installed; use bilevel.solve")


class MultilevelSolver(BilevelSolver):
    """The solver of this package with PAO's keywords."""

    def solve(self, model: Any, **options: Any) -> SolverResults:
        """Solve a game declared with PAO, as :meth:`bilevel.plugin.BilevelSolver.solve` does.

        Parameters
        ----------
        model
            A Pyomo model with submodels, or a multilevel problem; it gets the values.
        **options
            ``tee``, ``load_solutions``, ``time_limit`` (seconds), the keywords of :func:`bilevel.solve`, and
            :data:`NOT_NEEDED`.
        """
        chosen = {**self.options, **options}
        for name in NOT_NEEDED:
            chosen.pop(name, None)
        shown, loaded = chosen.pop("tee", False), chosen.pop("load_solutions", True)
        seconds = chosen.pop("time_limit", None)
        inner = BilevelSolver()
        return inner.solve(model, tee=shown, load_solutions=loaded, timelimit=seconds, options=chosen)


def Solver(name: str, **options: Any) -> Any:  # noqa: N802 - PAO's name
    """Return the solver of this package for each name of PAO's own, and PAO's wrapper for others (``"cbc"``).

    ``Solver("pao.pyomo.FA")`` and ``Solver("pao.mpr.PCCG")`` are then the same exact solver, which also takes integer
    variables of followers.
    """
    return (
        MultilevelSolver(options)
        if name == "bilevel" or name.startswith("pao.")
        else import_pao().Solver(name, **options)
    )


# What is missing is supplied as soon as this module is imported, so that PAO's own imports work after it.
if find_spec("pao") is not None:
    import_pao()
