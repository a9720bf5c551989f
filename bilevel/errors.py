"""Everything that can go wrong, under one exception type."""

from __future__ import annotations

from reformulations import refusal


class BilevelError(Exception):
    """Any error of this package; its message names the component and the way out."""


class NotApplicable(BilevelError, refusal.NotApplicable):
    """A method or reformulation cannot treat this game; fields ``where`` and ``reason``."""


class NoBound(NotApplicable):
    """No finite bound could be derived where a method needs one."""


class InvalidGame(BilevelError):
    """The game is declared wrongly."""


class InfeasibleGame(BilevelError):
    """The game has no feasible point, even if the followers need not respond optimally."""


class InfeasibleFollower(BilevelError):
    """A follower has no feasible response."""


class UnboundedFollower(BilevelError):
    """A follower's objective is unbounded."""


class SolverFailure(BilevelError):
    """A solver ended without an answer that can be used."""


class OutOfTime(BilevelError):
    """The time limit passed before a game was compiled."""


class SavedRunError(BilevelError):
    """A saved run cannot be written, or not be read for this game."""


class InvalidFile(InvalidGame):
    """A file is missing or malformed; fields ``path`` and ``line``, which is None where no line is to blame."""

    def __init__(self, path: object, line: int | None, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if line is None else f"{path}, line {line}: {reason}")
        self.path = str(path)
        self.line = line
