"""One run of HiGHS, in the calling thread or beside it, with progress and interrupts."""

from __future__ import annotations

import threading

import highspy

from bilevel.solvers.outcome import HighsOptions, MipProgress
from reformulations.programs import Floats

_POLL_SECONDS = 0.05


def run(solver: highspy.Highs, options: HighsOptions) -> highspy.HighsStatus:
    """Run HiGHS; once more where another instance has set up its scheduler for another number of threads."""
    ended = solver.run()
    scheduler_differs = solver.getModelStatus() == highspy.HighsModelStatus.kNotset
    if ended == highspy.HighsStatus.kError and options.threads and scheduler_differs:
        highspy.Highs.resetGlobalScheduler(True)
        ended = solver.run()
    return ended


def run_in_thread(solver: highspy.Highs, options: HighsOptions) -> highspy.HighsStatus:
    """Run beside the calling thread, which searches meanwhile and stays free to notice an interrupt."""
    return _Beside(solver, options).run()


class _Beside:
    """A run in a thread of its own, and what the two threads tell each other."""

    def __init__(self, solver: highspy.Highs, options: HighsOptions) -> None:
        self._solver, self._options = solver, options
        self._stop, self._finished = threading.Event(), threading.Event()
        self._ended: list[highspy.HighsStatus] = []
        self._raised: list[BaseException] = []
        self._better: Floats | None = None

    def run(self) -> highspy.HighsStatus:
        solver = self._solver
        heard = [(solver.cbMipLogging, self._report), (solver.cbMipInterrupt, self._interrupt)]
        if self._options.meanwhile is not None:
            heard.append((solver.cbMipUserSolution, self._offer))
        for event, listener in heard:
            event.subscribe(listener)
        try:
            threading.Thread(target=self._run_aside, daemon=True).start()
            while not self._finished.is_set():  # not Thread.join: interrupted, it takes the thread for dead
                try:
                    if self._finished.wait(self._worked()) or self._options.stopped():
                        self._stop.set()
                except KeyboardInterrupt:
                    self._stop.set()
                except Exception as error:  # noqa: BLE001  (HiGHS is to end first; raised again below)
                    self._raised.append(error)
                    self._stop.set()
        finally:
            for event, listener in heard:
                event.unsubscribe(listener)
        if self._raised:
            raise self._raised[0]
        return self._ended[0]

    def _worked(self) -> float:
        """Search for a better point where there is a search, and return the seconds to wait after that."""
        search = self._options.meanwhile
        if search is None or search.is_over() or self._stop.is_set():
            return _POLL_SECONDS
        point = search.step()
        if point is not None:
            self._better = point
        return 0.0

    def _run_aside(self) -> None:
        try:
            self._ended.append(run(self._solver, self._options))
            highspy.Highs.resetGlobalScheduler(False)  # each thread has its own scheduler
        finally:
            self._finished.set()

    def _report(self, event: highspy.highs.HighsCallbackEvent) -> None:
        try:
            if self._options.progress is not None and not self._stop.is_set():
                self._options.progress(_progress(event.data_out))
        except BaseException as error:  # noqa: BLE001  (it must not unwind through C++; raised again above)
            self._raised.append(error)
            self._stop.set()

    def _interrupt(self, event: highspy.highs.HighsCallbackEvent) -> None:
        event.interrupt(self._stop.is_set())

    def _offer(self, event: highspy.highs.HighsCallbackEvent) -> None:
        point, self._better = self._better, None
        if point is not None and event.data_in is not None:
            event.data_in.setSolution(point)


def _progress(data: highspy.cb.HighsCallbackOutput) -> MipProgress:
    return MipProgress(
        float(data.mip_primal_bound),
        float(data.mip_dual_bound),
        float(data.mip_gap),
        int(data.mip_node_count),
        float(data.running_time),
    )
