"""The documentation builds without a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_site_builds_without_warnings_and_has_every_page(tmp_path: Path) -> None:
    build = pytest.importorskip("sphinx.cmd.build", reason="the extra docs is not installed")
    assert build.main(["-q", "-W", "--keep-going", str(DOCS), str(tmp_path)]) == 0
    expected = {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.glob("**/*.md")}
    assert expected <= {page.relative_to(tmp_path) for page in tmp_path.glob("**/*.html")}
