"""A run of an earlier session as its file has it: to be looked at, and to be gone on from.

The history, the settings and the tracks are there at once; the optimiser is only made when `wake` is called. Under
which repairs the run went on from when stands in the file, so that it is understood from the footage as it is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.encoders import Encoder
from neuface_engine.errors import CheckpointError, ConfigError
from neuface_engine.face_model import FaceModel
from neuface_engine.files import written_whole
from neuface_engine.optimization.checkpoint import (
    ROWS,
    check_identity,
    iterations_of,
    packed,
    read_checkpoint,
    settings_of,
    snapshot_of,
)
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.flame_fitting import FittingLosses, FlameFitting, FlameFittingConfig
from neuface_engine.optimization.history import History, Iteration
from neuface_engine.optimization.losses import Losses
from neuface_engine.optimization.neuface import NeuFace
from neuface_engine.optimization.repairs import Repairs
from neuface_engine.optimization.run import Run, track_of
from neuface_engine.optimization.settings import Sequences, Settings
from neuface_engine.tracks import FaceTrack

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

METHODS: dict[str, tuple[type[Run], type[NeuFaceConfig], type[Losses]]] = {
    NeuFace.method: (NeuFace, NeuFaceConfig, Losses),
    FlameFitting.method: (FlameFitting, FlameFittingConfig, FittingLosses),
}


class KeptHistory(History):
    """Iterations without a gap, of which the earlier ones may be missing."""

    def __init__(self, iterations: list[Iteration]) -> None:
        super().__init__(iterations)
        self.first = iterations[0].index

    def __len__(self) -> int:
        return self.first + super().__len__()

    @property
    def indices(self) -> range:
        return range(self.first, len(self))

    def iteration(self, index: int) -> Iteration:
        return super().iteration(index if index < 0 else index - self.first)


@dataclass(frozen=True)
class KeptRun:
    """What stands in a file of `save_checkpoint`; `read` makes it."""

    path: Path
    name: str
    method: str
    settings: Settings
    sequences: Sequences
    history: KeptHistory
    pretrained: Encoder
    head: FaceModel

    @classmethod
    def read(
        cls, path: Path, encoder: Encoder, head: FaceModel, sequence_under: Callable[[Repairs], Sequence]
    ) -> KeptRun:
        """``sequence_under(repairs)`` gives the footage with these repairs.

        Raises CheckpointError for a damaged file, and where footage or models are other ones.
        """
        header, tensors = read_checkpoint(path)
        try:
            method = header["identity"]["method"]
            _, configs, losses = METHODS[method]
            made = header.get("repairs") or [[0, {}]]
            phases = [(int(start), Repairs.of_record(entry)) for start, entry in made]
            sequences = tuple((start, sequence_under(repairs)) for start, repairs in phases)
            settings = tuple((int(start), _config(configs, entry)) for start, entry in header["settings"])
            iterations = iterations_of(header, tensors, losses)
            whole = (
                sequences[0][0] == 0 and settings[0][0] == 0 and iterations[-1].index == header["iteration"]
            )
            views = sequences[0][1].landmarks.shape[:2]
            if not whole or iterations[0].parameters.shape.shape[:2] != views:
                raise ValueError("incomplete")
        except ConfigError as error:
            raise CheckpointError(f"{path}: {error}; remove it") from None
        except (KeyError, ValueError, TypeError, RuntimeError, IndexError) as error:
            raise CheckpointError(f"{path}: damaged ({type(error).__name__}); remove it") from None
        head = encoder.fitted_head(head)
        check_identity(path, header, method, sequences[-1][1], encoder, head)
        return cls(
            path,
            str(header.get("name", "")),
            method,
            settings,
            sequences,
            KeptHistory(iterations),
            encoder,
            head,
        )

    @property
    def config(self) -> NeuFaceConfig:
        """The settings under which it goes on."""
        return self.settings[-1][1]

    @property
    def sequence(self) -> Sequence:
        """The footage with which it goes on."""
        return self.sequences[-1][1]

    @property
    def initial(self) -> Iteration:
        """The earliest iteration that is kept."""
        return self.history.iteration(self.history.first)

    def track(self, iteration: int | None = None) -> FaceTrack:
        """As `Run.track`."""
        return track_of(self, self.history.indices[-1] if iteration is None else iteration)

    def wake(self, *, device: str = "auto") -> Run:
        """The run itself, in the state in which it was saved. Raises CheckpointError, also where only its result was
        kept (`thin`)."""
        if self.history.first:
            raise CheckpointError(
                f"{self.path}: of this run only iteration {self.history.first} is kept; begin a new one"
            )
        header, tensors = read_checkpoint(self.path)
        run = METHODS[self.method][0](
            self.sequences[0][1], self.pretrained, self.head, config=self.settings[0][1], device=device
        )
        try:
            snapshot = snapshot_of(header, tensors, run)
            run.sequences, run.sequence = self.sequences, self.sequence
            run.restore(snapshot, [self.history.iteration(t) for t in self.history.indices], self.settings)
        except (KeyError, ValueError, TypeError, RuntimeError, IndexError) as error:
            raise CheckpointError(f"{self.path}: damaged ({type(error).__name__}); remove it") from None
        run.snapshots.add(snapshot)
        return run


def thin(path: Path) -> None:
    """Keep of a saved run its newest iteration only: it can be shown, compared and saved, but not gone on from.

    Raises CheckpointError.
    """
    header, tensors = read_checkpoint(path)
    header["first"] = header["iteration"]
    kept = {
        name: tensor[-1:]
        for name, tensor in tensors.items()
        if name in ROWS or name.startswith("parameters/")
    }
    content = packed(header, kept)
    with written_whole(path, CheckpointError) as stream:
        stream.write(content)


def _config(kind: type[NeuFaceConfig], entry: dict[str, Any]) -> NeuFaceConfig:
    """Settings as JSON has them: lists for tuples.

    Raises TypeError for a name that is unknown.
    """
    known = {field.name for field in fields(kind)}
    if not entry.keys() <= known:
        raise TypeError("settings of a later version")
    values = settings_of(entry, known).items()
    read: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values
    }
    return kind(**read)
