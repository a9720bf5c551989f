"""An aggregator of electric vehicles in the peak-regulation market: discounts on charging, subsidies on discharging."""

from __future__ import annotations
