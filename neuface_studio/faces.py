"""Which of several faces a sequence follows: said in its project's log, and one track and one run for each face.

The choice is a `Repair` event "face" with data {"face": what `FaceChoice.parse` reads, "before": the same of the face
that was followed until then}. The track of a face that is not followed lies with its run, runs/<name>/neuface<-id>/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from neuface_engine.errors import ProjectError
from neuface_engine.review import Project
from neuface_engine.review.events import Repair
from neuface_engine.review.standing import active
from neuface_engine.track_header import read_header
from neuface_studio import projects
from neuface_studio.open_projects import OpenProjects

Face = tuple[str, ...]
MAIN: Face = ("main",)
CHOICE = "face"  # `Repair.what`
OF = "of_face"  # in the data of other repairs
ASIDE = "track.npz"


def said(project: Project, name: str) -> Face | None:
    """The choice that stands in the log; None where none was made. Raises ProjectError."""
    events = active(project.index.events("repair", "undo", sequence=name))
    chosen = [event for event in events if isinstance(event, Repair) and event.what == CHOICE]
    return _face(chosen[-1].data.get("face")) if chosen else None


def in_force(project: Project, name: str) -> Face:
    """The face that a sequence follows: the chosen one, else that of its track. Raises ProjectError."""
    return said(project, name) or face_of_track(project.track_file(name)) or MAIN


def of_sequence(opened: OpenProjects, folder: Path, source: Path | None, name: str) -> Face:
    """The same of footage that is about to be opened; ``name`` may be empty. Raises ProjectError."""
    name = name or projects.name_of(folder, source) or ""
    return in_force(opened.get(folder), name) if name and projects.is_project(folder) else MAIN


def is_repair_of(repair: Repair, face: Face) -> bool:
    """Whether this is a repair of what was detected of this face: it says nothing of another one."""
    return repair.what != CHOICE and _face(repair.data.get(OF, MAIN)) == face


def tagged(data: Mapping[str, Any], face: Face) -> dict[str, Any]:
    """A repair's data with the face it is about, where that is not the main one."""
    return dict(data) if face == MAIN else {**data, OF: list(face)}


def untagged(data: Mapping[str, Any]) -> dict[str, Any]:
    """A repair's data without it."""
    return {name: value for name, value in data.items() if name != OF}


def face_of_track(track: Path) -> Face | None:
    """The face that a track followed; None where it does not say, or cannot be read."""
    try:
        return _face(read_header(track)[0]["provenance"]["source"]["face"])
    except Exception:  # a damaged file can raise anything; whoever opens it says so
        return None


def run_name(face: Face) -> str:
    """Under which name the run on this face is kept."""
    if face == MAIN:
        return "neuface"
    return f"neuface-{hashlib.sha256(' '.join(face).encode()).hexdigest()[:8]}"


def exchange(project: Project, name: str, former: Face, now: Face) -> None:
    """Set the track of the former face aside, and bring that of another one back, as it was. Raises ProjectError."""
    if former == now:
        return
    project.check_writable()
    track = project.track_file(name)
    places = [project.run_folder(name, run_name(face)) / ASIDE for face in (former, now)]
    try:
        if track.exists():
            places[0].parent.mkdir(parents=True, exist_ok=True)
            track.replace(places[0])
        if places[1].exists():
            track.parent.mkdir(parents=True, exist_ok=True)
            places[1].replace(track)
    except OSError as error:
        raise ProjectError(
            f"{track}: cannot be set aside ({error.strerror or error}); free some space, or give yourself permission"
        ) from error


def settle(project: Project, name: str, face: Face) -> bool:
    """See to it that the track is of this face, as far as tracks say; whether one of another face was set aside."""
    found = face_of_track(project.track_file(name))
    if found is None or found == face:
        return False
    exchange(project, name, found, face)
    return True


def in_words(face: Face) -> str:
    """A choice as the window writes it, frames counted from 1."""
    from neuface_engine.landmarks import FaceChoice

    rules = {"main": "the main face", "largest": "the largest face", "central": "the most central face"}
    choice = FaceChoice.parse(face)
    places = [
        f"{f'{pick.view}, ' if pick.view else ''}frame {pick.frame + 1} at ({pick.x:.0f}, {pick.y:.0f})"
        for pick in choice.picks
    ]
    return f"the face of {'; '.join(places)}" if places else rules[choice.rule]


def _face(value: object) -> Face | None:
    known = (
        isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(t, str) for t in value)
    )
    return tuple(value) or None if known else None  # type: ignore[arg-type]
