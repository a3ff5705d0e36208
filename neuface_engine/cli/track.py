"""`neuface track INPUT...`: footage in, tracks out."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli import footage
from neuface_engine.cli import options as shared
from neuface_engine.cli.memory import peak_memory_mb
from neuface_engine.cli.optimise import Outcome, Saving, optimise
from neuface_engine.cli.output import Output, figure
from neuface_engine.errors import NeuFaceError, TrackError
from neuface_engine.files import check_folder

if TYPE_CHECKING:
    from neuface_engine.optimization import NeuFaceConfig, Run
    from neuface_engine.optimization.repairs import Repairs
    from neuface_engine.tracks import FaceTrack
    from neuface_engine.video import Sequence, SequenceSource

DEFAULT_FOLDER = Path("neuface_tracks")
SAVE_EVERY = 10
_NOTHING_KEPT = {"error": "interrupted", "interrupted": True}


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "track",
        help="meshes for every frame and view of some footage",
        description="Tracks each INPUT (a video, a folder with one video a view, a folder of images, a whole "
        "dataset or csv manifest) and saves DIR/NAME.npz. An input that fails does not stop the others.",
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT")
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="default: ./neuface_tracks"
    )
    parser.add_argument(
        "--project",
        type=Path,
        metavar="DIR",
        help="a review project (made where there is none): tracks go into it, with their measures and flags",
    )
    parser.add_argument("--method", choices=shared.METHODS, default="neuface", help="default: neuface")
    parser.add_argument(
        "--save-every",
        type=shared.positive,
        metavar="N",
        help="keep the state of the run in DIR/NAME.run every N iterations until it is done",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help=f"go on from DIR/NAME.run where there is one (and --save-every {SAVE_EVERY})",
    )
    parser.add_argument(
        "--save-gradients",
        action="store_true",
        help="keep the gradient maps and the last update in DIR/NAME.gradients, for `neuface render`",
    )
    parser.add_argument(
        "--repairs",
        type=Path,
        metavar="FILE",
        help="landmarks put right, muted, or parts left out by hand (json, as the studio writes it)",
    )
    shared.add_models(parser)
    shared.add_optimisation(parser)
    shared.add_footage(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.optimization.repairs import Repairs

    shared.check_method(options.method)
    config = shared.config_of(options, options.method)
    repairs = Repairs() if options.repairs is None else Repairs.load(options.repairs)
    models = shared.Models.load(options)
    results: list[dict[str, Any]] = []
    failures: list[dict[str, str]] = []
    interrupted = False
    names: set[str] = set()
    found, unreadable = footage.expanded(options.inputs, options)
    failures += unreadable
    for source in found:
        try:
            result = _track(source, options, config, repairs, models, output, names)
            results.append(result)
            if "error" in result:
                failures.append({"input": str(source.path), "error": result["error"]})
            interrupted = bool(result.get("interrupted"))
        except NeuFaceError as error:
            failures.append({"input": str(source.path), "error": str(error)})
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            break
    for failure in failures:
        output.error(failure["error"])
    if interrupted:
        output.error(f"interrupted; {len(results)} of {len(found)} kept")
    if len(options.inputs) == 1 and len(found) <= 1:
        output.result(results[0] if results else failures[0] if failures else _NOTHING_KEPT)
    else:
        output.result({"tracks": results, "failed": failures, "interrupted": interrupted})
    return 130 if interrupted else 2 if failures else 0


def _track(
    source: SequenceSource,
    options: argparse.Namespace,
    config: NeuFaceConfig,
    repairs: Repairs,
    models: shared.Models,
    output: Output,
    names: set[str],
) -> dict[str, Any]:
    began = time.perf_counter()
    encoder = models.encoder
    as_found = shared.load_sequence(source, options, output, encoder)
    sequence, config = repairs.apply(as_found), repairs.options(config, as_found)
    name = _free_name(sequence.name, names)
    out = options.out if options.project is None else options.project / "tracks"
    check_folder(out, TrackError)
    file, state = out / f"{name}.npz", out / f"{name}.run"
    saving = Saving(state, every=options.save_every or SAVE_EVERY * options.resume, resume=options.resume)
    outcome = optimise(sequence, config, models, output, method=options.method, saving=saving)
    run = outcome.run
    track = run.track()
    track.save(file)
    if saving.every and not outcome.interrupted:
        state.unlink(missing_ok=True)
    maps = _save_gradients(outcome, file, output, wanted=options.save_gradients)

    import neuface_engine as nf

    measured = nf.metrics.evaluate(track, sequence).as_dict()
    result: dict[str, Any] = {
        "track": str(file),
        "method": options.method,
        "variant": config.variant,
        "encoder": encoder.name,
        "head": models.head.name,
        "views": list(sequence.views),
        "frames": sequence.num_frames,
        "iterations": outcome.iterations,
        "stop_reason": outcome.stop_reason,
        "seconds": {
            "decode": sequence.seconds.get("decode", 0.0),
            "detect": sequence.seconds.get("detect", 0.0),
            "optimize": outcome.seconds,
            "total": time.perf_counter() - began,
        },
        "seconds_per_iteration": _seconds_per_iteration(run),
        "peak_memory_mb": peak_memory_mb(),
        "frames_without_face": sequence.frames_without_face,
        "metrics": measured,
        "warnings": [*sequence.warnings, *run.warnings],
    }
    if options.project is not None:
        result["flags"] = _into_project(options.project, name, file, track, sequence)
    if maps is not None:
        result["gradients"] = str(maps)
    if outcome.resumed_from is not None:
        result["resumed_from"] = outcome.resumed_from
    if outcome.interrupted:
        result["interrupted"] = True
    if outcome.error is not None:
        result["error"] = f"{source.path}: {outcome.error}"
    output.line(
        f"{file}  {len(sequence.views)} views, {sequence.num_frames} frames, "
        f"{outcome.iterations} iterations ({outcome.stop_reason}): "
        f"CVD {figure(measured['cvd_mm'])} mm, MSI landmark {figure(measured['msi_landmark'])}, "
        f"NME {figure(measured['nme_percent'])} %, lips {figure(measured['lip_aperture_ratio'])}, "
        f"shape {figure(measured['shape_rms_sd'])} sd"
    )
    return result


def _into_project(
    folder: Path, name: str, file: Path, track: FaceTrack, sequence: Sequence
) -> list[dict[str, Any]]:
    """Lists the sequence in the project, with its measures and flags. Raises ProjectError."""
    from dataclasses import asdict

    from neuface_engine import metrics
    from neuface_engine.review import Project
    from neuface_engine.review.flagging import record

    with Project.create(folder) as project:
        project.add_sequence(name, file, source=sequence.path)
        return [asdict(flag) for flag in record(project, name, metrics.measures(track, sequence))]


def _save_gradients(outcome: Outcome, track: Path, output: Output, *, wanted: bool) -> Path | None:
    """The maps of the newest state, beside the track; those of a track that was there before go. A run that broke off
    within an iteration has none."""
    from neuface_engine.optimization.gradient_maps import to_be_saved
    from neuface_engine.tracks.gradients import TrackGradients

    path = TrackGradients.path_of(track)
    path.unlink(missing_ok=True)
    if not wanted:
        return None
    if outcome.interrupted or outcome.error is not None:
        output.note(f"warning: {path}: not written, the run broke off")
        return None
    to_be_saved(outcome.run).save(path)
    return path


def _seconds_per_iteration(run: Run) -> float | None:
    seconds = [run.history.iteration(index).seconds for index in run.history.indices[1:]]
    return sum(seconds) / len(seconds) if seconds else None


def _free_name(name: str, names: set[str]) -> str:
    """A file name that no other input of this call has."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._") or "sequence"
    free, number = safe, 2
    while free in names:
        free, number = f"{safe}_{number}", number + 1
    names.add(free)
    return free
