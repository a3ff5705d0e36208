"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neuface_engine.cli import beyond, footage
from neuface_engine.cli.output import Output
from neuface_engine.errors import ConfigError

if TYPE_CHECKING:
    from neuface_engine.encoders import Encoder, MicaShape
    from neuface_engine.face_model import FaceModel
    from neuface_engine.optimization import NeuFaceConfig
    from neuface_engine.video import Sequence, SequenceSource

METHODS = ("neuface", "flame-fitting", "encoder")
LOSSES = (
    "landmark",
    "temporal",
    "multiview",
    "dense",
    "shape",
    "expression",
    "size",
    "aperture",
    "photometric",
)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def add_footage(parser: argparse.ArgumentParser) -> None:
    footage.add_options(parser)


def add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--encoder",
        default="open",
        metavar="NAME",
        help="the network that is optimised: open (default), deca, emoca, smirk or spectre (docs/models.md)",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="weights of the encoder (default: those in the folder of assets; emoca: a folder will do)",
    )
    parser.add_argument(
        "--moving",
        type=_moving,
        metavar="PARTS",
        help="which parts of the encoder move: emoca, spectre: coarse, expression or both (default); "
        "smirk: some of pose,shape,expression",
    )
    parser.add_argument(
        "--head",
        metavar="open|flame|FILE",
        help="face model: open, flame (of the folder of assets) or a FLAME file (default: the encoder's)",
    )
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    parser.add_argument(
        "--head-release",
        metavar="NAME",
        help="which FLAME it is, where its name does not say: 2020, 2023, ...",
    )
    parser.add_argument(
        "--eyelids", type=Path, metavar="DIR", help="folder of l_eyelid.npy and r_eyelid.npy (for smirk)"
    )
    parser.add_argument(
        "--shape-prior", choices=("mica",), help="the shape begins at what this network says of the person"
    )
    parser.add_argument(
        "--shape-checkpoint", type=Path, metavar="FILE", help="its weights (default: in the folder of assets)"
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
        help="of Adam; lower it on divergence (default: the encoder's own, 2e-4 for open and 2e-5 for the others; "
        "2e-5 under --variant released, 0.02 in flame-fitting)",
    )
    parser.add_argument(
        "--weight",
        type=_loss_weight,
        action="append",
        default=[],
        metavar="LOSS=X",
        help="weight of one loss, e.g. multiview=450; may be given again: " + ", ".join(LOSSES),
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
        **{f"{loss}_weight": value for loss, value in options.weight},
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


@dataclass(frozen=True)
class Models:
    """Encoder, head and shape prior, loaded once for all inputs."""

    encoder: Encoder
    head: FaceModel
    device: str
    prior: MicaShape | None = None

    @classmethod
    def load(cls, options: argparse.Namespace) -> Models:
        import neuface_engine as nf
        from neuface_engine.devices import find_device

        device = str(find_device(options.device))
        footage.detector(options)  # what is missing is said before any work
        encoder = nf.load_encoder(options.encoder, checkpoint=options.checkpoint, moving=options.moving)
        head = nf.FaceModel.load(
            options.head or _head_of(encoder),
            landmarks=options.head_landmarks,
            eyelids=options.eyelids,
            release=options.head_release,
        )
        encoder.check_head(head)
        if options.shape_prior is None:
            return cls(encoder, head, device)
        prior = nf.encoders.load_shape_prior(options.shape_prior, checkpoint=options.shape_checkpoint)
        nf.encoders.check_shape_prior(encoder, prior)
        return cls(encoder, head, device, prior)

    def encoder_for(self, sequence: Sequence) -> Encoder:
        """The encoder for one clip: its shape that of the prior, where there is one."""
        if self.prior is None:
            return self.encoder
        import neuface_engine as nf

        return nf.encoders.with_shape_prior(self.encoder, self.prior, sequence)


def head_of_track(options: argparse.Namespace, track: Path) -> FaceModel:
    """The face model that --head says, or else the one that the track names."""
    import neuface_engine as nf
    from neuface_engine.tracks.loading import own_head

    if options.head is None and options.head_landmarks is None:
        return own_head(track)
    return nf.FaceModel.load(options.head or "open", landmarks=options.head_landmarks)


def _head_of(encoder: Encoder) -> str:
    """Of an encoder that wants FLAME that of the folder of assets, where there is one."""
    from neuface_engine.assets.catalogue import asset
    from neuface_engine.assets.folder import find

    return "flame" if encoder.flame_version and find(asset("flame")) else "open"


def load_sequence(
    source: SequenceSource | Path, options: argparse.Namespace, output: Output, encoder: Encoder
) -> Sequence:
    """See `footage.load`."""
    return footage.load(source, options, output, encoder)


def positive(text: str) -> int:
    """For argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _moving(text: str) -> tuple[str, ...] | None:
    """ "coarse" -> ("coarse",); "both" -> None, all parts."""
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise argparse.ArgumentTypeError("is empty; give names of parts")
    return None if names == ("both",) else names


def _loss_weight(text: str) -> tuple[str, float]:
    """ "multiview=450" -> ("multiview", 450.0)."""
    loss, _, value = text.partition("=")
    if loss not in LOSSES:
        raise argparse.ArgumentTypeError(
            f"{loss!r} is not a loss; give {', '.join(LOSSES)}, as multiview=450"
        )
    try:
        return loss, beyond.weight(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number, as multiview=450") from None


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value
