"""The runs of a sequence on the disk: kept now and then, found again by the next session, within bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.errors import CheckpointError, NeuFaceError
from neuface_engine.optimization.repairs import Repairs
from neuface_studio.model import FIRST_RUN
from neuface_studio.worker.held_run import HeldRun
from neuface_studio.worker.mailbox import SavedResult

if TYPE_CHECKING:
    from neuface_engine.optimization.kept_run import KeptRun

INTERVAL_S = 20.0  # between two states that are kept while a run goes on
FIRST_FILE = "state.safetensors"
BRANCHES = "branches"
BRANCH_BYTES = (
    500_000_000  # of a sequence's branches; beyond, of those written longest ago only the result is kept
)
PROJECT_BYTES = 20_000_000_000  # of all runs of a project


class RunKeeper:
    """Keeps runs below ``folder``, each in a file of its own; None: nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[str, Path] = {}  # by the run's name
        self._kept: dict[str, int] = {}  # the iteration in each file
        self._time = time.monotonic()
        self._failing = False

    def read(
        self, encoder: Any, head: Any, sequence_under: Callable[[Repairs], Any]
    ) -> tuple[dict[str, KeptRun], list[str]]:
        """The runs of earlier sessions in the order in which they began, and why others are left aside, a line each."""
        from neuface_engine.optimization.kept_run import KeptRun

        runs: dict[str, KeptRun] = {}
        trouble = []
        for path in saved_runs(self._folder):
            try:
                run = KeptRun.read(path, encoder, head, sequence_under)
            except NeuFaceError as error:
                trouble.append(str(error))
                continue
            name = FIRST_RUN if path.parent.name != BRANCHES else run.name or path.stem
            runs[name] = run
            self._files[name] = path
            self._kept[name] = len(run.history) - 1
        return runs, trouble

    def keep(self, runs: Iterable[tuple[HeldRun, Any]], *, at_once: bool = False) -> str:
        """Write what is new of these runs, each with its repairs, if it is time; why that fails, once, else nothing."""
        if self._folder is None or not (at_once or time.monotonic() - self._time > INTERVAL_S):
            return ""
        self._time = time.monotonic()
        try:
            written = [held.name for held, repairs in runs if self._write(self._folder, held, repairs)]
            if any(written):
                self._bound_branches(self._folder)
        except NeuFaceError as error:
            first, self._failing = not self._failing, True
            return f"A crash would lose iterations: {error}" if first else ""
        self._failing = False
        return ""

    def _write(self, folder: Path, held: HeldRun, repairs: Any) -> bool:
        from neuface_engine.optimization.checkpoint import save_checkpoint

        if held.last in (0, self._kept.get(held.name)):
            return False
        path = self._files.get(held.name) or self._new_file(folder, held.name)
        save_checkpoint(held.run, path, name=held.name, repairs=repairs)
        self._files[held.name] = path
        self._kept[held.name] = held.last
        return True

    def _new_file(self, folder: Path, name: str) -> Path:
        if name == FIRST_RUN:
            return folder / FIRST_FILE
        numbers = [int(path.stem) for path in saved_runs(folder) if path.stem.isdecimal()]
        return folder / BRANCHES / f"{max(numbers, default=0) + 1:04d}.safetensors"

    def _bound_branches(self, folder: Path) -> None:
        branches = [path for path in saved_runs(folder) if path.parent.name == BRANCHES]
        bound(branches, BRANCH_BYTES)

    def bound_project(self) -> str:
        """Keep the runs of the whole project within bounds; why that fails."""
        if self._folder is None:
            return ""
        try:
            sequences = _folders(self._folder.parent.parent)
            faces = (one for sequence in sequences for one in _folders(sequence))
            bound([path for face in faces for path in saved_runs(face)], PROJECT_BYTES)
        except NeuFaceError as error:
            return str(error)
        return ""


def saved_runs(folder: Path | None) -> list[Path]:
    """The files of a sequence's runs, that of the first run before the branches as they began."""
    if folder is None:
        return []
    first = folder / FIRST_FILE
    return [first] * first.is_file() + sorted((folder / BRANCHES).glob("*.safetensors"))


def bound(paths: list[Path], limit: int) -> None:
    """Reduce the files written longest ago to the results of their runs until all are within the limit; a first run's
    is the sequence's track and goes. Raises CheckpointError."""
    from neuface_engine.optimization.kept_run import thin

    sizes = {path: path.stat().st_size for path in paths}
    for path in sorted(paths, key=lambda path: path.stat().st_mtime)[:-1]:
        if sum(sizes.values()) <= limit:
            return
        try:
            if path.parent.name == BRANCHES:
                thin(path)
                sizes[path] = path.stat().st_size
            else:
                path.unlink()
                sizes[path] = 0
        except CheckpointError:
            continue  # damaged: left to the user, who was told
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be removed ({error.strerror}); free some space") from None


def owner(runs: dict[str, KeptRun], saved: SavedResult) -> str | None:
    """The run among whose iterations the sequence's track is."""
    index, pose = saved.record.index, saved.record.parameters.pose.cpu()
    for name, run in runs.items():
        if index in run.history.indices and run.history.parameters(index).pose.allclose(pose, atol=1e-5):
            return name
    return None


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else iter(())
