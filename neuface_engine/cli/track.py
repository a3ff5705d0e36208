"""`neuface track INPUT...`: footage in, tracks out."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.memory import peak_memory_mb
from neuface_engine.cli.output import Output, Progress, figure
from neuface_engine.errors import DivergedError, NeuFaceError

if TYPE_CHECKING:
    from neuface_engine.optimization import NeuFace, NeuFaceConfig
    from neuface_engine.video import Sequence

DEFAULT_FOLDER = Path("neuface_tracks")
_NOTHING_KEPT = {"error": "interrupted", "interrupted": True}


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "track",
        help="meshes for every frame and view of some footage",
        description="Tracks each INPUT (a video, a folder with one video a view, a folder of images) and saves "
        "DIR/NAME.npz. An input that fails does not stop the others.",
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT")
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="default: ./neuface_tracks"
    )
    parser.add_argument("--method", choices=shared.METHODS, default="neuface", help="default: neuface")
    shared.add_models(parser)
    shared.add_optimisation(parser)
    shared.add_footage(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    shared.check_method(options.method)
    config = shared.config_of(options)
    models = shared.Models.load(options)
    results: list[dict[str, Any]] = []
    failures: list[dict[str, str]] = []
    interrupted = False
    names: set[str] = set()
    for path in options.inputs:
        try:
            result = _track(path, options, config, models, output, names)
            results.append(result)
            if "error" in result:
                failures.append({"input": str(path), "error": result["error"]})
            interrupted = bool(result.get("interrupted"))
        except NeuFaceError as error:
            failures.append({"input": str(path), "error": str(error)})
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            break
    for failure in failures:
        output.error(failure["error"])
    if interrupted:
        output.error(f"interrupted; {len(results)} of {len(options.inputs)} kept")
    if len(options.inputs) == 1:
        output.result(results[0] if results else failures[0] if failures else _NOTHING_KEPT)
    else:
        output.result({"tracks": results, "failed": failures, "interrupted": interrupted})
    return 130 if interrupted else 2 if failures else 0


def _track(
    path: Path,
    options: argparse.Namespace,
    config: NeuFaceConfig,
    models: shared.Models,
    output: Output,
    names: set[str],
) -> dict[str, Any]:
    began = time.perf_counter()
    encoder = models.encoder
    sequence = shared.load_sequence(path, options, output, encoder)
    outcome = optimise(sequence, config, models, method=options.method)
    run = outcome.run
    track = run.track()
    file = options.out / f"{_free_name(sequence.name, names)}.npz"
    track.save(file)

    import neuface_engine as nf

    measured = nf.metrics.evaluate(track, sequence).as_dict()
    iterations = len(run.history) - 1
    result: dict[str, Any] = {
        "track": str(file),
        "method": options.method,
        "variant": config.variant,
        "encoder": encoder.name,
        "head": models.head.name,
        "views": list(sequence.views),
        "frames": sequence.num_frames,
        "iterations": iterations,
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
        "warnings": list(sequence.warnings),
    }
    if outcome.interrupted:
        result["interrupted"] = True
    if outcome.error is not None:
        result["error"] = f"{path}: {outcome.error}"
    output.line(
        f"{file}  {len(sequence.views)} views, {sequence.num_frames} frames, {iterations} iterations: "
        f"CVD {figure(measured['cvd_mm'])} mm, MSI landmark {figure(measured['msi_landmark'])}, "
        f"NME {figure(measured['nme_percent'])} %, lips {figure(measured['lip_aperture_ratio'])}, "
        f"shape {figure(measured['shape_rms_sd'])} sd"
    )
    return result


class Outcome:
    """A run as far as it came: whole, interrupted, or ended by an error."""

    def __init__(self, run: NeuFace) -> None:
        self.run = run
        self.seconds = 0.0
        self.interrupted = False
        self.error: str | None = None


def optimise(sequence: Sequence, config: NeuFaceConfig, models: shared.Models, *, method: str) -> Outcome:
    """Runs the method with a progress bar. Ctrl-C and divergence end it early; the last good iteration stands."""
    from dataclasses import replace

    import neuface_engine as nf

    began = time.perf_counter()
    if method == "encoder":
        config = replace(config, iterations=0)
    outcome = Outcome(nf.NeuFace(sequence, models.encoder, models.head, config=config, device=models.device))
    progress = Progress(sequence.name)
    try:
        for iteration in outcome.run:
            figures = {
                "loss": figure(iteration.losses.total),
                "nme%": figure(_mean(iteration.nme_percent_per_view)),
            }
            if len(sequence.views) > 1:
                figures["cvd mm"] = figure(_mean(iteration.cvd_mm_per_view))
            progress("optimise", iteration.index, config.iterations, **figures)
    except KeyboardInterrupt:
        outcome.interrupted = True
    except DivergedError as error:
        outcome.error = str(error)
    finally:
        progress.close()
    outcome.seconds = time.perf_counter() - began
    return outcome


def _mean(values: Any) -> float:
    known = [float(value) for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def _seconds_per_iteration(run: NeuFace) -> float | None:
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
