from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARD_LIMIT = 400


@pytest.mark.parametrize("package", ["bilevel", "reformulations", "models", "tests"])
def test_no_file_is_longer_than_the_hard_limit(package: str) -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in (ROOT / package).rglob("*.py")}
    assert lengths, f"{package} holds no Python files"
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > HARD_LIMIT} == {}
