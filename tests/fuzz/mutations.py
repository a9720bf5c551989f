"""Files with small mistakes in them, as editors, scripts and disks make them."""

from __future__ import annotations

import random
from collections.abc import Callable

WORDS = (
    b"nan", b"inf", b"-1e400", b"1e30", b"-0", b"1_0", b"99999999999999999999", b"-1", b"0x1", b"'MARKER'", b"UP",
    b"BV", b"RANGES", b"ENDATA", b"LC", b"IB", b"OS", b"@VARSBEGIN", b"null", b"true", b"[[[", b"}",
    b"__import__('os')", b"\xff\xfe", b"\x00", "é\u2028".encode(), b"x" * 300,
)  # fmt: skip


def _byte(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + bytes([chance.randrange(256)]) + data[at + chance.randrange(2) :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _hole(data: bytes, chance: random.Random) -> bytes:
    begin = chance.randrange(len(data) + 1)
    return data[:begin] + data[begin + chance.randrange(40) :]


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    what = chance.choice(("drop", "again", "swap"))
    if what == "drop":
        del lines[at]
    elif what == "again":
        lines.insert(other, lines[at])
    else:
        lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


def _word(data: bytes, chance: random.Random) -> bytes:
    words = data.split(b" ")
    at = chance.randrange(len(words))
    words[at] = chance.choice((*WORDS, words[chance.randrange(len(words))]))
    return b" ".join(words)


_KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_byte, _cut, _hole, _lines, _word, _word)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the data with one to three mistakes."""
    for _ in range(chance.randrange(1, 4)):
        data = chance.choice(_KINDS)(data, chance)
    return data
