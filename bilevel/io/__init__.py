"""Games in other people's files."""

from __future__ import annotations

from bilevel.io.mps_aux import read_mps, read_program

__all__ = ["read_mps", "read_program"]
