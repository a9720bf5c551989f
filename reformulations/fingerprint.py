"""A fingerprint of programs and sets: the same numbers give the same text, whatever they are called."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import Names


def fingerprint(*things: object) -> str:
    """Return 64 hexadecimal digits (SHA-256) of dataclasses, arrays, matrices, numbers and tuples of them.

    Two programs have the same fingerprint when types, shapes and numbers agree bit by bit. Names of columns and rows
    do not count.

    Raises
    ------
    TypeError
        For something else than the above.
    """
    digest = hashlib.sha256()
    for part in _parts(things):
        digest.update(part)
    return digest.hexdigest()


def _parts(thing: object) -> list[bytes]:
    if isinstance(thing, Names):
        return []
    if isinstance(thing, sparse.csr_array):
        entries = thing.tocoo(copy=True)
        entries.sum_duplicates()
        return _parts((entries.shape, *entries.coords, entries.data))
    if isinstance(thing, np.ndarray):
        kind = "f8" if thing.dtype.kind == "f" else "i8"
        return [f"{thing.dtype.kind}{thing.shape}".encode(), np.ascontiguousarray(thing, dtype=f"<{kind}").tobytes()]
    if is_dataclass(thing):
        inside = [part for item in fields(thing) for part in _parts(getattr(thing, item.name))]
        return [type(thing).__name__.encode(), *inside]
    if isinstance(thing, tuple | list):
        return [f"{len(thing)} of".encode(), *(part for member in thing for part in _parts(member))]
    if thing is None or isinstance(thing, str | bool | int | float | np.generic):
        return [repr(thing).encode(), b";"]
    raise TypeError(f"{type(thing).__name__} has no fingerprint")
