"""Footage on the command line: the options that say what it is, what they make of it, and `neuface footage PATH`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli.output import Output, Progress, table
from neuface_engine.errors import ConfigError, NeuFaceError

if TYPE_CHECKING:
    from neuface_engine.encoders import Encoder
    from neuface_engine.landmarks import Detector
    from neuface_engine.video import Sequence, SequenceSource

_LAYOUTS = (
    "auto", "mead", "voxceleb2", "celebvhq", "vocaset", "nersemble", "manifest", "single", "folders", "videos",
)  # fmt: skip
"""neuface_engine.video.LAYOUTS, named here so that --help does not import torch."""
_SHOWN = 4


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `load` and `sources` read."""
    group = parser.add_argument_group("footage", "see docs/footage.md")
    group.add_argument("--max-frames", type=_positive, metavar="N", help="only the first N frames")
    group.add_argument(
        "--views", metavar="PATTERN", help="only the views whose name matches, e.g. 'cam_0[12]*'"
    )
    group.add_argument(
        "--detector",
        default="open",
        metavar="NAME|FILE",
        help="open (default); fan or fan3d (face-alignment; fan:blazeface and so on for another face detector); "
        "or a file with landmarks: npy, npz, pts, OpenFace csv, or a folder with one for each view",
    )
    group.add_argument(
        "--face",
        action="append",
        metavar="WHICH",
        help="of several faces: main (default: large and central), largest, central, or the one at X,Y or FRAME:X,Y "
        "(pixels) or VIEW=FRAME:X,Y; may be given for each view",
    )
    group.add_argument(
        "--sync",
        choices=("index", "timestamp", "mouth"),
        default="index",
        help="pair the views by frame number (default), by time stamp, or shift them until the mouths open together",
    )
    group.add_argument(
        "--crops",
        choices=("smooth", "frame", "fixed"),
        default="smooth",
        help="face crops smoothed in time (default), of each frame by itself, or fixed for a shot",
    )
    add_layout(group)
    group.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where detections are kept (default: yours)"
    )


def add_layout(parser: Any) -> None:
    """What `sources` reads."""
    parser.add_argument(
        "--layout", choices=_LAYOUTS, default="auto", help="of a dataset (default: recognised)"
    )
    parser.add_argument(
        "--pattern",
        metavar="PATTERN",
        help="files below the folder by fields, e.g. '{sequence}/{view}/{frame}.png' or '{identity}/{view}.mp4'",
    )
    parser.add_argument("--fps", type=_rate, metavar="X", help="of images found by --pattern (default: 25)")
    parser.add_argument(
        "--allow-outside",
        action="store_true",
        help="let a csv manifest name files outside of its folder",
    )


def sources(path: Path, options: argparse.Namespace) -> list[SequenceSource]:
    """The sequences at one path. Raises MediaError and ConfigError."""
    from neuface_engine.video import find_sequences

    return find_sequences(
        path,
        options.layout,
        pattern=options.pattern,
        fps=options.fps,
        allow_outside=options.allow_outside,
    )


def expanded(
    paths: Iterable[Path], options: argparse.Namespace
) -> tuple[list[SequenceSource], list[dict[str, str]]]:
    """The sequences at all paths, and the paths that have none with the reason."""
    found: list[SequenceSource] = []
    failures = []
    for path in paths:
        try:
            found += sources(path, options)
        except NeuFaceError as error:
            failures.append({"input": str(path), "error": str(error)})
    return found, failures


def one_source(path: Path, options: argparse.Namespace) -> SequenceSource:
    """The only sequence at a path. Raises ConfigError where there are several."""
    found = sources(path, options)
    if len(found) > 1:
        names = ", ".join(source.name for source in found[:_SHOWN])
        raise ConfigError(
            f"{path}: {len(found)} sequences ({names}{', ...' if len(found) > _SHOWN else ''}); give one of them, e.g. "
            f"'{found[0].path}'"
        )
    return found[0]


def load(
    source: SequenceSource | Path, options: argparse.Namespace, output: Output, encoder: Encoder
) -> Sequence:
    """The footage, cut as the encoder wants it, with a progress bar; its warnings go to stderr."""
    import neuface_engine as nf

    name = source.resolve().name if isinstance(source, Path) else source.name
    progress = Progress(name)
    try:
        sequence = nf.load_sequence(
            source,
            views=options.views,
            max_frames=options.max_frames,
            detector=detector(options),
            face=options.face or "main",
            sync=options.sync,
            crop_motion=options.crops,
            cache_dir=options.cache_dir,
            progress=progress,
            **encoder.crop_options,
        )
    finally:
        progress.close()
    for warning in sequence.warnings:
        output.note(f"warning: {warning}")
    return sequence


def detector(options: argparse.Namespace) -> Detector:
    """The detector asked for, loaded once for all inputs."""
    return _detector(options.detector, getattr(options, "device", "cpu"))


@lru_cache(maxsize=1)
def _detector(name: str, device: str) -> Detector:
    import torch

    from neuface_engine import landmarks

    if name == "open":  # its networks are smaller than the way to the accelerator
        return landmarks.load_detector(name)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return landmarks.load_detector(name, device=device)


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "footage",
        help="what sequences are in a folder, and which files are their views",
        description="Lists the sequences of each PATH (a dataset as downloaded, a folder, a csv manifest, a video) "
        "as `neuface track` takes them. Nothing is decoded.",
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="PATH")
    add_layout(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    found, failures = expanded(options.inputs, options)
    for failure in failures:
        output.error(failure["error"])
    output.result(
        {
            "sequences": [source.as_dict() for source in found],
            **({"failed": failures} if failures else {}),
        }
    )
    if found:
        rows = [["sequence", "layout", "identity", "views", "files", "cameras", "truth"]]
        for source in found:
            files = [len(view.files) for view in source.views]
            same = min(files) == max(files)
            rows.append(
                [
                    source.name,
                    source.layout,
                    source.identity or "-",
                    ", ".join(view.name for view in source.views),
                    "video"
                    if max(files) == 1
                    else f"{files[0]} images"
                    if same
                    else f"{min(files)}-{max(files)} images",
                    "yes" if source.cameras else "-",
                    "yes" if source.ground_truth else "-",
                ]
            )
        for line in table(rows):
            output.line(line)
        people = {source.identity for source in found if source.identity}
        output.line(f"{len(found)} sequences" + (f" of {len(people)} people" if people else ""))
    return 2 if failures else 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 100_000:
        raise argparse.ArgumentTypeError("must be a positive number of frames per second")
    return value
