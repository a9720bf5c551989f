"""A robust retailer of charging energy: day-ahead purchase, retail prices, storage, uncertain types of vehicles."""

from __future__ import annotations
