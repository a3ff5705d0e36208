"""Repairs: what a person corrects of what an optimisation is given, and how they are kept in a file.

The file is JSON: `{"format": "neuface-repairs", "version": 1, "moved": [{"frame", "view", "landmark", "x", "y"}],
"muted": [landmark, ...], "excluded": [{"first", "last", "view"}]}`. Frames count from 0, landmarks from 0 to 67
(iBUG), x and y are pixels of the video frame, views are names; `first` and `last` null: all frames; `view` null: all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from neuface_engine.errors import ConfigError
from neuface_engine.files import written_whole
from neuface_engine.landmarks.topology import MEDIAPIPE_TO_IBUG68
from neuface_engine.optimization.options import NUM_LANDMARKS, Options

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

FORMAT, VERSION = "neuface-repairs", 1
OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True)
class Moved:
    """A landmark (0 to 67) put to its right place: pixels of the video frame (the top-left pixel's centre at 0.5)."""

    frame: int
    view: str
    landmark: int
    x: float
    y: float

    def __post_init__(self) -> None:
        _checked(self, frame=int, view=str, landmark=int, x=float, y=float)
        if not 0 <= self.landmark < NUM_LANDMARKS:
            raise ConfigError(
                f"landmark {self.landmark} is moved; give numbers from 0 to {NUM_LANDMARKS - 1}"
            )
        if self.frame < 0 or not np.isfinite([self.x, self.y]).all():
            raise ConfigError(
                f"landmark {self.landmark} is moved in frame {self.frame} to ({self.x}, {self.y})"
            )

    @property
    def place(self) -> tuple[int, str, int]:
        return self.frame, self.view, self.landmark


@dataclass(frozen=True)
class Excluded:
    """Frames `first` to `last` of a view that are not believed. None: from the start, to the end, all views."""

    first: int | None = None
    last: int | None = None
    view: str | None = None

    def __post_init__(self) -> None:
        _checked(self, first=(int, type(None)), last=(int, type(None)), view=(str, type(None)))
        low, high = self.first or 0, self.last
        if low < 0 or (high is not None and high < low):
            raise ConfigError(
                f"frames {self.first} to {self.last} are excluded; give a range that rises from 0"
            )
        if self.first is None and self.last is None and self.view is None:
            raise ConfigError("all frames of all views are excluded; name frames or a view")

    def frames(self, count: int) -> range:
        return range(self.first or 0, min(count, count if self.last is None else self.last + 1))


@dataclass(frozen=True)
class Repairs:
    """`apply(sequence)` corrects the landmarks, `options(config)` takes out what is not to be believed.

    moved     landmarks put right, one entry a place; the last one counts
    muted     landmarks (0 to 67) that are not believed, in all frames and views
    excluded  parts of the footage that are not believed
    """

    moved: tuple[Moved, ...] = ()
    muted: tuple[int, ...] = ()
    excluded: tuple[Excluded, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "moved", tuple({m.place: m for m in self.moved}.values()))
        object.__setattr__(self, "muted", tuple(sorted(set(self.muted))))
        object.__setattr__(self, "excluded", tuple(dict.fromkeys(self.excluded)))
        wrong = [k for k in self.muted if not isinstance(k, int) or not 0 <= k < NUM_LANDMARKS]
        if wrong:
            raise ConfigError(f"landmark {wrong[0]!r} is muted; give numbers from 0 to {NUM_LANDMARKS - 1}")

    def __bool__(self) -> bool:
        return bool(self.moved or self.muted or self.excluded)

    # --- one after the other ---------------------------------------------------------------------------------

    def with_moved(self, moved: Moved) -> Repairs:
        return replace(self, moved=(*(m for m in self.moved if m.place != moved.place), moved))

    def with_muted(self, landmark: int) -> Repairs:
        return replace(self, muted=(*self.muted, landmark))

    def with_excluded(self, excluded: Excluded) -> Repairs:
        return replace(self, excluded=(*self.excluded, excluded))

    @classmethod
    def of_events(cls, events: Iterable[tuple[str, Mapping[str, Any]]]) -> Repairs:
        """From pairs (what, data) in the order in which they were made: "landmark", "mute", "exclude". Raises
        ConfigError."""
        repairs = cls()
        for what, data in events:
            if what == "landmark":
                repairs = repairs.with_moved(_made(Moved, data))
            elif what == "mute":
                repairs = repairs.with_muted(_made(_Muted, data).landmark)
            elif what == "exclude":
                repairs = repairs.with_excluded(_made(Excluded, data))
            else:
                raise ConfigError(f"a repair of the kind {what!r} is unknown; update the program")
        return repairs

    def in_words(self) -> str:
        """What was repaired, short; empty where nothing was."""
        parts = []
        if self.moved:
            parts.append(f"{len(self.moved)} landmark{'s' * (len(self.moved) > 1)} moved by hand")
        if self.muted:
            parts.append(f"landmarks {', '.join(str(k) for k in self.muted)} muted")
        if self.excluded:
            parts.append(f"{len(self.excluded)} part{'s' * (len(self.excluded) > 1)} of the footage excluded")
        return "; ".join(parts)

    # --- what they do ----------------------------------------------------------------------------------------

    def apply(self, sequence: Sequence) -> Sequence:
        """The sequence with the landmarks where they belong; parts of single views that are excluded count as without a
        face. A dense landmark moves along with the one of the 68 that is nearest to it in that crop.

        The detector's name says what was done, so that a track's provenance does. Raises ConfigError for a frame or a
        view that is not there.
        """
        for moved in self.moved:
            self._check_frames(sequence, moved.frame, moved.frame, moved.view)
        for part in self.excluded:
            self._check_frames(sequence, part.first or 0, part.last or 0, part.view)
        if not self:
            return sequence
        landmarks = sequence.landmarks.clone()
        known = sequence.landmarks_dense
        dense = None if known is None else known.clone()
        detected = sequence.detected.clone()
        for moved in self.moved:
            f, v, k = moved.frame, sequence.views.index(moved.view), moved.landmark
            transform = sequence.crop_transforms[f, v]
            crop = transform[:, :2] @ [moved.x, moved.y] + transform[:, 2]
            place = torch.as_tensor(2 * crop / sequence.crop_size - 1).to(landmarks)
            shift = place - landmarks[f, v, k]
            if known is not None and dense is not None:
                dense[f, v, nearest_dense(known[f, v], k), :2] += shift
            landmarks[f, v, k] = place
        for part in self.excluded:
            if part.view is not None and (part.first is not None or part.last is not None):
                detected[list(part.frames(sequence.num_frames)), sequence.views.index(part.view)] = False
        return replace(
            sequence,
            landmarks=landmarks,
            landmarks_dense=dense,
            detected=detected,
            detector=f"{sequence.detector}; {self.in_words()}",
        )

    def options(self, config: OptionsT, sequence: Sequence) -> OptionsT:
        """The settings with what the repairs mute and exclude, besides what they had already."""
        frames = [f for part in self.excluded if part.view is None for f in part.frames(sequence.num_frames)]
        views = [p.view for p in self.excluded if p.view is not None and p.first is None and p.last is None]
        return replace(
            config,
            muted_landmarks=tuple(sorted({*config.muted_landmarks, *self.muted})),
            excluded_frames=tuple(sorted({*config.excluded_frames, *frames})),
            excluded_views=tuple(dict.fromkeys((*config.excluded_views, *views))),
        )

    @staticmethod
    def _check_frames(sequence: Sequence, first: int, last: int, view: str | None) -> None:
        beyond = max(first, last)
        if beyond >= sequence.num_frames:
            raise ConfigError(
                f"repairs: frame {beyond} is not in {sequence.name}, which has 0 to {sequence.num_frames - 1}"
            )
        if view is not None and view not in sequence.views:
            raise ConfigError(
                f"repairs: view {view!r} is not in {sequence.name}: {', '.join(sequence.views)}"
            )

    # --- the file --------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Raises ConfigError where the file cannot be written."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        with written_whole(Path(path), ConfigError) as stream:
            stream.write((json.dumps(content, indent=1) + "\n").encode())

    @classmethod
    def load(cls, path: str | Path) -> Repairs:
        """Raises ConfigError, naming the file and what is wrong with it."""
        path = Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not JSON"
            raise ConfigError(f"{path}: cannot be read ({reason}); give a file of repairs") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ConfigError(f'{path}: not a file of repairs; it must say "format": "{FORMAT}"')
        if content.get("version") != VERSION:
            raise ConfigError(f"{path}: written by a later version; update the program")
        try:
            return cls.of_record(content)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    @classmethod
    def of_record(cls, content: Mapping[str, Any]) -> Repairs:
        """From what `asdict` made of them, and a file holds. Raises ConfigError."""
        return cls(
            moved=tuple(_made(Moved, entry) for entry in _entries(content, "moved")),
            muted=tuple(_entries(content, "muted")),
            excluded=tuple(_made(Excluded, entry) for entry in _entries(content, "excluded")),
        )


@dataclass(frozen=True)
class _Muted:
    landmark: int


def nearest_dense(points: Tensor, landmark: int) -> Tensor:
    """Numbers of the dense landmarks that belong to one of the 68: it is the nearest to them in this crop.

    points [478, 2 or 3] in crop units.
    """
    flat = points[:, :2].double()
    nearest = torch.cdist(flat, flat[list(MEDIAPIPE_TO_IBUG68)]).argmin(1)
    return (nearest == landmark).nonzero()[:, 0]


T = TypeVar("T", Moved, Excluded, _Muted)


def _made(cls: type[T], data: Any) -> T:
    if not isinstance(data, Mapping):
        raise ConfigError(f"{data!r} is not a repair; give an object with {_names(cls)}")
    names = set(cls.__dataclass_fields__)
    if set(data) - names:
        raise ConfigError(f"a repair has {sorted(set(data) - names)[0]!r}; it has {_names(cls)}")
    try:
        return cls(**data)
    except TypeError:
        raise ConfigError(f"a repair lacks something; it has {_names(cls)}") from None


def _names(cls: type[Moved | Excluded | _Muted]) -> str:
    return ", ".join(cls.__dataclass_fields__)


def _entries(content: Mapping[str, Any], name: str) -> list[Any]:
    entries = content.get(name, [])
    if not isinstance(entries, list):
        raise ConfigError(f"{name} is not a list")
    return entries


def _checked(repair: Any, **kinds: Any) -> None:
    """Values of the right kind; a whole number will do for a float, and True is no number."""
    for name, kind in kinds.items():
        value = getattr(repair, name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            object.__setattr__(repair, name, float(value))
        elif isinstance(value, bool) or not isinstance(value, kind):
            raise ConfigError(f"{name} of a repair is {value!r}")
