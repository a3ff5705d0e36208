"""How much of a clip a reviewer watched, measured or stated: a verdict on what was not watched is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from neuface_engine.errors import ConfigError
from neuface_engine.review.events import Shown

MEASURED, STATED = "measured", "stated"
Basis = Literal["measured", "stated"]


@dataclass(frozen=True)
class CoverageRule:
    """When a clip counts as watched.

    frames        share of its frames that were shown, in one view or another
    every_view    every view was shown at least once
    seconds       looked at, at least
    stated        whether a reviewer's word for it is enough; else only what the window measured counts
    """

    frames: float = 0.95
    every_view: bool = True
    seconds: float = 2.0
    stated: bool = True

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> CoverageRule:
        """From a project's settings. Raises ConfigError for what means nothing."""
        try:
            rule = cls(
                frames=float(settings.get("frames", cls.frames)),
                every_view=bool(settings.get("every_view", cls.every_view)),
                seconds=float(settings.get("seconds", cls.seconds)),
                stated=bool(settings.get("stated", cls.stated)),
            )
        except (TypeError, ValueError) as error:
            raise ConfigError("coverage: frames and seconds are numbers; correct the settings") from error
        if not 0 <= rule.frames <= 1 or not rule.seconds >= 0:
            raise ConfigError(
                "coverage: frames is a share from 0 to 1, seconds not negative; correct the settings"
            )
        return rule


@dataclass
class Coverage:
    """What was shown of one track, added up; `show` while it plays, `add` from the log.

    Frames count from 0; `views` are the names of all views of the sequence.

    basis       "measured": the window counted what it drew; "stated": the reviewer says so
    handed_s    of a statement: seconds between handing out the clip and the verdict; None where it was not handed out
    """

    num_frames: int
    views: tuple[str, ...]
    seconds: float = 0.0
    basis: Basis = "measured"
    handed_s: float | None = None
    _seen: dict[str, bytearray] = field(default_factory=dict, repr=False)

    def show(self, frame: int, views: Iterable[str], seconds: float = 0.0) -> None:
        """One frame was on the screen in these views, for this long."""
        if 0 <= frame < self.num_frames:
            for view in views:
                self._row(view)[frame] = 1
        self.seconds += max(0.0, seconds)

    def add(self, shown: Shown) -> None:
        """What an event of the log says was shown."""
        for view, ranges in shown.frames.items():
            row = self._row(view)
            for first, last in ranges:
                last = min(last, self.num_frames - 1)
                if first <= last:
                    row[first : last + 1] = b"\x01" * (last - first + 1)
        self.seconds += shown.seconds

    @property
    def frames(self) -> float:
        """Share of the frames that were shown, in one view or another; 0 for a clip without frames."""
        if not self.num_frames:
            return 0.0
        shown = 0
        for row in self._seen.values():
            shown |= int.from_bytes(row, "big")
        return shown.bit_count() / self.num_frames

    @property
    def missing_frames(self) -> list[tuple[int, int]]:
        """Ranges of frames that were shown in no view."""
        seen = bytearray(self.num_frames)
        for row in self._seen.values():
            for first, last in _ranges(row):
                seen[first : last + 1] = b"\x01" * (last - first + 1)
        return _ranges(bytes(1 - value for value in seen))

    @property
    def missing_views(self) -> tuple[str, ...]:
        """Views of which no frame was shown."""
        return tuple(view for view in self.views if not any(self._seen.get(view, b"")))

    def sufficient(self, rule: CoverageRule = CoverageRule()) -> bool:
        """Whether a verdict now counts."""
        enough_views = not rule.every_view or not self.missing_views
        allowed = rule.stated or self.basis == MEASURED
        return allowed and self.frames >= rule.frames and enough_views and self.seconds >= rule.seconds

    def lacking(self, rule: CoverageRule = CoverageRule()) -> str:
        """What is still to be looked at, in words; empty where it is enough."""
        words = []
        if self.frames < rule.frames:
            words.append(f"{int(100 * self.frames)} % of the frames shown, {100 * rule.frames:.0f} % needed")
        if rule.every_view and self.missing_views:
            words.append(f"not shown: {', '.join(self.missing_views)}")
        if self.seconds < rule.seconds:
            words.append(f"looked at for {self.seconds:.1f} s, {rule.seconds:g} s needed")
        if self.basis == STATED and not rule.stated:
            words.append("stated, where only what the window measures counts")
        return "; ".join(words)

    def summary(self, rule: CoverageRule = CoverageRule()) -> dict[str, Any]:
        """What a verdict carries of it: JSON values."""
        handed = {} if self.handed_s is None else {"handed_s": round(self.handed_s, 1)}
        return {
            "basis": self.basis,
            "frames": round(self.frames, 4),
            "views": [view for view in self.views if view not in self.missing_views],
            "of_views": len(self.views),
            "seconds": round(self.seconds, 2),
            "sufficient": self.sufficient(rule),
            **handed,
        }

    def ranges(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """{view: ranges of frames shown}, as a `Shown` event holds them."""
        return {view: tuple(_ranges(row)) for view, row in self._seen.items() if any(row)}

    def _row(self, view: str) -> bytearray:
        return self._seen.setdefault(view, bytearray(self.num_frames))


def of_events(shown: Sequence[Shown]) -> Coverage | None:
    """The coverage that events on one track by one reviewer add up to; None where there are none."""
    if not shown:
        return None
    coverage = Coverage(shown[-1].num_frames, shown[-1].all_views)
    for event in shown:
        coverage.add(event)
    return coverage


def basis_of(summary: Mapping[str, Any]) -> Basis:
    """What a verdict's coverage rests on; before there were statements everything was measured."""
    return "stated" if summary.get("basis") == STATED else "measured"


def _ranges(row: bytes | bytearray) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    at = row.find(1)
    while at >= 0:
        end = row.find(0, at)
        end = len(row) if end < 0 else end
        ranges.append((at, end - 1))
        at = row.find(1, end)
    return ranges
