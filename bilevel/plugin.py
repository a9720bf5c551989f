"""Games by Pyomo's habit: ``pyo.SolverFactory("bilevel").solve(m)``."""

from __future__ import annotations

from importlib import metadata
from math import inf
from typing import Any

from pyomo.core.base.block import BlockData
from pyomo.core.base.objective import maximize, minimize
from pyomo.core.base.suffix import Suffix
from pyomo.opt import SolverFactory, SolverResults, SolverStatus, TerminationCondition
from rich.console import Console

from bilevel.errors import InvalidGame
from bilevel.outcome import MipProgress
from bilevel.printing import number
from bilevel.read import read
from bilevel.solution import Solution, SolutionStatus
from bilevel.solve import solve
from reformulations.programs import LEADER
