"""What a run can be told beyond the paper; all of it is off by default (docs/options.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from neuface_engine.errors import ConfigError

NUM_LANDMARKS = 68


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options beyond the paper. Every default leaves the run as it would be without the option.

    robust_scale          0 = off; else landmarks count by Geman and McClure's loss, which levels off at about this
                          distance [crop units, 2 = the side of a crop], and crops by the detector's confidence
    muted_landmarks       numbers (0 to 67) of landmarks that are not believed, with the dense ones around them
    excluded_frames       frames, by position in the sequence, whose evidence has no weight; they get meshes as frames
                          without a face do
    excluded_views        the same for views, by name
    acceleration_weight   of the mean acceleration of jaw, lips and lids with the head's motion taken out [m / frame^2]
    camera_weight         of the angle between the views' head orientations in the world, for known cameras [rad]
    camera_file           json or npz with the cameras' rotations; None = cameras.json or cameras.npz beside the videos
    one_shape             one identity in all frames and views: the mean of what the crops say
    trust_weight          of the squared departure from the initial prediction, in units of each parameter
    """

    robust_scale: float = 0.0
    muted_landmarks: tuple[int, ...] = ()
    excluded_frames: tuple[int, ...] = ()
    excluded_views: tuple[str, ...] = ()
    acceleration_weight: float = 0.0
    camera_weight: float = 0.0
    camera_file: str | None = None
    one_shape: bool = False
    trust_weight: float = 0.0

    def check_options(self) -> None:
        """Raises ConfigError for a value that means nothing; lists become tuples."""
        for name in ("muted_landmarks", "excluded_frames", "excluded_views"):
            given = getattr(self, name)
            if isinstance(given, (str, int)) or given is None:
                raise ConfigError(f"{name} is {given!r}; give a list")
            object.__setattr__(self, name, tuple(given))
        wrong = [k for k in self.muted_landmarks if not 0 <= k < NUM_LANDMARKS]
        if wrong:
            raise ConfigError(f"muted_landmarks has {wrong[0]}; give numbers from 0 to {NUM_LANDMARKS - 1}")
        if len(set(self.muted_landmarks)) == NUM_LANDMARKS:
            raise ConfigError("muted_landmarks are all there are; leave some")
        if any(f < 0 for f in self.excluded_frames):
            raise ConfigError("excluded_frames are counted from 0; give none below")
        if self.camera_file is not None and self.camera_weight == 0:
            raise ConfigError("camera_file has no effect without camera_weight; give both")


def check_numbers(config: Any, above_0: tuple[str, ...]) -> None:
    """Raises ConfigError where a number of the dataclass `config` is none, is not finite, or lies below its range."""
    for field in fields(config):
        value, (kind, _, optional) = getattr(config, field.name), str(field.type).partition(" | ")
        if kind not in ("int", "float") or (optional and value is None):
            continue
        wanted = "a whole number" if kind == "int" else "a number"
        if isinstance(value, bool) or not isinstance(value, Integral if kind == "int" else Real):
            raise ConfigError(f"{field.name} is {value!r}; give {wanted}")
        positive = field.name in above_0
        if not math.isfinite(value) or value < 0 or (positive and value == 0):
            raise ConfigError(
                f"{field.name} is {value:g}; give {wanted} {'above 0' if positive else 'from 0 on'}"
            )
