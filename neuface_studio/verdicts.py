"""The verdicts on one sequence, kept in its project's append-only log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from neuface_engine.review import Project, Verdict, file_hash
from neuface_engine.review.coverage import Coverage
from neuface_engine.review.journal import Journal
from neuface_studio.session import Judgement


@dataclass(frozen=True)
class Said:
    """A verdict as a reviewer gives it; ``adjudicate``: with the last word."""

    verdict: str
    note: str
    reviewer: str
    reasons: tuple[str, ...] = ()
    coverage: Coverage | None = None
    adjudicate: bool = False


class VerdictBook:
    """Reads and writes the verdicts on ``sequence``; every write is on the disk when the method returns.

    All methods raise ProjectError, naming the file and the remedy.
    """

    def __init__(self, project: Project, sequence: str) -> None:
        self._project = project
        self._sequence = sequence
        self._track_file: Path | None = None

    @property
    def project(self) -> Project:
        return self._project

    @property
    def sequence(self) -> str:
        """Its name in the project."""
        return self._sequence

    @property
    def track_hash(self) -> str:
        """sha256 of the track as it is on the disk now."""
        return file_hash(self.track_file)

    @property
    def track_file(self) -> Path:
        """The track that verdicts are about."""
        if self._track_file is None:
            self._track_file = self._project.add_sequence(self._sequence)
        return self._track_file

    @property
    def log(self) -> Journal:
        return self._project.log

    def add(self, said: Said) -> Verdict:
        """Judge the track as it is on the disk now."""
        return self._project.judge(
            self._sequence,
            said.verdict,
            said.reviewer,
            reasons=said.reasons,
            note=said.note,
            coverage=said.coverage,
            adjudicate=said.adjudicate,
        )

    def last(self) -> Verdict | None:
        """The newest verdict on the sequence that was not taken back, or None."""
        own = self._project.all_verdicts(self._sequence)
        return own[-1] if own else None

    def current(self, own: str = "") -> Judgement | None:
        """The verdict that stands (``own``: only that of this reviewer), or None."""
        if own:
            verdicts = self._project.all_verdicts(self._sequence)
            verdict = next((v for v in reversed(verdicts) if v.reviewer == own), None)
        else:
            verdict = self._project.verdict(self._sequence)
        if verdict is None:
            return None
        return Judgement(
            verdict=verdict.verdict,
            note=verdict.note,
            reviewer=verdict.reviewer,
            time=local_time(verdict.time),
            stale=verdict.is_stale(self.track_hash),
            reasons=verdict.reasons,
            watched=bool(verdict.coverage.get("sufficient", False)),
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """What the user should know of: why the project is read-only, damaged lines of its logs."""
        return self._project.problems

    def check_writable(self) -> None:
        """Raises ProjectError, saying why, where nothing can be written in the project."""
        self._project.check_writable()


def local_time(utc: str) -> str:
    """An ISO time in UTC as the reviewer's clock showed it."""
    try:
        moment = datetime.fromisoformat(utc).astimezone()
    except ValueError:
        return utc
    today = moment.date() == datetime.now().astimezone().date()
    return moment.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
