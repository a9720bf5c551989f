"""Seconds of work, which a busy machine does not shorten."""

from __future__ import annotations

import time

BUSY = 3.0
"""How much longer than its seconds of work something may take by the clock, where the machine has other work to do."""


class WorkClock:
    """Processor time of the calling thread since the clock was made, and no less than the time by the clock / BUSY."""

    def __init__(self) -> None:
        self._worked, self._began = time.thread_time(), time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds of work."""
        return max(time.thread_time() - self._worked, (time.perf_counter() - self._began) / BUSY)
