"""``--auto``: drives the real window without a user, saves screenshots and a table of metrics, and quits."""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, QTimer, Slot
from PySide6.QtWidgets import QApplication

from neuface_studio.session import Notice, RunState, Task

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow

SIZES = ((1920, 1200), (1366, 768))
SETTLE_SECONDS = 1.2
GIVE_UP_SECONDS = 1800.0
ROWS = (
    ("mpve_mm", "true vertex error [mm]", "lower"),
    ("cvd_mm", "CVD, cross-view distance [mm]", "lower"),
    ("msi_landmark", "MSI of landmarks [frame^4/mm^2]", "higher"),
    ("msi_vertex", "MSI of vertices [frame^4/mm^2]", "higher"),
    ("nme_percent", "NME [%]", "lower"),
    ("lip_aperture_ratio", "lip opening, mesh / landmarks", "near 1"),
    ("shape_rms_sd", "shape size [sd]", "below 1.3"),
)


class AutomaticTour(QObject):
    """A short script over the window: optimise, take pictures on the way and at the end, write the figures."""

    def __init__(self, folder: Path, iterations: int) -> None:
        super().__init__()
        self._folder = folder
        self._iterations = iterations
        self._scratch = tempfile.TemporaryDirectory(prefix="neuface_tour_")
        self.project = Path(self._scratch.name) / "project"
        self.settings = QSettings(str(Path(self._scratch.name) / "settings.ini"), QSettings.Format.IniFormat)
        self._window: MainWindow | None = None
        self._script: Iterator[Callable[[], bool]] | None = None
        self._condition: Callable[[], bool] = lambda: True
        self._started = time.perf_counter()
        self._failure = ""
        self._stage = ""
        self._timer = QTimer(self)
        self._timer.setInterval(60)
        self._timer.timeout.connect(self._tick)

    def drive(self, application: QApplication, window: MainWindow) -> int:
        """Run the script to its end; 0, or 1 if something went wrong."""
        self._window = window
        self._folder.mkdir(parents=True, exist_ok=True)
        window.session.noticed.connect(self._on_notice)
        window.session.task_changed.connect(self._on_task)
        window.session.iteration_changed.connect(self._on_iteration)
        self._script = self._scenes(window)
        self._timer.start()
        application.exec()
        self._timer.stop()
        if self._failure:
            print(f"neuface-studio: {self._failure}", file=sys.stderr)
            return 1
        print(f"screenshots and metrics: {self._folder.resolve()}")
        return 0

    def _scenes(self, window: MainWindow) -> Iterator[Callable[[], bool]]:
        session = window.session
        window.resize(*SIZES[0])
        window.default_layout()
        yield lambda: (session.newest or 0) >= max(1, round(0.4 * self._iterations))
        session.set_layers(detected=True, projected=True)
        session.set_frame(session.num_frames // 3)
        yield from self._pictures("optimising")
        session.set_layers(heat="vertex", detected=False, projected=False)
        newest = session.newest or 0
        yield lambda: (session.newest or 0) > newest + 1 or session.run_state != RunState.RUNNING
        yield from self._pictures("optimising_gradient", SIZES[:1])
        session.set_layers(heat="")
        yield lambda: session.run_state in (RunState.FINISHED, RunState.FAILED)
        yield lambda: bool(session.final_figures) or session.run_state == RunState.FAILED
        session.set_layers(detected=True, projected=True)
        window.notices.clear()
        yield from self._pictures("finished")
        self._write_metrics(window)

    def _pictures(
        self, name: str, sizes: tuple[tuple[int, int], ...] = SIZES
    ) -> Iterator[Callable[[], bool]]:
        window = self._window
        assert window is not None
        for width, height in sizes:
            window.resize(width, height)
            window.default_layout()
            yield self._settled()
            window.grab().save(str(self._folder / f"{name}_{width}x{height}.png"), "PNG")
        window.resize(*SIZES[0])
        window.default_layout()

    def _settled(self) -> Callable[[], bool]:
        window, since = self._window, time.perf_counter()
        assert window is not None
        drawn = [tile.updates for tile in window.view_grid.tiles]

        def settled() -> bool:
            fresh = all(
                tile.updates > before for tile, before in zip(window.view_grid.tiles, drawn, strict=True)
            )
            return fresh and time.perf_counter() - since > SETTLE_SECONDS

        return settled

    def _write_metrics(self, window: MainWindow) -> None:
        session = window.session
        figures = session.final_figures
        footage = session.footage
        assert footage is not None
        report = {
            "footage": "demo" if footage.is_demo else footage.sequence.name,
            "views": list(footage.sequence.views),
            "frames": session.num_frames,
            "iterations": session.newest,
            "seconds_per_iteration": session.seconds_per_iteration,
            "viewer_cost_percent": session.viewer_cost_percent,
            "metrics": figures,
        }
        (self._folder / "metrics.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        table = metrics_table(figures)
        (self._folder / "metrics.md").write_text(table, encoding="utf-8")
        print(table)

    @Slot(object)
    def _on_task(self, task: Task | None) -> None:
        if task is not None and task.label != self._stage:
            self._stage = task.label
            say(task.label)

    @Slot(int)
    def _on_iteration(self, index: int) -> None:
        if index % 10 == 0 and self._window is not None:
            seconds = self._window.session.seconds_per_iteration
            say(
                f"EM iteration {index} of {self._iterations}" + (f", {seconds:.2f} s each" if seconds else "")
            )

    @Slot(object)
    def _on_notice(self, notice: Notice) -> None:
        if notice.level == "error":
            self._failure = self._failure or notice.text

    @Slot()
    def _tick(self) -> None:
        if self._window is None or self._script is None:
            return
        if time.perf_counter() - self._started > GIVE_UP_SECONDS:
            self._failure = self._failure or "gave up: the tour took too long"
        if self._failure:
            self._finish()
        elif self._condition():
            try:
                self._condition = next(self._script)
            except StopIteration:
                self._finish()

    def _finish(self) -> None:
        self._timer.stop()
        self._script = None
        if self._window is not None:
            self._window.close()
        QApplication.quit()


def say(words: str) -> None:
    """A sign of life on stderr."""
    print(f"neuface-studio: {words}", file=sys.stderr, flush=True)


def metrics_table(figures: dict[str, dict[str, float]]) -> str:
    """Encoder against NeuFace as a Markdown table."""
    before, after = figures.get("encoder", {}), figures.get("neuface", {})
    lines = ["| measure | encoder | NeuFace | better |", "| --- | ---: | ---: | --- |"]
    for key, label, better in ROWS:
        if key in after:
            lines.append(f"| {label} | {_number(before.get(key))} | {_number(after[key])} | {better} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.4g}"
