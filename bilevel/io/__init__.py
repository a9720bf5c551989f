"""Games in files (MPS with an auxiliary file, JSON), and those declared with PAO (:mod:`bilevel.io.pao`)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bilevel.io.files import read_model, read_program, write_game

__all__ = ["read_model", "read_program", "write_game"]


def __getattr__(name: str) -> Any:
    """Import :mod:`bilevel.io.pao` once it is asked for: it needs an extra."""
    if name == "pao":
        return import_module("bilevel.io.pao")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
