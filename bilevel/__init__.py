"""A compiler for leader-follower games: declare in Pyomo, solve exactly, get a certificate."""

from __future__ import annotations

from bilevel import uncertainty
from bilevel.compiler.compile import Compiled
from bilevel.compiler.compile import compile_game as compile  # noqa: A004 - bl.compile is the public name
from bilevel.diagnosis.diagnose import diagnose
from bilevel.errors import (
    BilevelError,
    InfeasibleFollower,
    InfeasibleGame,
    InvalidFile,
    InvalidGame,
    NoBound,
    NotApplicable,
    SavedRunError,
    SolverFailure,
    UnboundedFollower,
)
from bilevel.explanation.derive import derivation
from bilevel.explanation.explain import explain
from bilevel.explanation.formulas import Derivation
from bilevel.explanation.report import Explanation
from bilevel.game import Follower, Multiplier, Recourse, Uncertain
from bilevel.io.files import write_game as write
from bilevel.methods import KKT, SOS1, BigM, Branching, Indicator, StrongDuality, ValueFunction
from bilevel.mixed import MixedEquilibrium, mixed_equilibrium
from bilevel.nash import Contender, Equilibrium, nash
from bilevel.plugin import BilevelSolver
from bilevel.profiles import Profiles
from bilevel.robust.affine import affine_value
from bilevel.robust.ccg import CCG
from bilevel.solution import Solution
from bilevel.solve import solve
from bilevel.sweep import sweep
from bilevel.transformation import KKTTransformation, StrongDualityTransformation

__all__ = [
    "CCG",
    "KKT",
    "SOS1",
    "BigM",
    "BilevelError",
    "BilevelSolver",
    "Branching",
    "Compiled",
    "Contender",
    "Derivation",
    "Equilibrium",
    "Explanation",
    "Follower",
    "Indicator",
    "InfeasibleFollower",
    "InfeasibleGame",
    "InvalidFile",
    "InvalidGame",
    "KKTTransformation",
    "MixedEquilibrium",
    "Multiplier",
    "NoBound",
    "NotApplicable",
    "Profiles",
    "Recourse",
    "SavedRunError",
    "Solution",
    "SolverFailure",
    "StrongDuality",
    "StrongDualityTransformation",
    "UnboundedFollower",
    "Uncertain",
    "ValueFunction",
    "affine_value",
    "compile",
    "derivation",
    "diagnose",
    "explain",
    "mixed_equilibrium",
    "nash",
    "solve",
    "sweep",
    "uncertainty",
    "write",
]
