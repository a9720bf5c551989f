from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def readme_commands() -> list[str]:
    """The lines of the shell blocks of the README."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_readme_holds_the_main_job_and_the_tests_one_line_each() -> None:
    main_job, tests = readme_commands()
    assert main_job.endswith("python -m models.ev_retailer")
    assert tests.endswith("python -m tests")


def test_continuous_integration_runs_the_second_command_of_the_readme() -> None:
    assert (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1] == readme_commands()[-1]
