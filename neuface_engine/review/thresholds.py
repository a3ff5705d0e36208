"""What is looked at by itself, and from which number on it is flagged: fixed, or set by the project's own tracks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from neuface_engine.errors import ConfigError

ENOUGH = 20  # sequences before the project's distribution sets a limit
Side = Literal["above", "below"]


@dataclass(frozen=True)
class Check:
    """One automatic check: `measure` beyond a limit on one side raises the flag `name`.

    title   the measure as the window calls it; unit of value and limit ("" = none, "share" is written in percent)
    text    the finding in words, with {value} and {limit}
    limit   fixed; also what counts while the project is too small for `spread`
    spread  None = the limit stays fixed. Otherwise the limit is the project's outer fence: `spread` interquartile
            ranges beyond the quartile (Tukey), on a logarithmic scale, but never milder than `limit`
    """

    name: str
    measure: str
    side: Side
    limit: float
    title: str
    unit: str
    text: str
    spread: float | None = None

    def beyond(self, value: float, limit: float) -> bool:
        """Whether the value is flagged; an unknown value never is."""
        if not math.isfinite(value):
            return False
        return value > limit if self.side == "above" else value < limit


CHECKS: tuple[Check, ...] = (
    Check(
        "no face", "no_face_share", "above", 0.1, "pictures without a face", "share",
        "no face is found in {value} of the pictures; flagged above {limit}",
    ),
    Check(
        "not fitted", "unfitted_share", "above", 0.0, "frames never fitted", "share",
        "{value} of the frames were never fitted; flagged above {limit}",
    ),
    Check(
        "cut", "cuts", "above", 0.0, "cuts in the video", "",
        "the video is cut {value} times; flagged above {limit}",
    ),
    Check(
        "out of sync", "views_lag_frames", "above", 0.5, "lag between views", "frames",
        "the mouth of one view is {value} behind the others; flagged above {limit}",
    ),
    Check(
        "frozen lips", "lip_aperture_ratio", "below", 0.5, "lip movement", "",
        "the lips move {value} as much as the landmarks; flagged below {limit}",
    ),
    Check(
        "frozen lids", "lid_aperture_ratio", "below", 0.5, "lid movement", "",
        "the lids move {value} as much as the landmarks; flagged below {limit}",
    ),
    Check(
        "unlikely shape", "shape_rms_sd", "above", 1.5, "head shape, rms", "sd",
        "the head's shape is {value} from the mean; flagged above {limit}", spread=2.0,
    ),
    Check(
        "identity drifts", "identity_drift_mm", "above", 2.0, "identity over time", "mm",
        "the neutral face moves {value} over time; flagged above {limit}", spread=2.0,
    ),
    Check(
        "identity differs", "identity_across_views_mm", "above", 3.0, "identity between views", "mm",
        "the neutral faces of the views are {value} from their mean; flagged above {limit}", spread=2.0,
    ),
    Check(
        "jump", "jump_percent", "above", 8.0, "largest sudden step", "% of the face",
        "the mesh jumps by {value} from one frame to the next; flagged above {limit}", spread=3.0,
    ),
    Check(
        "off the face", "nme_percent", "above", 5.0, "landmark error (NME)", "%",
        "the mesh misses the landmarks by {value} of the face's size; flagged above {limit}", spread=2.0,
    ),
    Check(
        "views disagree", "cvd_mm", "above", 8.0, "distance between views (CVD)", "mm",
        "the meshes of the views are {value} apart; flagged above {limit}", spread=2.0,
    ),
    Check(
        "shaky", "msi_landmark", "below", 0.02, "steadiness (MSI)", "frame⁴/mm²",
        "the mesh's steadiness is {value}; flagged below {limit}", spread=2.0,
    ),
    *(
        Check(
            f"{part} off", f"residual_{part}_percent", "above", limit, f"landmark error, {part}", "%",
            f"the {part} of the mesh {verb} the landmarks by {{value}} of the face's size; flagged above {{limit}}",
            spread=2.0,
        )
        for part, verb, limit in (
            ("contour", "misses", 9.0),
            ("brows", "miss", 6.0),
            ("nose", "misses", 6.0),
            ("eyes", "miss", 4.0),
            ("lips", "miss", 5.0),
        )
    ),
)  # fmt: skip
BY_NAME = {check.name: check for check in CHECKS}


@dataclass(frozen=True)
class Thresholds:
    """The checks as this project has them, each with the limit that counts now.

    `limits` are what was asked for: name of the check -> a fixed number, or None for the check's own rule; `off` are
    checks that are not made.
    """

    limits: Mapping[str, float]
    off: frozenset[str] = frozenset()
    learned: Mapping[str, float] | None = None

    @classmethod
    def default(cls) -> Thresholds:
        """The checks' own limits."""
        return cls({})

    def limit(self, check: Check) -> float:
        """What was asked for; else what the project's distribution says; else the check's fixed limit."""
        if check.name in self.limits:
            return self.limits[check.name]
        return (self.learned or {}).get(check.name, check.limit)

    def origin(self, check: Check) -> str:
        """Where the limit comes from: "set", "project" or "default"."""
        if check.name in self.limits:
            return "set"
        return "project" if check.name in (self.learned or {}) else "default"

    def checks(self) -> Iterable[Check]:
        """Those that are made."""
        return (check for check in CHECKS if check.name not in self.off)

    def changed(self, name: str, limit: float | None) -> Thresholds:
        """With another limit for a check (None: its own rule again). Raises ConfigError for an unknown check."""
        _known(name)
        if limit is not None and not math.isfinite(limit):
            raise ConfigError(f"{name}: {limit} is no limit; give a number")
        limits = {key: value for key, value in self.limits.items() if key != name}
        return replace(self, limits=limits if limit is None else {**limits, name: float(limit)})

    def switched(self, name: str, on: bool) -> Thresholds:
        """With a check made or not. Raises ConfigError for an unknown check."""
        _known(name)
        return replace(self, off=self.off - {name} if on else self.off | {name})

    def fitted(self, measures: Iterable[Mapping[str, float]]) -> Thresholds:
        """With the limits that the measures of a project's sequences give to the checks that have a `spread`.

        Nothing is learned from fewer than 20 known values of a measure.
        """
        rows = list(measures)
        learned = {}
        for check in CHECKS:
            if check.spread is None:
                continue
            values = np.array([row.get(check.measure, math.nan) for row in rows], float)
            fence = outer_fence(values, check.side, check.spread)
            if fence is not None:
                stricter = min if check.side == "above" else max
                learned[check.name] = stricter(fence, check.limit)
        return replace(self, learned=learned or None)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Thresholds:
        """From a project's settings (part "flags"). Raises ConfigError for what means nothing."""
        try:
            limits, learned = _numbers(settings.get("limits", {})), _numbers(settings.get("learned", {}))
            off = frozenset(map(str, settings.get("off", ()))) & set(BY_NAME)
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                "flags: limits are numbers by name of the check; correct the settings"
            ) from error
        return cls(limits, off, learned or None)

    def to_settings(self) -> dict[str, Any]:
        """As JSON values, for `Project.set_settings("flags", ...)`."""
        return {
            "limits": dict(sorted(self.limits.items())),
            "off": sorted(self.off),
            "learned": dict(sorted((self.learned or {}).items())),
        }


def outer_fence(values: np.ndarray, side: Side, spread: float) -> float | None:
    """Tukey's fence on a logarithmic scale: `spread` interquartile ranges beyond the upper (lower) quartile.

    None with fewer than 20 positive finite values. Equal values give a fence at 1.05 times (1 / 1.05 of) them.
    """
    known = values[np.isfinite(values) & (values > 0)]
    if len(known) < ENOUGH:
        return None
    low, high = np.quantile(np.log(known), [0.25, 0.75])
    reach = max(spread * (high - low), math.log(1.05))
    return float(np.exp(high + reach) if side == "above" else np.exp(low - reach))


def _known(name: str) -> None:
    if name not in BY_NAME:
        raise ConfigError(f"no check is called '{name}'; there are: {', '.join(BY_NAME)}")


def _numbers(values: Mapping[str, float]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items() if name in BY_NAME}
