"""Text into files, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

from bilevel.errors import InvalidFile


def write_text(path: str | Path, text: str) -> None:
    """Write a file.

    Raises
    ------
    InvalidFile
        When that cannot be done, for want of its folder, say; names the path.
    """
    try:
        Path(path).write_text(text, "utf-8")
    except OSError as reason:
        raise InvalidFile(path, None, reason.strerror or type(reason).__name__) from reason
