"""Notes and verdicts as W3C Web Annotations (https://www.w3.org/TR/annotation-model/), JSON-LD.

A note's place is a media fragment (https://www.w3.org/TR/media-frags/): t = seconds of the video, track = the view,
xywh = where the named region of the face lies in those frames, in pixels. A verdict assesses the whole clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from neuface_engine.review import Note, Verdict
from neuface_engine.tracks import FaceTrack, Track
from neuface_engine.tracks.formats.base import write_json

CONTEXT = ["http://www.w3.org/ns/anno.jsonld", {"neuface": "urn:neuface:"}]
FRAGMENTS = "http://www.w3.org/TR/media-frags/"


def write_annotations(items: list[dict[str, Any]], path: Path) -> Path:
    """One AnnotationPage. Raises TrackError where the disk refuses."""
    return write_json(
        path, {"@context": CONTEXT, "id": "urn:neuface:annotations", "type": "AnnotationPage", "items": items}
    )


def of_sequence(
    notes: Iterable[Note], verdicts: Iterable[Verdict], *, source: str | None, track: Track | None
) -> list[dict[str, Any]]:
    """The annotations of one sequence. source: its footage as recorded; track: for times, views and regions."""
    items = [_of_note(note, source, track) for note in notes]
    return items + [_of_verdict(verdict, source) for verdict in verdicts]


def _of_note(note: Note, source: str | None, track: Track | None) -> dict[str, Any]:
    views: tuple[str | None, ...] = note.views or (
        track.views if track is not None and note.regions else (None,)
    )
    targets = [_target(note, view, source, track) for view in views]
    tags = [_tag(region) for region in note.regions]
    return _annotation(
        note.id,
        "commenting",
        note.reviewer,
        note.time,
        [{"type": "TextualBody", "value": note.text, "format": "text/plain", "purpose": "commenting"}, *tags],
        targets if len(targets) > 1 else targets[0],
        note.sequence,
        note.track_hash,
    )


def _of_verdict(verdict: Verdict, source: str | None) -> dict[str, Any]:
    bodies = [{"type": "TextualBody", "value": verdict.verdict, "purpose": "assessing"}]
    bodies += [_tag(reason) for reason in verdict.reasons]
    if verdict.note:
        bodies.append(
            {"type": "TextualBody", "value": verdict.note, "format": "text/plain", "purpose": "commenting"}
        )
    target = {"source": _iri(source, verdict.sequence)}
    return _annotation(
        verdict.id,
        "assessing",
        verdict.reviewer,
        verdict.time,
        bodies,
        target,
        verdict.sequence,
        verdict.track_hash,
    )


def _annotation(
    key: str,
    motivation: str,
    creator: str,
    created: str,
    bodies: Any,
    target: Any,
    sequence: str,
    track_hash: str,
) -> dict[str, Any]:
    return {
        "id": f"urn:neuface:event:{key}",
        "type": "Annotation",
        "motivation": motivation,
        "creator": {"type": "Person", "nickname": creator},
        "created": created,
        "body": bodies,
        "target": target,
        "neuface:sequence": sequence,
        "neuface:track_sha256": track_hash,
    }


def _tag(value: str) -> dict[str, str]:
    return {"type": "TextualBody", "value": value, "purpose": "tagging"}


def _target(note: Note, view: str | None, source: str | None, track: Track | None) -> dict[str, Any]:
    fragment = []
    if note.frames is not None and track is not None:
        first, last = (min(f, len(track.frame_indices) - 1) for f in note.frames)
        start, end = track.frame_indices[first] / track.fps, (track.frame_indices[last] + 1) / track.fps
        fragment.append(f"t={start:.3f},{end:.3f}")
    if view is not None:
        fragment.append(f"track={quote(view)}")
    box = _box(note, view, track)
    if box is not None:
        fragment.append("xywh=pixel:" + ",".join(map(str, box)))
    target: dict[str, Any] = {"source": _iri(source, note.sequence)}
    if fragment:
        target["selector"] = {
            "type": "FragmentSelector",
            "conformsTo": FRAGMENTS,
            "value": "&".join(fragment),
        }
    if note.frames is not None:
        target["neuface:frames"] = list(note.frames)
    if view is not None:
        target["neuface:view"] = view
    return target


def _iri(source: str | None, sequence: str) -> str:
    """A relative reference, or a file URI; without known footage a name for the sequence."""
    if not source:
        return f"urn:neuface:sequence:{quote(sequence, safe='')}"
    return Path(source).as_uri() if Path(source).is_absolute() else quote(source)


def _box(note: Note, view: str | None, track: Track | None) -> tuple[int, int, int, int] | None:
    """x, y, width, height in pixels of the note's regions in its frames; None where that is not known."""
    if view is None or not isinstance(track, FaceTrack) or view not in track.views or not note.regions:
        return None
    masks = [track.head.regions[name].numpy() for name in note.regions if name in track.head.regions]
    if len(masks) != len(note.regions):
        return None
    chosen, v = np.logical_or.reduce(masks), track.views.index(view)
    first, last = note.frames or (0, len(track.frame_indices) - 1)
    frames = [f for f in range(first, min(last, len(track.frame_indices) - 1) + 1) if track.detected[f, v]]
    if not frames or not chosen.any():
        return None
    points = np.concatenate([track.project(f, v)[chosen, :2] for f in frames])
    size = np.array(track.image_sizes[v])
    low = np.clip(np.floor(points.min(0)), 0, size - 1).astype(int)
    high = np.clip(np.ceil(points.max(0)), low + 1, size).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
