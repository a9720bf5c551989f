"""Ctrl-C: the first one asks a search to stop with what it has, the second one ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """A step of a search was stopped before it was done; the search answers with what it had before."""


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether Ctrl-C was pressed, instead of the exception that it raises otherwise.

    A second one raises ``KeyboardInterrupt``. Outside the main thread, and where the caller has a
    handler of its own, nothing is changed and the answer is always no.
    """
    pressed = threading.Event()
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed.is_set
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if pressed.is_set():
            signal.default_int_handler(number, frame)
        pressed.set()

    signal.signal(signal.SIGINT, handle)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
