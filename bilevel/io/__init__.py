"""Games in files: MPS with an auxiliary file, and JSON."""

from __future__ import annotations

from bilevel.io.files import read_model, read_program, write_game

__all__ = ["read_model", "read_program", "write_game"]
