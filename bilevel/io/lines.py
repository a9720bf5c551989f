"""The lines of a text file, with errors that name them."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path

from bilevel.errors import InvalidFile

INFINITE = 1e20
"""Numbers from here on are infinite in files."""

_MOST_DIGITS = 18


def require_place(path: str | Path) -> None:
    """Refuse a path at which no file can be written.

    Raises
    ------
    InvalidFile
        When its folder is missing, or it is a folder itself.
    """
    place = Path(path)
    if place.is_dir():
        raise InvalidFile(path, None, "it is a folder")
    if not place.parent.is_dir():
        raise InvalidFile(path, None, f"there is no folder {place.parent}")


def read_text(path: str | Path) -> str:
    """Return the text of a file, unpacked where it ends in ``.gz``.

    Raises
    ------
    InvalidFile
        When it is missing, cannot be read, or is not UTF-8.
    """
    place = Path(path)
    if not place.is_file():
        raise InvalidFile(path, None, "it is a folder" if place.is_dir() else "there is no such file")
    try:
        data = gzip.decompress(place.read_bytes()) if place.suffix == ".gz" else place.read_bytes()
    except (OSError, EOFError, zlib.error) as reason:
        raise InvalidFile(path, None, f"it cannot be read ({reason})") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as reason:
        line = data.count(b"\n", 0, reason.start) + 1
        raise InvalidFile(path, line, f"byte {data[reason.start]:#04x} is not UTF-8; save the file as UTF-8") from None


class Lines:
    """The lines of a file that say something, as words; makes the errors that name the current one.

    Parameters
    ----------
    path
        The file.
    comments
        What begins a line of comment.
    """

    def __init__(self, path: str | Path, comments: tuple[str, ...] = ("*",)) -> None:
        self._path, self._comments = path, comments
        self._lines = read_text(path).split("\n")
        self.number = 0
        self.at_margin = False

    def __iter__(self) -> Iterator[list[str]]:
        for number, line in enumerate(self._lines, start=1):
            self.number = number
            words = line.split()
            if words and not line.lstrip().startswith(self._comments):
                self.at_margin = not line[0].isspace()
                yield words

    def error(self, what: str, line: int | None = None) -> InvalidFile:
        """Return an error of the current line, or of another one."""
        return InvalidFile(self._path, self.number if line is None else line, what)

    def error_of_file(self, what: str) -> InvalidFile:
        """Return an error of the file as a whole."""
        return InvalidFile(self._path, None, what)

    def whole(self, text: str) -> int:
        """Return a whole number."""
        if not text.lstrip("+-").isdecimal() or not text.isascii() or len(text) > _MOST_DIGITS:
            raise self.error(f"{text!r} is not a whole number")
        try:
            return int(text)
        except ValueError:
            raise self.error(f"{text!r} is not a whole number") from None

    def number_or_infinity(self, text: str) -> float:
        """Return a number, infinite from 1e20 on."""
        try:
            value = math.nan if "_" in text else float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value):
            raise self.error(f"{text!r} is not a number")
        return math.copysign(math.inf, value) if abs(value) >= INFINITE else value

    def finite(self, text: str) -> float:
        """Return a number less than 1e20."""
        value = self.number_or_infinity(text)
        if math.isinf(value):
            raise self.error(f"{text!r} is as good as infinite; a finite number is needed here")
        return value
