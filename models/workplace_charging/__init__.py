"""Prices of charging at work, where owners may charge at home instead: the shortest case study, to be copied."""

from __future__ import annotations
