"""The tests; a package, so that `python -m tests` never finds a stray `tests` of another distribution."""
