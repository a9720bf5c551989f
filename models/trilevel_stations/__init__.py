"""A system operator subsidises charging stations, stations set prices, groups of vehicles choose: three levels."""

from __future__ import annotations
