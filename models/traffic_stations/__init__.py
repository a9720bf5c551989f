"""Charging stations between a distribution network and drivers who choose routes and where to charge."""

from __future__ import annotations
