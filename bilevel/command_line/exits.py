"""The exit codes of the commands."""

from __future__ import annotations

from enum import IntEnum

from bilevel.errors import BilevelError, InfeasibleFollower, InfeasibleGame, InvalidGame, UnboundedFollower
from bilevel.solution import SolutionStatus


class Exit(IntEnum):
    """What a command ended with; 2 is what every command line tool says of its own wrong use."""

    DONE = 0
    NOT_PROVEN = 1
    NO_SOLUTION = 3
    STOPPED = 4
    REFUSED = 5
    INVALID = 6
    INTERRUPTED = 130


EXIT_CODES = (
    "0 solved to proven optimality, or done what was asked; 1 a point that is not proven optimal, or a certificate "
    "that fails; 2 wrong use; 3 infeasible or unbounded; 4 time limit; 5 refused, with the reason; 6 invalid file or "
    "game; 130 interrupted by Ctrl-C."
)

_OF_STATUS: dict[SolutionStatus, Exit] = {
    "optimal": Exit.DONE,
    "feasible": Exit.NOT_PROVEN,
    "infeasible": Exit.NO_SOLUTION,
    "unbounded": Exit.NO_SOLUTION,
    "time_limit": Exit.STOPPED,
    "interrupted": Exit.INTERRUPTED,
}


def exit_of(status: SolutionStatus) -> Exit:
    """Return the exit code of a solve."""
    return _OF_STATUS[status]


def exit_of_error(error: BilevelError | OSError) -> Exit:
    """Return the exit code of an error; a file that cannot be written is an invalid one."""
    if isinstance(error, InfeasibleFollower | InfeasibleGame | UnboundedFollower):
        return Exit.NO_SOLUTION
    return Exit.INVALID if isinstance(error, InvalidGame | OSError) else Exit.REFUSED
