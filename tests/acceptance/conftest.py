"""The list of cases that a single method refuses, at the end of a run: what is refused is not hidden."""

from __future__ import annotations

import pytest

_UNBOUNDED = pytest.StashKey[dict[str, str]]()
_TITLES = {
    _UNBOUNDED: "external cases without derived bounds: refused by bl.KKT(), solved without big-M by default",
}


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
