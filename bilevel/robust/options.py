"""What the options of column-and-constraint generation may be."""

from __future__ import annotations

from concurrent.futures import Executor
from numbers import Integral, Real
from typing import Any, Literal, Protocol, get_args

from bilevel.errors import InvalidGame
from bilevel.robust.oracles import OracleName

Costs = Literal["auto", "dualised", "generated"]

_OF_ROUNDS = ("max_iterations", "start", "save", "master_gap", "master_seconds", "oracle_seconds")


class Options(Protocol):
    """The options of :class:`bilevel.CCG` that are words or single numbers."""

    @property
    def oracle(self) -> OracleName: ...  # noqa: D102 - see bl.CCG
    @property
    def costs(self) -> Costs: ...  # noqa: D102
    @property
    def max_iterations(self) -> int: ...  # noqa: D102
    @property
    def master_gap(self) -> float | None: ...  # noqa: D102
    @property
    def master_seconds(self) -> float | None: ...  # noqa: D102
    @property
    def oracle_seconds(self) -> float | None: ...  # noqa: D102


def check_options(method: Options, executor: Executor | None) -> None:
    """Refuse words that are none of the choices, numbers that mean nothing, and what takes no tasks.

    Raises
    ------
    InvalidGame
        Names the option and says what it may be.
    """
    for name, given, choices in (("oracle", method.oracle, OracleName), ("costs", method.costs, Costs)):
        if given not in get_args(choices):
            known = ", ".join(f'"{choice}"' for choice in get_args(choices))
            raise InvalidGame(f"CCG({name}={given!r}): give one of {known}")
    rounds: Any = method.max_iterations
    if not isinstance(rounds, Integral) or rounds < 1:
        raise InvalidGame(f"CCG(max_iterations={rounds!r}): give a whole number from 1 up")
    if method.master_gap is not None and not (isinstance(method.master_gap, Real) and method.master_gap >= 0):
        raise InvalidGame(f"CCG(master_gap={method.master_gap!r}): give a number from 0 up, or None")
    for name, seconds in (("master_seconds", method.master_seconds), ("oracle_seconds", method.oracle_seconds)):
        if seconds is not None and not (isinstance(seconds, Real) and seconds > 0):
            raise InvalidGame(f"CCG({name}={seconds!r}): give seconds above 0, or None")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise InvalidGame(f"executor={executor!r}: give a concurrent.futures.Executor, ThreadPoolExecutor(4) say")


def without_rounds(method: Options, plain: Options) -> tuple[str, ...]:
    """Say which of the options that were given are about rounds, of which a static program has none."""
    given, default = ({name: f"{name}={getattr(each, name)}" for name in _OF_ROUNDS} for each in (method, plain))
    asked = ", ".join(given[name] for name in _OF_ROUNDS if given[name] != default[name])
    return (f"CCG({asked}) has no effect: one static program has no rounds",) if asked else ()
