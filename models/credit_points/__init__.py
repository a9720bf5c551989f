"""Aggregators of electric vehicles on a distribution network, and credit points for their users."""

from __future__ import annotations
