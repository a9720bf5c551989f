"""Parts of a JSON file, with errors that name their line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import JSONDecoder
from pathlib import Path
from typing import Any

from bilevel.errors import InvalidFile
from bilevel.io.lines import read_text

_BLANKS = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a JSON file: its value, and the keys and places by which it is reached."""

    path: str | Path
    text: str
    value: Any
    keys: tuple[str | int, ...] = ()

    @classmethod
    def of(cls, path: str | Path) -> Item:
        """Return the whole of a file.

        Raises
        ------
        InvalidFile
            When it is missing or no JSON, with the line.
        """
        text = read_text(path)
        try:
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
        except json.JSONDecodeError as reason:
            raise InvalidFile(path, reason.lineno, f"it is no JSON: {reason.msg}") from None
        except (ValueError, RecursionError) as reason:
            raise InvalidFile(path, None, f"it is no JSON: {reason}") from None
        return cls(path, text, value)

    def error(self, what: str) -> InvalidFile:
        """Return an error of this part, with the line in which it begins."""
        where = ".".join(map(str, self.keys))
        return InvalidFile(self.path, _line(self.text, self.keys), f"{where}: {what}" if where else what)

    def __getitem__(self, key: str) -> Item:
        if not isinstance(self.value, dict):
            raise self.error("expected an object in braces")
        if key not in self.value:
            raise self.error(f"{key!r} is missing")
        return Item(self.path, self.text, self.value[key], (*self.keys, key))

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def entries(self) -> Iterator[Item]:
        """Yield the entries of a list.

        Raises
        ------
        InvalidFile
            When it is none.
        """
        if not isinstance(self.value, list):
            raise self.error("expected a list in brackets")
        for place, value in enumerate(self.value):
            yield Item(self.path, self.text, value, (*self.keys, place))

    def members(self) -> Iterator[tuple[str, Item]]:
        """Yield the members of an object.

        Raises
        ------
        InvalidFile
            When it is none.
        """
        if not isinstance(self.value, dict):
            raise self.error("expected an object in braces")
        for key in self.value:
            yield key, self[key]

    def string(self, *choices: str) -> str:
        """Return a text that is not empty, one of ``choices`` where there are any.

        Raises
        ------
        InvalidFile
            When it is another one.
        """
        if not isinstance(self.value, str) or not self.value or (choices and self.value not in choices):
            expected = f"one of {', '.join(choices)}" if choices else "a text that is not empty"
            raise self.error(f"expected {expected}, found {self.value!r:.40}")
        return self.value

    def number(self) -> float:
        """Return a finite number.

        Raises
        ------
        InvalidFile
            When it is none.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.error(f"expected a number, found {self.value!r:.40}")
        try:
            value = float(self.value)
        except OverflowError:
            value = math.inf
        if math.isinf(value):
            raise self.error("the number is too large")
        return value

    def number_or(self, absent: float) -> float:
        """Return a finite number, ``absent`` for null."""
        return absent if self.value is None else self.number()


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r:.40} stands twice in an object")
    return found


def _line(text: str, keys: tuple[str | int, ...]) -> int:
    """Return the line in which the value begins that ``keys`` lead to."""
    decoder = JSONDecoder()
    at = _next(text, 0)
    for key in keys:
        place = 0
        while True:
            at = _next(text, at + 1)
            name: str | int = place
            if isinstance(key, str):
                name, at = decoder.raw_decode(text, at)
                at = _next(text, _next(text, at) + 1)
            if name == key:
                break
            _, end = decoder.raw_decode(text, at)
            at, place = _next(text, end), place + 1
    return text.count("\n", 0, at) + 1


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at
