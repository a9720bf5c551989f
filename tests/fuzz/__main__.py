"""Read mutated files: ``python -m tests.fuzz --count 10000``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.fuzz.reading import fuzz

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


def main() -> None:
    """Read as many files as asked for, and say how that ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="files to read")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other files")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    ends = fuzz(folder, arguments.count, arguments.seed, CASES if CASES.is_dir() else None)
    print(f"{arguments.count} files: " + ", ".join(f"{count} {end}" for end, count in sorted(ends.items())))


if __name__ == "__main__":
    main()
