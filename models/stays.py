"""When vehicles are at the plug, and whether the energy that they need can be had there."""

from __future__ import annotations

from models.tables import DataError

DAY = 24


def stay_hours(where: str, arrival: float, departure: float) -> tuple[int, ...]:
    """Return the hours of the day from arrival to departure, past midnight where the departure is above 24.

    ``where`` names file and row in the error.

    Raises
    ------
    DataError
        When the stay has no hour, or more than a day.
    """
    if not 0 < departure - arrival <= DAY:
        raise DataError(f"{where}, column departure_hour: a stay lasts 1 to 24 hours, not {departure - arrival:g}")
    return tuple(hour % DAY for hour in range(int(arrival), int(departure)))


def check_energy(where: str, brought: float, needed: float, limits: tuple[float, float], reach: float) -> None:
    """Refuse energy outside the battery's ``limits``, and need above what was brought by more than ``reach``, in kWh.

    Raises
    ------
    DataError
        For either.
    """
    least, most = limits
    for column, energy in (("arrival_energy_kwh", brought), ("departure_energy_kwh", needed)):
        if not least <= energy <= most:
            raise DataError(f"{where}, column {column}: {energy:g} is not between {least:g} and {most:g}")
    if needed - brought > reach:
        raise DataError(f"{where}, column departure_energy_kwh: only {reach:g} kWh can be charged")
