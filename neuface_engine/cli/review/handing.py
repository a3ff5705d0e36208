"""`neuface review next`: what to look at now, with the clip to be looked at where there is no window."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError, NeuFaceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neuface_engine.cli.review.clips import Clip
    from neuface_engine.review import Project
    from neuface_engine.review.proof import StreamItem


def add_to(parts: Any) -> None:
    parser = shared.add_parser(
        parts,
        "next",
        "the next sequence to judge; nobody else is handed it meanwhile",
        run,
        description="Hands out the next sequence that has a track and no verdict on its present bytes. It stays yours "
        "until you judge it, give it back, or the time is over. Where an audit is drawn its draws and its planted "
        "failures are mixed in, unmarked, as in the window. Exit code 0 also where nothing is left.",
    )
    shared.add_reviewer(parser)
    parser.add_argument(
        "--clip",
        type=Path,
        metavar="FILE.mp4",
        help="write what is to be judged as a video: the footage with the mesh over it, all views, all frames",
    )
    parser.add_argument(
        "--head", default="open", metavar="open|FILE", help="the face model of the tracks, for --clip"
    )
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    shared.add_filter(parser)
    shared.add_order(parser)
    parser.add_argument(
        "--unmixed", action="store_true", help="the queue alone, without the audit's draws and plants"
    )
    parser.add_argument("--double", action="store_true", help="every sequence is judged by two reviewers")
    parser.add_argument(
        "--minutes", type=float, default=30.0, metavar="N", help="how long it stays yours (default: 30)"
    )
    parser.add_argument("--give-back", action="store_true", help="instead: what you hold is free for others")


@dataclass(frozen=True)
class _Next:
    """What was found. plants: whether the audit has planted failures, so that only the clip may be looked at."""

    item: StreamItem
    clip: Clip | None
    mixed: bool
    plants: bool


def run(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.proof.handing import give_all_back

    reviewer = shared.reviewer_of(options)
    if not options.minutes > 0:
        raise ConfigError(f"--minutes {options.minutes:g}: give a number above 0")
    if options.clip is not None and options.clip.suffix.lower() not in (".mp4", ".mkv", ".mov"):
        raise ConfigError(f"--clip {options.clip}: a video; name it .mp4")
    with shared.opened(options, output, writing=True) as project:
        if options.give_back:
            names = give_all_back(project, reviewer)
            output.result({"given_back": True, "sequences": names})
            output.line(f"given back: {', '.join(names) or 'nothing'}")
            return 0
        project.index.check_tracks()
        found = _find(project, reviewer, options, output)
        if found is None:
            output.result({"next": None})
            output.line("nothing is left to judge")
            return 0
        _tell(project, found, options, output)
    return 0


def _find(project: Project, reviewer: str, options: argparse.Namespace, output: Output) -> _Next | None:
    """The first item whose clip can be made. Raises what was wrong with the first where none can."""
    from neuface_engine.cli.review.clips import write_clip
    from neuface_engine.review.proof import load_audit
    from neuface_engine.review.proof.handing import record_hand_out

    audit = None if options.unmixed else load_audit(project)
    plants = audit is not None and audit.plan.plants > 0
    if plants and options.clip is None:
        raise ConfigError(
            "next: this audit has planted failures, which only a clip shows; add --clip FILE.mp4 (or --unmixed)"
        )
    head = None
    if options.clip is not None and options.head != "open":
        from neuface_engine.face_model import FaceModel

        head = FaceModel.load(options.head, landmarks=options.head_landmarks)
    troubles: list[NeuFaceError] = []
    for item in _candidates(project, reviewer, options, output):
        clip = None
        if options.clip is not None:
            try:
                clip = write_clip(project, item, options.clip, head=head)
            except NeuFaceError as error:
                output.note(f"{item.sequence}: passed over: {error}")
                troubles.append(error)
                continue
        record_hand_out(
            project,
            reviewer,
            item.sequence,
            project.track_hash(item.sequence),
            plant=item.plant,
            kind=None if clip is None else clip.kind,
            effect_mm=None if clip is None else clip.effect_mm,
            clip="" if clip is None else clip.hash,
        )
        return _Next(item, clip, audit is not None, plants)
    if troubles:
        raise troubles[0]
    return None


def _candidates(
    project: Project, reviewer: str, options: argparse.Namespace, output: Output
) -> Iterator[StreamItem]:
    from neuface_engine.cli.review.looking import learned_order
    from neuface_engine.review.proof.handing import candidates

    where = shared.filter_of(options, seen_by=reviewer)
    how: dict[str, Any] = {
        "mixed": not options.unmixed,
        "double": options.double,
        "lease_s": 60 * options.minutes,
    }
    if options.order != "learned":
        return candidates(project, reviewer, where, **how, **shared.order_of(options))

    def names() -> list[str]:
        return learned_order(project, where, options, output)

    return candidates(project, reviewer, where, names=names, **how)


def _tell(project: Project, found: _Next, options: argparse.Namespace, output: Output) -> None:
    row = shared.known(project, found.item.sequence)
    source = project.source_of(row.name)
    # Where plants are, the file is not what is to be judged: what lies there may be sound, and the clip not.
    track = str(project.resolve(row.track)) if row.track and not found.plants else None
    practice = found.item.plant is not None and found.item.plant.practice
    values = shared.row_values(row, blind=options.double or row.blind or found.mixed)
    values |= {"track": track, "source": str(source) if source else row.source, "practice": practice}
    if found.clip is not None:
        values |= {
            "clip": str(found.clip.path),
            "frames": found.clip.frames,
            "views": list(found.clip.views),
        }
    output.result({"next": values})
    output.line(row.name)
    if practice:
        output.line("  practice: a failure is planted in this clip; your verdict does not count")
    if found.clip is not None:
        output.line(
            f"  clip    {found.clip.path}  ({found.clip.frames} frames: {', '.join(found.clip.views)})"
        )
    if track is not None:
        output.line(f"  track   {track}")
    output.line(f"  footage {source or '-'}")
    output.line(f"  flags   {', '.join(row.flags) or '-'}")
