"""The command line: ``python -m bilevel``."""

from __future__ import annotations

from bilevel.command_line.app import main

if __name__ == "__main__":
    main()
