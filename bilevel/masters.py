"""Masters of column-and-constraint generation, compiled one after the other."""

from __future__ import annotations

from bilevel.errors import NoBound
from bilevel.methods import KKT
from bilevel.pipeline import Image, compile_program
from reformulations.bounds import Bounds
from reformulations.programs import BilevelProgram


def compile_master(program: BilevelProgram, known: Bounds | None, threads: int | None) -> Image:
    """Compile a master; ``known`` are the bounds of multipliers of an earlier one of the same run."""
    if known is not None:
        # every master has the same followers, and the rows of the former: its bounds of multipliers hold
        try:
            return compile_program(program, KKT(), known=known, threads=threads)
        except NoBound:
            pass
    return compile_program(program, KKT(), threads=threads)
