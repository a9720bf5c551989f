"""What all tests share: the hypothesis profiles and the folder of the external cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Examples are the same in every run and nothing depends on the speed of the machine.
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("ci"), max_examples=10_000)
settings.load_profile("ci")  # `--hypothesis-profile=long` overrides it


@pytest.fixture(scope="session")
def cases_folder() -> Path:
    """The folder of problems that nobody here wrote, beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip(f"shared cases not found at {folder}")
    return folder
