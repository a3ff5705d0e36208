"""What a file is that was taken for a model: the leavings of downloads that did not give the file itself."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

LARGE, MAX_RATIO = 2**31, 50
"""Bytes that an archive may always unfold to, and how many times its own size beyond them."""
HEAD = 512
"""So many bytes say what it is."""
NAMED, LONGEST_NAME = 3, 120
MAX_BOXES = 64
"""Looked at in an mp4, which has about five at the top."""


def mistaken(path: Path) -> str | None:
    """What the file is and what to do about it, where no model could begin with these bytes; None for all others.

    A web page is what a download leaves that asks to sign in or to confirm; a pointer of git-lfs, a clone without it.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "is empty; its download did not finish"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return (
            "is a web page, saved by a download that asks to sign in or to confirm; download it in a browser"
        )
    if head.startswith(b"version https://git-lfs"):
        return "is git-lfs's pointer to the file; run `git lfs pull` in its repository, or download the file itself"
    if head[257:262] == b"ustar" or head.startswith((b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")):
        return "is a packed archive; unpack it and give the file in it"
    return None


def unfolds(path: Path) -> str | None:
    """Of an npz whose arrays would fill the memory, packed to next to nothing: what is wrong; None for all others."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except Exception:  # a damaged directory; whoever reads the archive says so
        return None
    if size <= max(LARGE, MAX_RATIO * path.stat().st_size):
        return None
    return f"would unfold to {size >> 30} GB; such a file is damaged, or made to fill the memory"


def lacks_index(path: Path) -> bool:
    """Whether an mp4 or mov ends before its index (the box `moov`), as when recording or copying it was broken off."""
    boxes: set[bytes] = set()
    with path.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        place = 0
        for _ in range(MAX_BOXES):
            stream.seek(place)
            start = stream.read(8)
            if len(start) < 8:
                break
            length, kind = struct.unpack(">I4s", start)
            boxes.add(kind)
            if length == 1:  # the length stands behind, in eight bytes
                length = int.from_bytes(stream.read(8), "big")
            place += length if length >= 8 else size
    return b"ftyp" in boxes and b"moov" not in boxes


def members_of(path: Path, suffixes: tuple[str, ...]) -> str | None:
    """Of a zip archive without any file of `suffixes`: what is in it and what to do; None for those with one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except Exception:  # a damaged directory; whoever reads the archive says so
        return None
    if any(name.endswith(suffixes) for name in names):
        return None
    shown = [name for name in names if name.isprintable() and len(name) <= LONGEST_NAME][:NAMED]
    rest = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"is a zip archive of {', '.join(shown) or 'nothing'}{rest}; unpack it and give the file in it"
