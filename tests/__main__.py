"""Run every check of the repository: format, lint, types, import contracts, tests with doctests.

All run, even after one has failed; the exit code is 1 if any failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
STATIC_CHECKS = {
    "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "lint": [PYTHON, "-m", "ruff", "check", "."],
    "types": [PYTHON, "-m", "mypy"],
    "imports": [str(Path(PYTHON).with_name("lint-imports"))],
}
LONG = ["-m", "", "--hypothesis-profile=long"]
WORKERS = ["-n", "2"]


def static_check_passes(name: str) -> bool:
    """Run one check and print one line, followed by its output if it failed."""
    start = time.perf_counter()
    run = subprocess.run(STATIC_CHECKS[name], cwd=ROOT, capture_output=True, text=True, check=False)
    verdict = "FAILED" if run.returncode else "passed"
    print(f"{name:8} {verdict} in {time.perf_counter() - start:.1f} s", flush=True)
    if run.returncode:
        print(run.stdout + run.stderr, flush=True)
    return run.returncode == 0


def tests_pass(selection: list[str]) -> bool:
    """Run pytest in the open: its own last line is the summary of this step."""
    return subprocess.run([PYTHON, "-m", "pytest", *WORKERS, *selection], cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Run all checks and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--long", action="store_true", help="also the tests marked long; 10 000 examples a property")
    arguments = parser.parse_args()
    failed = [name for name in STATIC_CHECKS if not static_check_passes(name)]
    if not tests_pass(LONG if arguments.long else []):
        failed.append("tests")
    if failed:
        print("FAILED:", ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
