"""How long a project with very many sequences takes to open in the window, and how smoothly its queue scrolls.

    python benchmarks/queue_scale.py [--json] [--small 10000] [--large 1000000] [--keep DIR]

Makes two projects of invented sequences (with measures, flags and verdicts), then opens each in the real window.
open_10k_s      from the call that opens the smaller project until its rows are painted, its index being there
open_1m_s       the same of the larger one
scroll_p99_ms   99th percentile of the time that one step of scrolling takes, painting included: wheel steps, pages, and
                jumps of the scroll bar all over the larger project
scroll_busy_p99_ms  the same of the window's own processor time: on a machine that is busy with other things the step
                takes longer, as everything does
first_open_*_s  the very first opening, in which the index is made from the log
Making the larger project takes minutes and some GB of disk; --keep DIR keeps both for the next time.
Needs a display; without one: tools/with_display.sh python benchmarks/queue_scale.py --json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FLAGS = ("jitter", "frozen_face", "views_disagree", "landmarks_off", "no_face")


def entries(count: int) -> Iterator[dict[str, str]]:
    """Sequences as a project lists them."""
    for number in range(count):
        name = f"subject_{number % 977:03d}_clip_{number:07d}"
        yield {"name": name, "source": f"/data/clips/{number % 977:03d}/{name}"}


def measured(count: int, seed: int = 0) -> Iterator[tuple[str, dict[str, float], tuple[str, ...], float]]:
    """What was measured of them."""
    chance = random.Random(seed)
    for entry in entries(count):
        flags = tuple(flag for flag in FLAGS if chance.random() < 0.06)
        values = {
            "cvd_mm": chance.lognormvariate(0.0, 0.5),
            "msi_landmark": chance.lognormvariate(-0.5, 0.7),
            "nme_percent": chance.lognormvariate(0.6, 0.4),
        }
        yield entry["name"], values, flags, len(flags) + chance.random()


def make_project(folder: Path, count: int) -> None:
    """A project of so many sequences; what is there already is left."""
    from neuface_engine.review import Project

    if (folder / "project.json").exists():
        return
    with Project.create(folder) as project:
        project.add_sequences(entries(count))
        project.record_many(measured(count))


def main() -> int:
    """Run the benchmark; prints one JSON object with --json, else lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--small", type=int, default=10_000, help="sequences of the smaller project")
    parser.add_argument(
        "--large", type=int, default=1_000_000, help="sequences of the larger one; 0 leaves it out"
    )
    parser.add_argument("--keep", type=Path, help="make the projects here, and use those that are there")
    options = parser.parse_args()
    scratch = tempfile.TemporaryDirectory(prefix="neuface_benchmark_")
    os.environ["NEUFACE_PROJECTS"] = scratch.name
    folder = options.keep or Path(scratch.name)

    from neuface_studio.app import make_application

    application = make_application()
    from PySide6.QtCore import QEventLoop, QPoint, QPointF, QSettings, Qt, QTimer
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    from neuface_studio.widgets.main_window import MainWindow

    def say(words: str) -> None:
        print(f"queue_scale: {words}", file=sys.stderr, flush=True)

    def spin(seconds: float) -> None:
        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def painted(window: MainWindow, project: Path) -> float:
        began = time.perf_counter()
        window.open_project(project)
        window.show_queue(True)
        table = window.queue_panel.table
        table.viewport().repaint()
        application.processEvents()
        assert window.queue.model.row(0) is not None
        return time.perf_counter() - began

    def scroll(window: MainWindow) -> list[tuple[float, float]]:
        table = window.queue_panel.table
        bar, view = table.verticalScrollBar(), table.viewport()
        chance = random.Random(1)
        steps: list[tuple[float, float]] = []

        def wheel() -> None:
            middle = QPointF(view.rect().center())
            event = QWheelEvent(
                middle,
                QPointF(view.mapToGlobal(view.rect().center())),
                QPoint(0, 0),
                QPoint(0, -120),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            QApplication.sendEvent(view, event)

        moves = [wheel] * 300
        moves += [lambda: bar.triggerAction(bar.SliderAction.SliderPageStepAdd)] * 200
        moves += [lambda: bar.setValue(chance.randrange(bar.maximum()))] * 60
        for move in moves:
            began, busy = time.perf_counter(), time.thread_time()
            move()
            view.repaint()
            steps.append((1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - busy)))
            application.processEvents()
        return steps

    result: dict[str, float | int] = {}
    steps: list[tuple[float, float]] = []
    for label, count in (("10k", options.small), ("1m", options.large)):
        if not count:
            continue
        project = folder / f"queue_{count}"
        say(f"a project of {count:,} sequences")
        began = time.perf_counter()
        make_project(project, count)
        result[f"make_{label}_s"] = round(time.perf_counter() - began, 1)
        times = []
        for _ in range(3):
            settings = QSettings(str(Path(scratch.name) / "settings.ini"), QSettings.Format.IniFormat)
            window = MainWindow(settings=settings)
            window.resize(1920, 1080)
            window.show()
            spin(0.5)
            times.append(painted(window, project))
            if len(times) == 3:
                say("scrolling")
                steps = scroll(window)
                result[f"scroll_{label}_p99_ms"] = percentile([wall for wall, _ in steps], 0.99)
            window.close()
            window.deleteLater()
            spin(0.1)
        result[f"first_open_{label}_s"] = round(times[0], 3)
        result[f"open_{label}_s"] = round(min(times[1:]), 3)
    walls, busy = [wall for wall, _ in steps], [busy for _, busy in steps]
    result["scroll_p99_ms"] = percentile(walls, 0.99)
    result["scroll_p50_ms"] = percentile(walls, 0.5)
    result["scroll_busy_p99_ms"] = percentile(busy, 0.99)
    print(
        json.dumps(result)
        if options.json
        else "\n".join(f"{key:24s} {value}" for key, value in result.items())
    )
    return 0


def percentile(values: list[float], share: float) -> float:
    """The value below which so large a share of them lies."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


if __name__ == "__main__":
    sys.exit(main())
