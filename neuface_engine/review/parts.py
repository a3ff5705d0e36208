"""Long lists a part at a time: neither memory nor a database takes everything at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def parts(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """`rows` in lists of `size`, the last one shorter; nothing of no rows."""
    rest = iter(rows)
    while part := list(islice(rest, size)):
        yield part
