"""What the commands say, as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np

from bilevel.certificate.certify import Certificate
from bilevel.certificate.multiplier_table import MultiplierTable, rows_with_multipliers
from bilevel.command_line.games import NamedGame
from bilevel.io.solution_file import FORMAT
from bilevel.solution import Solution


def text_of(report: Any) -> str:
    """Return strict JSON: what is not finite becomes null, records become objects."""
    return json.dumps(_plain(report), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def solution_report(solution: Solution, named: NamedGame) -> dict[str, Any]:
    """Return what a solve gave, in the format that ``bilevel check`` reads back."""
    return {
        "format": FORMAT,
        "status": solution.status,
        "objective": solution.objective,
        "bound": solution.bound,
        "gap": solution.gap,
        "seconds": solution.seconds,
        "method": solution.method,
        "notes": list(solution.notes),
        "values": values_of(solution, named),
        "multipliers": _multipliers(solution, named),
        "certificate": None if solution.certificate is None else certificate_report(solution.certificate),
    }


def values_of(solution: Solution, named: NamedGame) -> dict[str, float] | None:
    """Return the values by name; None without a point."""
    if solution.values is None:
        return None
    return dict(zip(map(named.name_of, solution.game.variables), solution.values.tolist(), strict=True))


def _multipliers(solution: Solution, named: NamedGame) -> dict[str, dict[str, float]] | None:
    """Return the multipliers of followers' rows and bounds that are not zero."""
    if solution.point is None:
        return None
    game = solution.game
    n, m = len(game.variables), len(game.constraints)
    parts = {"rows": (n, game.constraints), "lower": (n + m, game.variables), "upper": (2 * n + m, game.variables)}
    return {
        kind: {
            named.name_of(data): value
            for data, value in zip(owners, solution.point[first : first + len(owners)].tolist(), strict=True)
            if value
        }
        for kind, (first, owners) in parts.items()
    }


def multiplier_table(solution: Solution, named: NamedGame) -> MultiplierTable:
    """Return the multipliers of the followers' rows, with their ranges, by the names in the file."""
    rows = rows_with_multipliers(solution.game.program, solution.certificate).tolist()
    names = [named.name_of(solution.game.constraints[row]) for row in rows]
    lines = solution.multipliers().lines
    return MultiplierTable(tuple(replace(line, name=name) for line, name in zip(lines, names, strict=True)))


def certificate_report(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate, its verdicts included."""
    return {
        "holds": certificate.holds,
        "proven": certificate.is_proven,
        "failures": list(certificate.failures),
        **{field.name: getattr(certificate, field.name) for field in dataclasses.fields(certificate)},
    }
