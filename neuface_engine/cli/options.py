"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neuface_engine.cli import beyond
from neuface_engine.cli.output import Output, Progress
from neuface_engine.errors import ConfigError

if TYPE_CHECKING:
    from neuface_engine.encoders import Encoder
    from neuface_engine.face_model import FaceModel
    from neuface_engine.optimization import NeuFaceConfig
    from neuface_engine.video import Sequence

METHODS = ("neuface", "flame-fitting", "encoder")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def add_footage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-frames", type=positive, metavar="N", help="only the first N frames")
    parser.add_argument(
        "--views", metavar="PATTERN", help="only the views whose name matches, e.g. 'cam_0[12]*'"
    )
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where detections are kept (default: yours)"
    )


def add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoder", default="open", help="the network that is optimised (default: open)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights of the encoder")
    parser.add_argument(
        "--head", default="open", metavar="open|FILE", help="face model: open, or a FLAME file"
    )
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def add_optimisation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--iterations", type=_count, metavar="N", help="EM iterations (default: the method's)"
    )
    parser.add_argument("--variant", choices=("paper", "released"), default="paper", help="default: paper")
    parser.add_argument(
        "--trainable", choices=("all", "top"), help="which weights move: all, or the top layers"
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        metavar="X",
        help="of Adam (default: the method's; lower it on divergence)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="stop once loss and parameters change by less, relative, over ten iterations (default: 0, never)",
    )
    parser.add_argument(
        "--max-memory", type=float, metavar="MB", help="smaller batches, same result, to stay below it"
    )
    beyond.add_to(parser)


def config_of(options: argparse.Namespace, method: str) -> NeuFaceConfig:
    """The method's own settings, with what was given."""
    from neuface_engine.optimization import FlameFittingConfig, NeuFaceConfig

    given = {
        "iterations": options.iterations,
        "trainable": options.trainable,
        "learning_rate": options.learning_rate,
        "tolerance": options.tolerance,
        "max_memory_mb": options.max_memory,
        **beyond.given(options),
    }
    kind = FlameFittingConfig if method == "flame-fitting" else NeuFaceConfig
    return kind(
        variant=options.variant, **{name: value for name, value in given.items() if value is not None}
    )


def check_method(method: str) -> str:
    """Raises ConfigError for a method that is unknown."""
    if method not in METHODS:
        raise ConfigError(f"method {method!r} is unknown; give {', '.join(METHODS)}")
    return method


def check_device(name: str) -> str:
    """Raises ConfigError where torch cannot compute there."""
    import torch

    available = {
        "auto": True,
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(name.split(":")[0], False):
        raise ConfigError(f"device {name!r} is not available here; give auto or cpu")
    return name


@dataclass(frozen=True)
class Models:
    """Encoder and head, loaded once for all inputs."""

    encoder: Encoder
    head: FaceModel
    device: str

    @classmethod
    def load(cls, options: argparse.Namespace) -> Models:
        import neuface_engine as nf

        device = check_device(options.device)
        head = nf.FaceModel.load(options.head, landmarks=options.head_landmarks)
        return cls(nf.load_encoder(options.encoder, checkpoint=options.checkpoint), head, device)


def load_sequence(path: Path, options: argparse.Namespace, output: Output, encoder: Encoder) -> Sequence:
    """The footage at `path`, cut as the encoder wants it, with a progress bar; its warnings go to stderr."""
    import neuface_engine as nf

    progress = Progress(path.resolve().name)
    try:
        sequence = nf.load_sequence(
            path,
            views=options.views,
            max_frames=options.max_frames,
            crop_scale=encoder.crop_scale,
            crop_side=encoder.crop_side,
            crop_size=encoder.input_size,
            cache_dir=options.cache_dir,
            progress=progress,
        )
    finally:
        progress.close()
    for warning in sequence.warnings:
        output.note(f"warning: {warning}")
    return sequence


def positive(text: str) -> int:
    """For argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value
