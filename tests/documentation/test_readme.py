"""The README shows one short game, its answer, its certificate and a figure."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
FIRST_BYTES_OF_PNG = b"\x89PNG\r\n\x1a\n"


def test_the_game_has_fewer_than_15_lines() -> None:
    first = re.search(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert first is not None
    assert len([line for line in first[1].splitlines() if line.strip()]) < 15
    assert "certificate holds" in README.read_text()


def test_figures_and_links_lead_to_files() -> None:
    text = README.read_text()
    figures = re.findall(r"!\[.+?\]\((.+?)\)", text)
    assert figures
    assert all((README.parent / figure).read_bytes().startswith(FIRST_BYTES_OF_PNG) for figure in figures)
    links = [link for link in re.findall(r"(?<!!)\[.+?\]\((.+?)\)", text) if "://" not in link]
    assert [link for link in links if not (README.parent / link).exists()] == []
