"""`neuface export TRACK|PROJECT --format ... --out ...`: a track, or a project's accepted ones, for others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.output import Output, Progress
from neuface_engine.errors import ConfigError


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="a track, or a project's accepted tracks, in other formats",
        description="Writes TRACK as FORMAT to PATH. Of a PROJECT the accepted tracks whose files have not changed "
        "since (--include says others) become a dataset folder: in the formats given (several: npz,gltf), with "
        "tables, manifest, Croissant metadata and checksums; an interrupted export goes on where it stopped. --format "
        "annotations, parquet or csv write one file of a project. docs/formats.md says what is in each format.",
    )
    parser.add_argument("track", type=Path, metavar="TRACK|PROJECT")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="a file, or a folder for sequences"
    )
    parser.add_argument("--format", metavar="NAME", help="default: by the ending of PATH")
    parser.add_argument(
        "--space",
        default="posed",
        metavar="posed|canonical",
        help="meshes as the camera saw them (default), or with the head orientation taken out",
    )
    parser.add_argument("--views", metavar="A,B", help="only these views, in this order")
    parser.add_argument("--frames", metavar="A:B", help="frames of the video from A up to, not including, B")
    parser.add_argument(
        "--layers", default="mesh,landmarks", metavar="A,B", help="of a video (default: %(default)s)"
    )
    parser.add_argument(
        "--footage", type=Path, metavar="PATH", help="where the video is now, if it was moved"
    )
    parser.add_argument(
        "--height", type=int, default=480, metavar="PX", help="of a video's tile (default: 480)"
    )
    parser.add_argument(
        "--head", metavar="open|FILE", help="the face model of the track (default: the one that it names)"
    )
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    project = parser.add_argument_group("of a project")
    project.add_argument(
        "--include",
        default="accept",
        metavar="A,B",
        help="accept (default), unsure, reject, stale, tracked (not judged), disputed",
    )
    project.add_argument("--name", default="", metavar="TEXT", help="of the dataset (default: the project's)")
    project.add_argument("--description", default="", metavar="TEXT", help="of the dataset")
    project.add_argument(
        "--licence", default="", metavar="TEXT", help="terms of the dataset, e.g. CC-BY-NC-4.0"
    )
    project.add_argument("--attribution", default="", metavar="TEXT", help="whose work it is")
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    if options.track.is_dir():
        return _export_project(options, output)
    from neuface_engine.tracks.formats import export, find
    from neuface_engine.tracks.loading import load_track

    chosen = find(options.format, options.out)
    track = load_track(options.track, head=shared.head_of_track(options, options.track))
    progress = Progress(options.track.stem)
    try:
        files = export(
            track,
            options.out,
            format=chosen.name,
            space=options.space,
            views=names(options.views),
            frames=frame_range(options.frames),
            footage=options.footage,
            layers=names(options.layers) or (),
            height=options.height,
            track_file=options.track,
            progress=progress,
        )
    finally:
        progress.close()
    output.result({"format": chosen.name, "out": str(options.out), "files": [str(file) for file in files]})
    output.line(str(options.out))
    return 0


ONE_FILE = ("annotations", "parquet", "csv")


def _export_project(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf
    from neuface_engine.review import Project
    from neuface_engine.tracks.formats import dataset, terms

    formats = tuple(names(options.format) or dataset.DEFAULT_FORMATS)
    head = None
    if options.head not in (None, "open"):
        head = nf.FaceModel.load(options.head, landmarks=options.head_landmarks)
    choice = dataset.Choice(
        formats=dataset.DEFAULT_FORMATS if formats == ("dataset",) else formats,
        include=tuple(names(options.include) or ()),
        space=options.space,
        views=None if options.views is None else tuple(names(options.views) or ()),
        frames=frame_range(options.frames),
        layers=tuple(names(options.layers) or ()),
        head=head,
        name=options.name,
        description=options.description,
        licence=options.licence or terms.UNSTATED,
        attribution=options.attribution,
    )
    progress = Progress(options.track.resolve().name)
    with Project.open(options.track, read_only=True) as project:
        if len(formats) == 1 and formats[0] in ONE_FILE and options.out.suffix:
            return _one_file(project, formats[0], options.out, choice, output)
        try:
            done = dataset.export_dataset(project, options.out, choice, progress=progress)
        finally:
            progress.close()
    for name, error in done.failed.items():
        output.error(f"{name}: {error}")
    output.result(
        {
            "out": str(done.folder),
            "formats": list(choice.formats),
            "sequences": list(done.names),
            "kept": done.kept,
            "left_out": done.left_out,
            "failed": done.failed,
        }
    )
    output.line(f"{done.folder}: {len(done.names)} sequences ({done.kept} of them done before)")
    reasons = sorted(done.left_out.values())
    for reason in dict.fromkeys(reasons):
        output.line(f"left out, {reason}: {reasons.count(reason)}")
    if not options.licence:
        output.note("the dataset says nothing of its terms; give --licence before you pass it on")
    return 2 if done.failed else 0


def _one_file(project: Any, name: str, out: Path, choice: Any, output: Output) -> int:
    """Verdicts and figures, or notes, of the chosen sequences as one file."""
    from neuface_engine.review import Filter, tables
    from neuface_engine.tracks.formats import dataset, web_annotations

    project.index.check_tracks()
    rows, left_out = dataset.chosen_rows(project, choice.include)
    if name == "annotations":
        web_annotations.write_annotations(dataset.project_annotations(project, rows, choice), out)
    else:
        if out.suffix != f".{name}":
            raise ConfigError(f"{out}: --format {name} is written to a file that ends in .{name}")
        tables.write_table(
            tables.sequences_table(project, Filter(names=tuple(row.name for row in rows))), out
        )
    output.result(
        {"format": name, "out": str(out), "sequences": [row.name for row in rows], "left_out": left_out}
    )
    output.line(str(out))
    return 0


def names(text: str | None) -> list[str] | None:
    """ "a,b" -> ["a", "b"]."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def frame_range(text: str | None) -> tuple[int | None, int | None] | None:
    """ "A:B", "A:" or ":B". Raises ConfigError for anything else."""
    if text is None:
        return None
    first, colon, last = text.partition(":")
    try:
        if not colon:
            raise ValueError
        ends = tuple(int(end) if end.strip() else None for end in (first, last))
        if any(end is not None and end < 0 for end in ends):
            raise ValueError
    except ValueError:
        raise ConfigError(f"--frames {text!r} is no range; give A:B, for instance 0:100") from None
    return ends[0], ends[1]
