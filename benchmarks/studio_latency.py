"""How responsive the window is while the optimiser runs, and what the window costs the optimiser.

    python benchmarks/studio_latency.py [--json] [--seconds 12] [PATH]

Opens the demo (or PATH) in the real window, lets the optimiser run with the video playing, and measures
event_p99_ms         99th percentile of the lateness of a 10 ms precise timer in the GUI thread
tile_updates_per_s   full redraws of all tiles a second (frame, mesh decoded anew, painted) while optimising and playing
viewer_cost_percent  how much slower an EM iteration is while the window follows it than while it is hidden
Needs a display; without one: tools/with_display.sh python benchmarks/studio_latency.py --json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def main() -> int:
    """Run the benchmark; prints one JSON object with --json, else lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", type=Path, help="footage (default: the bundled demo)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of each measurement")
    parser.add_argument("--max-frames", type=int, default=None, help="open only the first N frames")
    options = parser.parse_args()
    scratch = tempfile.TemporaryDirectory(prefix="neuface_benchmark_")
    os.environ["NEUFACE_PROJECTS"] = scratch.name

    from neuface_studio.app import make_application

    application = make_application()  # noqa: F841  (must live as long as the window)
    from PySide6.QtCore import QEventLoop, QObject, QSettings, Qt, QTimer, Slot

    from neuface_studio.session import RunState
    from neuface_studio.widgets.main_window import MainWindow

    class Ticker(QObject):
        """A 10 ms timer that notes how late it was."""

        def __init__(self) -> None:
            super().__init__()
            self.late_ms: list[float] = []
            self._due = 0.0
            self._timer = QTimer(self)
            self._timer.setSingleShot(True)
            self._timer.setTimerType(Qt.TimerType.PreciseTimer)
            self._timer.timeout.connect(self._tick)

        def start(self) -> None:
            self.late_ms.clear()
            self._arm()

        def stop(self) -> None:
            self._timer.stop()

        def _arm(self) -> None:
            self._due = time.perf_counter() + 0.010
            self._timer.start(10)

        @Slot()
        def _tick(self) -> None:
            self.late_ms.append(1000 * max(0.0, time.perf_counter() - self._due))
            self._arm()

    class Rounds(QObject):
        """Counts full redraws of the view grid."""

        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        @Slot()
        def add(self) -> None:
            self.count += 1

    def say(words: str) -> None:
        print(f"studio_latency: {words}", file=sys.stderr, flush=True)

    def spin(seconds: float) -> None:
        # Not QApplication.quit(): it would close the window.
        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def wait(condition: object, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while not condition():  # type: ignore[operator]
            if failures:
                window.close()
                raise SystemExit(f"studio_latency: {failures[0]}")
            if time.perf_counter() > end:
                raise SystemExit("studio_latency: gave up waiting")
            spin(0.05)

    def seconds_of(first: int) -> list[float]:
        return [session.record(i).seconds for i in session.indices if i >= first]  # type: ignore[union-attr]

    window = MainWindow(settings=QSettings(str(Path(scratch.name) / "s.ini"), QSettings.Format.IniFormat))
    session = window.session
    failures: list[str] = []
    session.noticed.connect(lambda notice: failures.append(notice.text) if notice.level == "error" else None)
    window.resize(1920, 1080)
    window.show()
    say("opening")
    window.controller.open_path(options.path, max_frames=options.max_frames)
    wait(lambda: session.run_state == RunState.READY, 900)
    session.set_target(100_000)
    window.controller.set_target(100_000)
    rounds = Rounds()
    window.view_grid.refreshed.connect(rounds.add)
    say("optimising, playing")
    window.controller.toggle_run()
    wait(lambda: (session.newest or 0) >= 2, 300)

    # 1. Optimising, video playing: what a reviewer does.
    session.set_playing(True)
    spin(1.0)
    ticker = Ticker()
    rounds.count = 0
    drawn = window.view_grid.draw_seconds
    began = time.perf_counter()
    ticker.start()
    spin(options.seconds)
    elapsed = time.perf_counter() - began
    ticker.stop()
    playing_rounds, playing_late = rounds.count, np.array(ticker.late_ms)
    drawn = window.view_grid.draw_seconds - drawn
    session.set_playing(False)

    # 2. Optimising, the window following every iteration, against the same while hidden; in turns, against drift.
    following: list[float] = []
    hidden: list[float] = []
    for turn in range(3):
        say(f"following against hidden, turn {turn + 1} of 3")
        for samples, shown in ((following, True), (hidden, False)):
            window.setVisible(shown)
            window.view_grid.set_still(not shown)
            window.view3d.set_still(not shown)
            start = (session.newest or 0) + 2  # the iteration in progress belongs to neither
            end = time.perf_counter() + options.seconds / 2
            wait(
                lambda start=start, end=end: time.perf_counter() > end and (session.newest or 0) >= start + 2,
                300,
            )
            samples += seconds_of(start)
    window.setVisible(True)
    result = {
        "event_p99_ms": round(float(np.percentile(playing_late, 99)), 2),
        "event_p50_ms": round(float(np.percentile(playing_late, 50)), 2),
        "event_max_ms": round(float(playing_late.max()), 2),
        "tile_updates_per_s": round(playing_rounds / elapsed, 2),
        "viewer_cost_percent": round(100 * (float(np.median(following)) / float(np.median(hidden)) - 1), 2),
        "tiles": len(window.view_grid.tiles),
        "milliseconds_per_update": round(1000 * drawn / max(1, playing_rounds), 1),
        "view3d_ms": round(1000 * window.view3d.seconds_per_picture, 1),
        "seconds_per_iteration_hidden": round(float(np.median(hidden)), 4),
        "seconds_per_iteration_shown": round(float(np.median(following)), 4),
        "cores": os.cpu_count(),
    }
    window.close()
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{key:30s} {value}" for key, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
