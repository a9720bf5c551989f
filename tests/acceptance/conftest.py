"""The list of refused cases at the end of a run: what is not solved is not hidden."""

from __future__ import annotations

import pytest

_REFUSED = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(_REFUSED, {})


@pytest.fixture
def refused(request: pytest.FixtureRequest) -> dict[str, str]:
    """Cases refused in this run, with the message; printed at its end."""
    return request.config.stash.setdefault(_REFUSED, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(_REFUSED, {})
    if not found:
        return
    terminalreporter.section(f"{len(found)} external cases refused, each as the tests expect")
    for name in sorted(found):
        terminalreporter.line(f"{name}: {found[name]}")
