"""The options beyond the paper on the command line (docs/options.md); all off unless given."""

from __future__ import annotations

import argparse
import math
from typing import Any


def add_to(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("beyond the paper", "all off unless given; see docs/options.md")
    group.add_argument(
        "--robust-scale",
        type=weight,
        metavar="X",
        help="landmarks farther off than about X (crop units, e.g. 0.05) pull no harder; crops count by confidence",
    )
    group.add_argument(
        "--mute", type=_numbers, metavar="N,A-B", help="landmarks (of 0-67) not to be believed, e.g. 0-16,48"
    )
    group.add_argument(
        "--exclude-frames", type=_numbers, metavar="N,A-B", help="frames (from 0) whose evidence is left out"
    )
    group.add_argument("--exclude-views", type=_names, metavar="A,B", help="views whose evidence is left out")
    group.add_argument(
        "--acceleration-weight", type=weight, metavar="X", help="smoother jaw, lips and lids (e.g. 100)"
    )
    group.add_argument(
        "--camera-weight", type=weight, metavar="X", help="hold the views to known camera rotations (e.g. 5)"
    )
    group.add_argument(
        "--cameras",
        metavar="FILE",
        help="json or npz of the cameras (default: cameras.json beside the videos)",
    )
    group.add_argument(
        "--one-shape", action="store_true", default=None, help="one identity in all frames and views"
    )
    group.add_argument(
        "--no-identity-prior",
        action="store_false",
        dest="identity_prior",
        default=None,
        help="shape prior about the mean head, not about what the encoder's maps say of the person",
    )
    group.add_argument(
        "--trust-weight", type=weight, metavar="X", help="stay near the encoder's prediction (e.g. 1)"
    )


def given(options: argparse.Namespace) -> dict[str, Any]:
    """Fields of `NeuFaceConfig`; None where nothing was given."""
    return {
        "robust_scale": options.robust_scale,
        "muted_landmarks": options.mute,
        "excluded_frames": options.exclude_frames,
        "excluded_views": options.exclude_views,
        "acceleration_weight": options.acceleration_weight,
        "camera_weight": options.camera_weight,
        "camera_file": options.cameras,
        "one_shape": options.one_shape,
        "trust_weight": options.trust_weight,
        "identity_prior": options.identity_prior,
    }


def _numbers(text: str) -> tuple[int, ...]:
    """ "0-2,5" -> (0, 1, 2, 5)."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise argparse.ArgumentTypeError(f"{part!r} is no number and no range; give e.g. 3 or 0-16")
        stop = int(last) if dash else int(first)
        if stop < int(first):
            raise argparse.ArgumentTypeError(f"{part!r} runs backwards; give the smaller number first")
        numbers += range(int(first), stop + 1)
    return tuple(dict.fromkeys(numbers))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise argparse.ArgumentTypeError("is empty; give names of views")
    return names


def weight(text: str) -> float:
    """Of a loss: 0 or more."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError("must be 0 (off) or a positive number")
    return value
