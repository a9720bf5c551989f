"""One run of one method on one generated game and what many runs say together."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from bilevel.errors import BilevelError
from tests.problems.generated import CoupledGame, PriceGame, coupled_game, price_game, slater_game

AGREE = 1e-6
"""Two proven optima are the same within this relative distance."""

HARD = 1.5
"""A process that does not stop when asked is ended at so many times its limit."""

SHIFT_S = 0.1
"""Added to processor times before their geometric mean, so that fast instances do not decide alone."""


PEERS = Path(__file__).with_name("peers.py")


@dataclass(frozen=True, slots=True)
class Instance:
    """A generated game: family, size, seed."""

    family: str
    size: str
    seed: int

    @property
    def game(self) -> CoupledGame | PriceGame:
        """The arrays of the game."""
        if self.family == "prices":
            return price_game(self.size, self.seed)
        return (slater_game if self.family == "slater" else coupled_game)(int(self.size), self.seed)


@dataclass(frozen=True, slots=True)
class Run:
    """What a method said of an instance: ``claim`` is the objective it calls optimal, None where it does not.

    ``certified`` tells that the certificate of the point holds (peers have none), ``proven`` that nothing was assumed
    (no bound of a multiplier was given). ``refused`` says why a method does not apply, ``bound`` what is proven.
    """

    instance: Instance
    method: str
    seconds: float
    objective: float | None = None
    claim: float | None = None
    proven: bool = False
    refused: str = ""
    certified: bool = True
    bound: float | None = None


def own_run(instance: Instance, name: str, method: bl.methods.Method | str, limit: float) -> Run:
    """Solve by one of our methods in a process of its own, to a limit in processor seconds.

    At the limit the solve is asked to stop, as by Ctrl-C; where it does not hear that, the process is ended later on.
    """
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_answer, args=(sender, instance, name, method, limit))
    child.start()
    sender.close()
    try:
        return receiver.recv()  # type: ignore[no-any-return]
    except EOFError:
        return Run(instance, name, limit)
    finally:
        child.join()
        receiver.close()


def _answer(sender: Connection, instance: Instance, name: str, method: bl.methods.Method | str, limit: float) -> None:
    bl.solve(coupled_game(30, 0).model(), threads=1)  # what is imported late is not the method's
    model = instance.game.model()
    most = int(time.process_time() + HARD * limit) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes do not hear it otherwise
    signal.signal(signal.SIGPROF, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_PROF, limit)
    began = time.process_time()
    try:
        run = _run(instance, name, method, model)
    except KeyboardInterrupt:
        run = Run(instance, name, time.process_time() - began)
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    sender.send(run)


def _run(instance: Instance, name: str, method: bl.methods.Method | str, model: pyo.ConcreteModel) -> Run:
    """Solve; processor time of reading, compiling, solving and certifying."""
    began = time.process_time()
    try:
        solution = bl.solve(model, method=method, threads=1)
    except BilevelError as refused:
        return Run(instance, name, time.process_time() - began, refused=f"{type(refused).__name__}: {refused}")
    seconds = time.process_time() - began
    proven = solution.status == "optimal"
    closed = solution.status in ("optimal", "feasible") and solution.gap is not None and solution.gap <= AGREE
    holds = solution.certificate is not None and solution.certificate.holds
    claim = solution.objective if proven or closed else None
    return Run(instance, name, seconds, solution.objective, claim, proven, certified=holds, bound=solution.bound)


def peer_run(instance: Instance, name: str, python: str, limit: float) -> Run:
    """Solve by a peer in its own environment, which is told the arrays and answers an objective."""
    game = instance.game
    told = {
        "peer": name,
        "family": instance.family,
        "limit": limit,
        "game": {key: np.asarray(getattr(game, key)).tolist() for key in game.__slots__},
    }
    try:
        done = subprocess.run(
            [python, str(PEERS)],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=3 * limit + 60,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return Run(instance, name, limit)
    except subprocess.CalledProcessError as failed:
        last = failed.stderr.strip().splitlines()[-1:] or [f"ended with {failed.returncode}"]
        return Run(instance, name, limit, refused=last[0])
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    objective, closed = answer["objective"], answer["closed"]
    return Run(
        instance,
        name,
        answer["seconds"],
        objective,
        objective if closed else None,
        refused=answer["refused"],
        certified=False,
    )


def best_known(runs: list[Run]) -> dict[Instance, float]:
    """Return the best objective of each instance, the proven one where there is one; all are maximised."""
    known: dict[Instance, float] = {}
    ours = [run for run in runs if run.objective is not None and run.certified]
    for run in sorted(ours, key=lambda run: (run.proven, run.objective)):
        known[run.instance] = float(run.objective or 0.0)
    return known


def disagreements(runs: list[Run]) -> list[str]:
    """Say which answers that are called optimal differ from the best that is known of the same game."""
    known, lines = best_known([run for run in runs if run.proven]), []
    for run in runs:
        best = known.get(run.instance)
        if run.claim is not None and best is not None and abs(run.claim - best) > AGREE * max(1.0, abs(best)):
            says = "proves" if run.proven else "claims"
            game = f"{run.instance.family} {run.instance.size} seed {run.instance.seed}"
            lines.append(f"{game}: {run.method} {says} {run.claim:.8g}, the optimum is {best:.8g}")
    return lines


def is_right(run: Run, known: dict[Instance, float]) -> bool:
    """Tell whether a method closed its gap at the best objective known."""
    best = known.get(run.instance)
    return run.claim is not None and best is not None and abs(run.claim - best) <= AGREE * max(1.0, abs(best))


def shifted_mean(seconds: list[float]) -> float:
    """Return the shifted geometric mean ``exp(mean log(t + s)) - s``."""
    return float(np.exp(np.mean(np.log(np.array(seconds) + SHIFT_S))) - SHIFT_S)


def distance(objective: float | None, best: float) -> float:
    """Return the relative distance of an incumbent to the best objective known, infinite without an incumbent."""
    return np.inf if objective is None else abs(best - objective) / max(1.0, abs(best))
