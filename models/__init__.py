"""Case studies: games declared in the language of :mod:`bilevel`, with their data."""

from __future__ import annotations
