"""A compiler for leader-follower games: declare in Pyomo, solve exactly, get a certificate."""

from __future__ import annotations

from bilevel.errors import (
    BilevelError,
    InfeasibleFollower,
    InvalidGame,
    NoBound,
    NotApplicable,
    SolverFailure,
    UnboundedFollower,
)
from bilevel.game import Follower, Multiplier, Recourse, Uncertain
from bilevel.methods import KKT, BigM, StrongDuality

__all__ = [
    "KKT",
    "BigM",
    "BilevelError",
    "Follower",
    "InfeasibleFollower",
    "InvalidGame",
    "Multiplier",
    "NoBound",
    "NotApplicable",
    "Recourse",
    "SolverFailure",
    "StrongDuality",
    "Uncertain",
    "UnboundedFollower",
]
