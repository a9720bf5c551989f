"""The list of refused cases at the end of a run: what is not solved is not hidden."""

from __future__ import annotations

import pytest

_REFUSED = pytest.StashKey[dict[str, str]]()
_UNBOUNDED = pytest.StashKey[dict[str, str]]()
_TITLES = {
    _REFUSED: "external cases refused, each as the tests expect",
    _UNBOUNDED: "external cases without derived bounds: refused by bl.KKT(), solved without big-M by default",
}


@pytest.fixture
def refused(request: pytest.FixtureRequest) -> dict[str, str]:
    """Cases refused in this run, with the message; printed at its end."""
    return request.config.stash.setdefault(_REFUSED, {})


@pytest.fixture
def unbounded(request: pytest.FixtureRequest) -> dict[str, str]:
    """Cases for which no bound could be derived in this run, with the message; printed at its end."""
    return request.config.stash.setdefault(_UNBOUNDED, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for key, title in _TITLES.items():
        found = config.stash.get(key, {})
        if found:
            terminalreporter.section(f"{len(found)} {title}")
        for name in sorted(found):
            terminalreporter.line(f"{name}: {found[name]}")
