"""`neuface review note`: words about a part of a sequence, or what was written about it."""

from __future__ import annotations

import argparse
from typing import Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError


def add_to(parts: Any) -> None:
    note = shared.add_parser(
        parts, "note", "write a note on frames, views and regions; without TEXT: list them", run
    )
    note.add_argument("sequence", metavar="SEQUENCE")
    note.add_argument("text", nargs="?", default="", metavar="TEXT")
    note.add_argument("--frames", metavar="A-B", help="first and last frame, from 0 (default: all)")
    note.add_argument("--views", metavar="A,B", help="names of views (default: all)")
    note.add_argument("--regions", metavar="A,B", help="lips, jaw, lids, nose ... (default: the face)")
    shared.add_reviewer(note)


def run(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review import Note
    from neuface_engine.review.events import to_record
    from neuface_engine.review.notes import place
    from neuface_engine.review.track_files import file_hash

    reviewer = shared.reviewer_of(options)
    if not options.text:
        with shared.opened(options, output, writing=False) as project:
            shared.known(project, options.sequence)
            notes = shared.visible(project, project.notes(options.sequence), reviewer)
        output.result({"notes": [to_record(note) for note in notes]})
        for each in notes:
            output.line(f"{each.time}  {each.reviewer}  {place(each)}: {each.text}")
        return 0
    frames, views, regions = _frames(options.frames), _words(options.views), _words(options.regions)
    with shared.opened(options, output, writing=True) as project:
        row = shared.known(project, options.sequence)
        track_hash = file_hash(project.track_file(row.name))
        event = Note(row.name, options.text, reviewer, frames, views, regions, track_hash)
        project.log.append(event)
    output.result({"note": to_record(event)})
    output.line(f"{event.sequence}: {place(event)}: {event.text}")
    return 0


def _frames(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, dash, last = text.partition("-")
    try:
        frames = int(first), int(last if dash else first)
        if not 0 <= frames[0] <= frames[1]:
            raise ValueError
    except ValueError:
        raise ConfigError(f"--frames {text}: write FIRST-LAST, counted from 0, or one frame") from None
    return frames


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
