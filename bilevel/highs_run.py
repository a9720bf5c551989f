"""One run of HiGHS, in the calling thread or beside it, with progress and interrupts."""

from __future__ import annotations

import threading

import highspy

from bilevel.outcome import HighsOptions, MipProgress

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
    """Run beside the calling thread, which stays free to notice an interrupt from the keyboard."""
    stop, finished = threading.Event(), threading.Event()
    ended: list[highspy.HighsStatus] = []
    raised: list[BaseException] = []

    def report(event: highspy.highs.HighsCallbackEvent) -> None:
        try:
            if options.progress is not None and not stop.is_set():
                options.progress(_progress(event.data_out))
        except BaseException as error:  # noqa: BLE001  (it must not unwind through C++; raised again below)
            raised.append(error)
            stop.set()

    def interrupt(event: highspy.highs.HighsCallbackEvent) -> None:
        event.interrupt(stop.is_set())

    def run_aside() -> None:
        try:
            ended.append(run(solver, options))
            highspy.Highs.resetGlobalScheduler(False)  # each thread has its own scheduler
        finally:
            finished.set()

    solver.cbMipLogging.subscribe(report)
    solver.cbMipInterrupt.subscribe(interrupt)
    try:
        threading.Thread(target=run_aside, daemon=True).start()
        while not finished.is_set():  # not Thread.join: interrupted, it takes the thread for dead
            try:
                if finished.wait(_POLL_SECONDS) or options.stopped():
                    stop.set()
            except KeyboardInterrupt:
                stop.set()
    finally:
        solver.cbMipLogging.unsubscribe(report)
        solver.cbMipInterrupt.unsubscribe(interrupt)
    if raised:
        raise raised[0]
    return ended[0]


def _progress(data: highspy.cb.HighsCallbackOutput) -> MipProgress:
    return MipProgress(
        float(data.mip_primal_bound),
        float(data.mip_dual_bound),
        float(data.mip_gap),
        int(data.mip_node_count),
        float(data.running_time),
    )
