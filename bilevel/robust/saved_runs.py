"""Where a run stands, in one file that is written whole or not at all, and read with suspicion.

The file is JSON: a digest over its content tells a damaged one, fingerprints of the compiled game and of nature's set
one that belongs to another game.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bilevel.errors import SavedRunError
from bilevel.robust.iterations import Iteration
from reformulations.programs import Floats

FORMAT = "bilevel-compiler column-and-constraint generation 2"


@dataclass(frozen=True, slots=True, eq=False)
class Belongs:
    """What a run belongs to: fingerprints of game and set, and whether ``"scenarios"`` or ``"prices"`` are stored."""

    game: str
    nature: str
    stored: str

    def content(self) -> dict[str, str]:
        """Return it as it is written."""
        return {"game": self.game, "set": self.nature, "stored": self.stored}

    def differs(self, content: Any) -> str | None:
        """Say in which way what was written is of another game, None where it is of this one."""
        found = content if isinstance(content, dict) else {}
        if found.get("stored") != self.stored:
            return f"it keeps {found.get('stored')}, this run {self.stored}; give the same CCG(stored=...)"
        places = (("game", self.game, "the model or CCG(penalty=...)"), ("set", self.nature, "nature's set"))
        changed = " and ".join(what for key, own, what in places if found.get(key) != own)
        return f"{changed} differs; give what it began with" if changed else None


@dataclass(frozen=True, slots=True, eq=False)
class SavedPlan:
    """The best plan: ``mpec_point`` in the MPEC of the master with ``stored`` scenarios, and nature's answer to it."""

    mpec_point: Floats
    stored: int
    scenario: Floats
    value: float
    bound: float
    response: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SavedRun:
    """A run after one of its rounds: everything that the next round depends on.

    ``first`` counts the scenarios that were stored before the first round; ``lower`` and ``upper`` bound the minimised
    optimum; ``seconds`` is the time used so far.
    """

    scenarios: tuple[Floats, ...]
    first: int
    lower: float
    upper: float
    seconds: float
    rounds: tuple[Iteration, ...]
    plan: SavedPlan | None


def write_run(path: Path, run: SavedRun, belongs: Belongs, options: str) -> None:
    """Write ``run`` to ``path`` in one step: whoever reads meets the former file or this one, whole.

    Raises
    ------
    SavedRunError
        When the file cannot be written.
    """
    content = {
        "format": FORMAT,
        "belongs": belongs.content(),
        "options": options,
        "scenarios": [_numbers(u) for u in run.scenarios],
        "first": run.first,
        "lower": _number(run.lower),
        "upper": _number(run.upper),
        "seconds": run.seconds,
        "rounds": [[_number(r.lower), _number(r.upper), _numbers(r.scenario), r.seconds, r.kind] for r in run.rounds],
        "plan": None if run.plan is None else _plan(run.plan),
    }
    text = json.dumps({"digest": _digest(content), "content": content}, allow_nan=False)
    try:
        _replace(path, text)
    except OSError as reason:
        raise SavedRunError(f"{path}: the run cannot be saved there ({reason.strerror})") from reason


def read_run(path: Path, belongs: Belongs) -> SavedRun:
    """Read a run that belongs to this game.

    Raises
    ------
    SavedRunError
        When the file is missing, damaged, of another kind, or of another game.
    """
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise SavedRunError(f"{path}: no saved run can be read there ({reason.strerror})") from reason
    except ValueError as reason:
        raise SavedRunError(f"{path}: it is damaged or no saved run; start again without resume") from reason
    if not isinstance(whole, dict) or not isinstance(whole.get("content"), dict):
        raise SavedRunError(f"{path}: it is no saved run; give the file of bl.CCG(save=...)")
    content = whole["content"]
    if whole.get("digest") != _digest(content):
        raise SavedRunError(f"{path}: it is damaged, its digest does not fit; start again without resume")
    if content.get("format") != FORMAT:
        raise SavedRunError(f"{path}: it was saved as {content.get('format')!r}, this version reads {FORMAT!r}")
    other = belongs.differs(content.get("belongs"))
    if other is not None:
        raise SavedRunError(f"{path}: it was saved for another game: {other}")
    try:
        return _run(content)
    except KeyError as reason:
        raise SavedRunError(f"{path}: it is damaged, {reason} is missing; start again without resume") from reason
    except (TypeError, ValueError) as reason:
        raise SavedRunError(f"{path}: it is damaged, {reason}; start again without resume") from reason


def _run(content: dict[str, Any]) -> SavedRun:
    plan = content["plan"]
    return SavedRun(
        scenarios=tuple(np.array(u, np.float64) for u in content["scenarios"]),
        first=int(content["first"]),
        lower=-np.inf if content["lower"] is None else float(content["lower"]),
        upper=np.inf if content["upper"] is None else float(content["upper"]),
        seconds=float(content["seconds"]),
        rounds=tuple(
            Iteration(
                -np.inf if lower is None else lower,
                np.inf if upper is None else upper,
                np.array(scenario, np.float64),
                seconds,
                kind,
            )
            for lower, upper, scenario, seconds, kind in content["rounds"]
        ),
        plan=None
        if plan is None
        else SavedPlan(
            mpec_point=np.array(plan["mpec_point"], np.float64),
            stored=int(plan["stored"]),
            scenario=np.array(plan["scenario"], np.float64),
            value=float(plan["value"]),
            bound=float(plan["bound"]),
            response=np.array(plan["response"], np.float64),
        ),
    )


def _plan(plan: SavedPlan) -> dict[str, Any]:
    return {
        "mpec_point": _numbers(plan.mpec_point),
        "stored": plan.stored,
        "scenario": _numbers(plan.scenario),
        "value": plan.value,
        "bound": plan.bound,
        "response": _numbers(plan.response),
    }


def _numbers(values: Floats) -> list[float]:
    # Python writes the shortest text that reads back as the same double
    return [float(value) for value in values]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
