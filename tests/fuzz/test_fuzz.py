"""Files with mistakes in them end in a game or in an error that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bilevel.io import read_model
from tests.fuzz.reading import fuzz
from tests.fuzz.seeds import seeds


def test_games_without_mistakes_are_read(tmp_path: Path) -> None:
    for game in seeds(None, 0):
        for name, data in game.items():
            (tmp_path / name).write_bytes(data)
        read_model(tmp_path / next(name for name in game if not name.endswith(".aux")))


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    ends = fuzz(tmp_path, 300)
    assert ends["read"] > 0
    assert ends["refused with a line"] > ends["refused"] > 0


@pytest.mark.long
def test_ten_thousand_mutated_files_are_read_or_refused(tmp_path: Path, cases_folder: Path) -> None:
    assert sum(fuzz(tmp_path, 10_000, seed=1, cases=cases_folder).values()) == 10_000
