"""The reference has every public name, and the page on reformulations names what it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bilevel as bl
from bilevel import errors

DOCS = Path(__file__).parents[2] / "docs"


def listed() -> set[str]:
    text = (DOCS / "reference.md").read_text()
    names = re.findall(r"^\.\. auto\w+:: ([\w.]+)$", text, re.MULTILINE)
    return {name.rpartition(".")[2] for name in names}


@pytest.mark.parametrize("name", bl.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    of_errors = hasattr(errors, name) and "errors" in listed()
    assert name in listed() or of_errors, f"docs/reference.md has no {name}"


@pytest.mark.parametrize("name", bl.__all__)
def test_every_public_name_says_what_it_is(name: str) -> None:
    said = getattr(bl, name).__doc__
    assert said, f"bilevel.{name} has no docstring"
    assert said.strip().splitlines()[0].rstrip().endswith((".", ":")), f"bilevel.{name}: the first line is no sentence"


def test_the_page_on_reformulations_names_files_that_exist() -> None:
    page = (DOCS / "adding-a-reformulation.md").read_text()
    files = re.findall(r"`((?:reformulations|bilevel|tests)/[\w/]+\.py)`", page)
    assert files
    assert [file for file in files if not (DOCS.parent / file).exists()] == []
