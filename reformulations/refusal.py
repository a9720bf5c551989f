"""How a pass says that it cannot treat a program."""

from __future__ import annotations


class NotApplicable(Exception):
    """A reformulation or method cannot treat a program.

    Parameters
    ----------
    where
        Name of the row, column or player it stops at.
    reason
        What is in the way, and what to do about it.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"
