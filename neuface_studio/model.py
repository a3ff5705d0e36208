"""What the window's state is made of: plain immutable values that may cross threads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import neuface_engine as nf


class RunState(Enum):
    """What the optimiser is doing, in the words the window uses."""

    EMPTY = "nothing open"
    PREPARING = "preparing"
    READY = "ready"
    RUNNING = "optimising"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "stopped by an error"

    @property
    def can_run(self) -> bool:
        return self in (RunState.READY, RunState.PAUSED, RunState.FINISHED)


class CompareMode(Enum):
    """How the comparison lies beside what is shown."""

    OFF = "off"
    WIPE = "wipe"
    SIDE = "side by side"


@dataclass(frozen=True)
class Notice:
    """A line for the reviewer: ``level`` is "info", "good", "warning" or "error".

    ``about`` is what it speaks of, if that can change: a newer line about the same takes its place.
    """

    level: str
    text: str
    about: str = ""


@dataclass(frozen=True)
class Task:
    """Long work in progress: ``fraction`` is 0..1, or None while the amount is unknown."""

    label: str
    fraction: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class IterationRecord:
    """One EM iteration as the window keeps it: parameters and figures, no meshes.

    ``parameters`` is a `FaceParameters` [F, V, ...] on the CPU; ``cvd_mm``, ``msi`` and ``nme_percent`` are [V].
    """

    index: int
    parameters: Any
    losses: dict[str, float]
    cvd_mm: np.ndarray
    msi: np.ndarray
    nme_percent: np.ndarray
    seconds: float
    saved: bool = False
    run: str = ""  # the run it belongs to, where there are several
    planted: str = (
        ""  # a failure planted to check the reviewer, by its id: never saved, never judged as the track
    )
    alias: str = ""  # what it is called instead of what it is, in a blind comparison
    settings: Any = None  # the engine's `NeuFaceConfig` under which its losses are meant; None = the defaults
    given: Any = None  # the track itself, where it is shown as it is (`given_tracks`)
    origin: str = ""  # what made it, where that was not this software
    muted: frozenset[str] = frozenset()  # parameter groups that are put to neutral in what is drawn

    @property
    def key(self) -> tuple[str, int, bool | str]:
        """What tells this state from every other one of the same footage."""
        return self.run, self.index, self.planted or self.saved

    @property
    def drawn_key(self) -> tuple[object, ...]:
        """What tells its meshes, as they are drawn, from all others."""
        return *self.key, self.muted

    @property
    def map_key(self) -> tuple[str, int]:
        """Under which its gradient map is kept."""
        return self.run, self.index

    @property
    def title(self) -> str:
        """The state in words."""
        if self.alias:
            return self.alias
        muted = f" (muted: {', '.join(sorted(self.muted))})" if self.muted else ""
        if self.index == 0:
            return f"encoder only{muted}"
        if self.origin:
            return f"{self.run or 'result'} of {self.origin}"
        if self.run:
            return f"{self.run.partition(' (')[0]}: {self.index}{muted}"
        return (f"saved result, {self.index}" if self.saved else f"iteration {self.index}") + muted


ITERATIONS = 350
"""EM iterations of a run where nothing else is set: what `NeuFaceConfig` says, without importing torch."""

FIRST_RUN = ""
"""Name of the run that starts with the footage."""


def run_title(name: str) -> str:
    """The name of a run as the window writes it."""
    return name or "NeuFace"


@dataclass(frozen=True)
class Footage:
    """Everything that was loaded in the background for one sequence; immutable, shared by all threads."""

    sequence: nf.Sequence
    head: nf.FaceModel
    encoder: nf.Encoder
    faces: np.ndarray  # [T, 3] int32
    is_demo: bool = False
    original: nf.Sequence | None = None  # as the detector left it, where it was repaired by hand


@dataclass(frozen=True)
class Judgement:
    """The standing verdict on the sequence; ``stale`` when the track has changed since.

    ``reasons`` are the words of the log; ``watched``: enough of the clip was shown for the verdict to count.
    """

    verdict: str
    note: str
    reviewer: str
    time: str
    stale: bool = False
    reasons: tuple[str, ...] = ()
    watched: bool = False


def parameter_bytes(parameters: Any) -> int:
    """Bytes held by the tensors of a `FaceParameters`."""
    tensors = (value for value in vars(parameters).values() if hasattr(value, "element_size"))
    return sum(tensor.element_size() * tensor.nelement() for tensor in tensors)
