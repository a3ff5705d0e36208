"""File patterns with named fields, such as `{view}/{frame}.png`: which files of a folder are which view and frame.

A field matches a part of one path component; `{frame}` matches digits. A field that comes twice must have the same
value. `*` matches anything within a component. Nothing outside of the folder is ever looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from neuface_engine.errors import ConfigError, MediaError

VIEW, FRAME = "view", "frame"
_TOKEN = re.compile(r"\{([A-Za-z_]\w*)\}|(\*)")


@dataclass(frozen=True)
class Match:
    """A file, and what the fields of the pattern are in its path."""

    path: Path
    fields: Mapping[str, str]


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sorts view2 before view10."""
    parts = re.split(r"(\d+)", text.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def fields_of(pattern: str) -> tuple[str, ...]:
    """The names of the fields in the order in which they come."""
    return tuple(dict.fromkeys(match[1] for match in _TOKEN.finditer(pattern) if match[1]))


def has_fields(path: str | Path) -> bool:
    """Whether a path is a pattern of one sequence: it has {view} or {frame}."""
    return bool({VIEW, FRAME} & set(fields_of(str(path))))


def split_pattern(path: Path) -> tuple[Path, str]:
    """The folder before the first component with a field, and the pattern below it."""
    parts = path.parts
    first = next(k for k, part in enumerate(parts) if _TOKEN.search(part))
    return Path(*parts[:first]), "/".join(parts[first:])


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """The pattern with some of its fields replaced."""
    return _TOKEN.sub(lambda match: values.get(match[1], match[0]) if match[1] else match[0], pattern)


def find(
    root: Path, pattern: str, *, kinds: Mapping[str, str] | None = None, folders: bool = False
) -> Iterator[Match]:
    """The files (or `folders`) below `root` that match, in natural order; hidden ones are passed over.

    `kinds`: a regular expression for some of the fields. Raises ConfigError for a pattern that leaves the folder and
    MediaError where the folder cannot be read.
    """
    parts = [part for part in pattern.replace("\\", "/").split("/") if part != "."]
    if Path(pattern).is_absolute() or not parts or any(part in ("", "..") for part in parts):
        raise ConfigError(
            f"pattern {pattern!r}: give a path below the folder, such as '{{view}}/{{frame}}.png'"
        )
    kinds = {FRAME: r"\d+", **(kinds or {})}
    yield from _walk(root, parts, {}, kinds, folders)


def _walk(
    folder: Path, parts: list[str], bound: dict[str, str], kinds: Mapping[str, str], folders: bool
) -> Iterator[Match]:
    part, rest = parts[0], parts[1:]
    if not _TOKEN.search(part):
        entry = folder / part
        if rest:
            if entry.is_dir():
                yield from _walk(entry, rest, bound, kinds, folders)
        elif entry.is_dir() if folders else entry.is_file():
            yield Match(entry, bound)
        return
    regex = _regex(part, bound, kinds)
    for name, is_dir in _entries(folder):
        found = regex.fullmatch(name)
        if found is None or is_dir != bool(rest or folders):
            continue
        now = {**bound, **found.groupdict()}
        if rest:
            yield from _walk(folder / name, rest, now, kinds, folders)
        else:
            yield Match(folder / name, now)


def _entries(folder: Path) -> list[tuple[str, bool]]:
    try:
        with os.scandir(folder) as entries:
            listed = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    except PermissionError:
        raise MediaError(f"{folder}: may not be read; give yourself permission to read it") from None
    except OSError as error:
        raise MediaError(f"{folder}: cannot be read ({error.strerror}); check the path") from None
    return sorted(listed, key=lambda entry: natural_key(entry[0]))


def _regex(part: str, bound: Mapping[str, str], kinds: Mapping[str, str]) -> re.Pattern[str]:
    out, end, seen = "", 0, set()
    for token in _TOKEN.finditer(part):
        out += re.escape(part[end : token.start()])
        end = token.end()
        name = token[1]
        if name is None:
            out += ".*"
        elif name in bound:
            out += re.escape(bound[name])
        elif name in seen:
            out += f"(?P={name})"
        else:
            out += f"(?P<{name}>{kinds.get(name, '.+?')})"
            seen.add(name)
    return re.compile(out + re.escape(part[end:]))
