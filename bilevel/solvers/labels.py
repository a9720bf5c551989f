"""Names of columns and rows as the file formats allow them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LP_WORD = re.compile(
    r"free|inf(inity)?|st|s\.t\.|such|that|subject|to|min|max|m(in|ax)imi[sz]e|m(in|ax)imum|bounds?|bin|binar(y|ies)"
    r"|gen|generals?|int|integers?|semi|sec|sos[12]?|end",
    re.IGNORECASE,
)


def labels(names: Iterable[str], ending: str) -> Iterator[str]:
    """Yield a label for each name that the format ``ending`` (``".mps"``, ``".lp"``) can hold, each once.

    MPS separates by blanks; LP has more reserved characters, among them brackets, which become
    parentheses. A label that occurs again gets its position appended.
    """
    seen: set[str] = set()
    for position, name in enumerate(names):
        label = _lp_label(name) if ending == ".lp" else re.sub(r"\s+", "_", name)
        label = f"{label}#{position}" if label in seen or not label else label
        seen.add(label)
        yield label


def _lp_label(name: str) -> str:
    label = re.sub(r"[^\w.,(){}#@$%&!?;~]", "_", name.replace("[", "(").replace("]", ")"), flags=re.ASCII)
    return f"_{label}" if label[:1].isdigit() or _LP_WORD.fullmatch(label) else label
