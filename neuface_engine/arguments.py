"""Arguments of the public functions that are of another kind than asked: one line that says what to give."""

from __future__ import annotations

import os
from typing import Any


def expect(value: Any, kinds: type | tuple[type, ...], name: str, remedy: str) -> None:
    """Raises TypeError, naming the argument, what it is and what to give, where `value` is none of `kinds`."""
    if not isinstance(value, kinds):
        raise TypeError(f"{name} is {_kind(value)}; give {remedy}")


def expect_path(value: Any, name: str, remedy: str) -> None:
    """`expect` for the path of a file or folder."""
    expect(value, (str, os.PathLike), name, remedy)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, (str, int, float)):
        return f"{type(value).__name__} {value!r}"
    return f"of type {type(value).__name__}"
