"""Which release of FLAME a file is: by its published sha256, else by the names it is distributed under.

The bases of the releases are not interchangeable: coefficients of one mean another face in the next. FLAME itself
writes no version into its files, so a file of unknown name and hash is read as "release unknown".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from neuface_engine.errors import ConfigError

RELEASES = ("2017", "2019", "2020", "2023", "2023 Open")
"""2017 was first distributed in 2016; "2023 Open" has the licence CC-BY-4.0."""

KNOWN_FILES = {
    "efcd14cc4a69f3a3d9af8ded80146b5b6b50df3bd74cf69108213b144eba725b": ("2020", "generic"),
}
"""sha256 -> release and who is modelled; published hashes alone."""

_BY_FILE = (
    (r"flame[_-]?2023[_-]?open", "2023 Open"),
    (r"flame[_-]?2023", "2023"),
    (r"flame[_-]?2020", "2020"),
    (r"flame[_-]?2019", "2019"),
    (r"flame[_-]?201[67]", "2017"),
)
_GENDER = {"female": "female", "male": "male"}


@dataclass(frozen=True)
class Release:
    """name: one of RELEASES, or None where unknown; certain: by hash or by declaration, not by a name alone;
    how: in words."""

    name: str | None
    certain: bool
    how: str
    gender: str = "generic"


def declared(name: str) -> Release:
    """The release that a user says. Raises ConfigError for one that there is not."""
    wanted = re.sub(r"[\s_-]+", "", name.lower().removeprefix("flame"))
    wanted = "2017" if wanted == "2016" else wanted
    for release in RELEASES:
        if re.sub(r"\s+", "", release.lower()) == wanted:
            return Release(release, True, "as given")
    raise ConfigError(f"there is no FLAME {name!r}; give one of {', '.join(RELEASES)}")


def recognise(path: Path, *, hashed: bool = True) -> Release:
    """Of a model file. `hashed` False spares reading the whole file."""
    gender = next(
        (g for word, g in _GENDER.items() if re.search(rf"(?:^|[^a-z]){word}", path.stem.lower())), "generic"
    )
    if hashed:
        known = KNOWN_FILES.get(file_sha256(path))
        if known:
            return Release(known[0], True, "known file (sha256)", known[1])
    for place, name in (("file", path.stem), ("folder", path.parent.name)):
        for pattern, release in _BY_FILE:
            if re.search(pattern, name.lower()):
                return Release(release, False, f"by the name of the {place}", gender)
    return Release(None, False, "FLAME layout, release unknown", gender)


def file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
