"""What the user calls the runs on a sequence, kept beside them for the next start."""

from __future__ import annotations

import json
from pathlib import Path

from neuface_engine.errors import ProjectError
from neuface_engine.files import written_whole

FILE = "names.json"


def remember(folder: Path, titles: dict[str, str]) -> None:
    """Write down the titles, by run. Raises ProjectError."""
    text = json.dumps({"version": 1, "titles": titles}, ensure_ascii=False, indent=1)
    with written_whole(folder / FILE, ProjectError) as stream:
        stream.write(f"{text}\n".encode())


def recall(folder: Path) -> dict[str, str]:
    """The titles; none where nothing is known."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        titles = content["titles"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {run: title for run, title in titles if isinstance(title, str) and title.strip()}
