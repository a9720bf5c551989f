"""Standard output kept for results."""

from __future__ import annotations

import os
import sys


def keep_for_results() -> None:
    """Let what commands print be all that standard output gets; the rest of the process prints to standard error.

    HiGHS prints some lines with its log off, and reads no option that would stop it.
    """
    sys.stdout.flush()
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = results
