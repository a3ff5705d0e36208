"""One method on one sequence, with a progress bar, as far as it comes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.output import Output, Progress, figure
from neuface_engine.errors import DivergedError, OutOfMemoryError

if TYPE_CHECKING:
    from neuface_engine.optimization import NeuFaceConfig, Run
    from neuface_engine.video import Sequence


class Saving:
    """Where the state of a run is kept on its way, every how many iterations, and whether to go on from it."""

    def __init__(self, path: Path, *, every: int, resume: bool) -> None:
        self.path, self.every, self.resume = path, every, resume


class Outcome:
    """A run as far as it came: whole, interrupted, or ended by an error."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.seconds = 0.0
        self.resumed_from: int | None = None
        self.interrupted = False
        self.error: str | None = None

    @property
    def iterations(self) -> int:
        return len(self.run.history) - 1

    @property
    def stop_reason(self) -> str | None:
        return "stopped" if self.interrupted else self.run.stop_reason


def optimise(
    sequence: Sequence,
    config: NeuFaceConfig,
    models: shared.Models,
    output: Output,
    *,
    method: str,
    saving: Saving | None = None,
) -> Outcome:
    """Runs the method. Ctrl-C, divergence and want of memory end it early; the last good iteration stands."""
    import neuface_engine as nf
    from neuface_engine.optimization.checkpoint import resume, save_checkpoint

    began = time.perf_counter()
    kind: type[Run] = nf.FlameFitting if method == "flame-fitting" else nf.NeuFace
    if method == "encoder":
        config = replace(config, iterations=0)
    encoder = models.encoder_for(sequence)
    outcome = Outcome(kind(sequence, encoder, models.head, config=config, device=models.device))
    run = outcome.run
    if saving and saving.resume and saving.path.exists():
        resume(run, saving.path)
        outcome.resumed_from = outcome.iterations
        output.note(f"{saving.path}: going on from iteration {outcome.iterations}")
    progress = Progress(sequence.name)
    try:
        for iteration in run:
            figures = {
                "loss": figure(iteration.losses.total),
                "nme%": figure(_mean(iteration.nme_percent_per_view)),
            }
            if len(sequence.views) > 1:
                figures["cvd mm"] = figure(_mean(iteration.cvd_mm_per_view))
            progress("optimise", iteration.index, run.config.iterations, **figures)
            if saving and saving.every and iteration.index % saving.every == 0:
                save_checkpoint(run, saving.path)
    except KeyboardInterrupt:
        outcome.interrupted = True
    except (DivergedError, OutOfMemoryError) as error:
        outcome.error = str(error)
    finally:
        progress.close()
    for warning in run.warnings:
        output.note(f"warning: {warning}")
    outcome.seconds = time.perf_counter() - began
    return outcome


def _mean(values: Any) -> float:
    known = [float(value) for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")
