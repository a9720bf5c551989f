"""Every code block of README and docs runs, and prints what is written beside it."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
BLOCK = re.compile(r"^```(python|pycon)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_blocks_run_in_order_and_print_what_is_written(page: Path) -> None:
    """A ``python`` block is executed, a ``pycon`` block is a doctest in the same namespace."""
    names: dict[str, object] = {}
    for number, (kind, code) in enumerate(BLOCK.findall(page.read_text()), start=1):
        if kind == "python":
            exec(compile(code, f"{page.name}, block {number}", "exec"), names)
            continue
        example = doctest.DocTestParser().get_doctest(code, names, f"{page.name}, block {number}", None, 0)
        failures: list[str] = []
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=failures.append, clear_globs=False)
        names.update(example.globs)
        assert not failures, "".join(failures)
