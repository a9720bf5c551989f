"""Every table that ships with a case study, spoilt in every way that tables are: refused by file, row and column."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import models
from models import networks, tables
from models.credit_points import data as credit_data
from models.credit_points.users import read_users
from models.ev_retailer import data as retailer_data
from models.peak_regulation import data as regulation_data
from models.tables import DataError
from models.traffic_stations import data as traffic_data
from models.trilevel_stations import data as trilevel_data
from models.trilevel_stations.voltages import by_table
from models.workplace_charging import data as workplace_data

MODELS = Path(models.__file__).parent


def read_feeder(folder: Path) -> None:
    networks.read_feeder(folder / "ieee33_bus.csv", folder / "ieee33_branch.csv", substation=1, voltage_kv=12.66)


def read_trilevel(folder: Path) -> None:
    for tastes in ("corrected", "printed"):
        trilevel_data.read_instance(folder, tastes=tastes)
    by_table(folder / "voltage_map.csv")


def read_traffic(folder: Path) -> None:
    traffic_data.read_instance(folder, horizon="evening")
    traffic_data.read_instance(folder, horizon="day")


READERS: dict[str, Callable[[Path], object]] = {
    "data": read_feeder,
    "credit_points/data": lambda folder: read_users(credit_data.read_instance(folder).feeder, folder),
    "ev_retailer/data": retailer_data.read_instance,
    "peak_regulation/data": regulation_data.read_instance,
    "traffic_stations/data": read_traffic,
    "trilevel_stations/data": read_trilevel,
    "workplace_charging/data": workplace_data.read_instance,
}
TABLES = sorted(path.relative_to(MODELS).as_posix() for path in MODELS.rglob("data/*.csv"))


@pytest.fixture(params=TABLES)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Callable[[Path], object]]:
    """A table in a copy of its folder, and what reads the folder; every folder with tables has a reader here."""
    folder, name = request.param.rsplit("/", 1)
    return Path(shutil.copytree(MODELS / folder, tmp_path / "data")) / name, READERS[folder]


def refusal(path: Path, content: bytes, read: Callable[[Path], object]) -> str:
    """Write ``content``, read the folder, put the table back, and return what was said."""
    before = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        read(path.parent)
    path.write_bytes(before)
    return str(refused.value)


def joined(rows: list[list[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def test_tables_without_a_column_or_with_a_cell_that_is_no_number_are_refused_where_that_is(
    shipped: tuple[Path, Callable[[Path], object]],
) -> None:
    """Each column in turn loses its name, and holds an infinity, a word, or nothing in the last row."""
    path, read = shipped
    read(path.parent)
    header, *rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    for at, column in enumerate(header):
        renamed = [*header[:at], "something", *header[at + 1 :]]
        assert refusal(path, joined([renamed, *rows]), read).startswith(f"{path.name}: column {column} is missing")
        for cell in ("inf", "nan", "much", ""):
            spoilt = [*rows[-1][:at], cell, *rows[-1][at + 1 :]]
            said = refusal(path, joined([header, *rows[:-1], spoilt]), read)
            assert said.startswith(f"{path.name}, row {len(rows) + 1}, column {column}: "), said


def test_tables_that_are_empty_torn_repeated_or_in_another_encoding_are_refused_by_file_and_row(
    shipped: tuple[Path, Callable[[Path], object]],
) -> None:
    path, read = shipped
    content = path.read_bytes()
    header, *rows = content.splitlines(keepends=True)
    last = len(rows) + 2
    assert refusal(path, b"", read).startswith(f"{path.name}: the file is empty")
    assert refusal(path, header, read) == f"{path.name}: there is no row below the headers"
    assert f"{path.name}, row 3: 0 cells below" in refusal(path, b"".join([header, rows[0], b"\n", *rows[1:]]), read)
    assert f"{path.name}, row {last}: 1 cells below" in refusal(path, content + b"1\n", read)
    assert f"{path.name}, row 2, byte 2: 0xe9 is not UTF-8" in refusal(path, header + b"1\xe9,", read)
    assert f"{path.name}, row 1, byte 1" in refusal(path, content.decode().encode("utf-16"), read)
    twice = refusal(path, content + rows[-1], read)
    assert twice.startswith(f"{path.name}, row {last}, column "), twice


def test_tables_as_spreadsheets_save_them_are_read(tmp_path: Path) -> None:
    """A mark before the headers, carriage returns, and empty lines at the end."""
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbfhour,price\r\n0,1.5\r\n\r\n\r\n")
    assert tables.read_table(path, {"hour": tables.Kind.WHOLE, "price": tables.Kind.POSITIVE}) == {
        "hour": [0.0],
        "price": [1.5],
    }


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("hour,price,hour\n0,1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="row 1, column hour: there are two columns of that name"):
        tables.read_table(path, {"hour": tables.Kind.WHOLE})
