"""Whether opening, running and closing again and again leaves anything behind.

    python benchmarks/window_cycles.py [--json] [--cycles 200] [PATH]

Each cycle opens the footage (default: the bundled demo, its first frames) in a new window, lets the optimiser make two
iterations, switches to other footage of the same project and back, and closes. Printed are
threads_start, threads_end     threads of the process after the warm-up and at the end
memory_start_mb, memory_end_mb resident memory, medians of ten cycles after the warm-up and at the end
memory_growth_percent          how much the second is above the first
The first cycles warm up: libraries, kernels and fonts are loaded once. Needs a display; without one:
tools/with_display.sh python benchmarks/window_cycles.py --json
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

WARM_UP = 10


def resident_mb() -> float:
    """Memory of this process that is in use [MB]."""
    try:
        import psutil
    except ImportError:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return psutil.Process().memory_info().rss / 2**20


def threads() -> int:
    """Threads of this process, those of libraries too."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


def main() -> int:
    """Run the cycles; prints one JSON object with --json, else lines. 1 where something is left behind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", type=Path, help="footage (default: the bundled demo)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--cycles", type=int, default=200, help="how often (200)")
    parser.add_argument("--max-frames", type=int, default=8, help="open only the first N frames (8)")
    options = parser.parse_args()
    scratch = tempfile.TemporaryDirectory(prefix="neuface_benchmark_")
    os.environ["NEUFACE_PROJECTS"] = scratch.name

    from neuface_studio.app import make_application

    application = make_application()
    from PySide6.QtCore import QEventLoop, QSettings, QTimer

    from neuface_studio.widgets.main_window import MainWindow

    def spin(seconds: float) -> None:
        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def wait(condition: object, what: str) -> None:
        end = time.perf_counter() + 300
        while not condition():  # type: ignore[operator]
            if time.perf_counter() > end:
                raise SystemExit(f"window_cycles: gave up waiting for {what}")
            spin(0.02)

    def cycle() -> None:
        settings = QSettings(str(Path(scratch.name) / "settings.ini"), QSettings.Format.IniFormat)
        window = MainWindow(settings=settings)
        window.resize(1366, 768)
        window.show()
        session = window.session
        window.open_path(options.path, max_frames=options.max_frames)
        wait(lambda: session.run_state.can_run, "the footage")
        goal = session.newest_optimised + 2  # the result of the cycle before is no iteration of this run
        session.set_target(goal)
        window.controller.set_target(goal)
        window.controller.toggle_run()
        wait(lambda: session.newest == goal and session.run_state.can_run, "the run")
        window.controller.restart_run()  # so that the history, which is kept, does not grow from cycle to cycle
        wait(lambda: session.run_state.can_run and session.newest == 0, "starting over")
        window.close()
        window.deleteLater()
        application.processEvents()

    memory: list[float] = []
    counts: list[int] = []
    for number in range(options.cycles + WARM_UP):
        cycle()
        spin(0.02)
        gc.collect()
        memory.append(resident_mb())
        counts.append(threads())
        if number % 10 == 0:
            print(
                f"window_cycles: {number + 1} of {options.cycles + WARM_UP}, {memory[-1]:.0f} MB, {counts[-1]} threads",
                file=sys.stderr,
                flush=True,
            )
    memory, counts = memory[WARM_UP:], counts[WARM_UP:]
    part = max(1, min(10, len(memory) // 2))
    before, after = statistics.median(memory[:part]), statistics.median(memory[-part:])
    result = {
        "cycles": options.cycles,
        "threads_start": counts[0],
        "threads_end": counts[-1],
        "memory_start_mb": round(before, 1),
        "memory_end_mb": round(after, 1),
        "memory_growth_percent": round(100 * (after / before - 1), 2),
    }
    print(
        json.dumps(result)
        if options.json
        else "\n".join(f"{key:24s} {value}" for key, value in result.items())
    )
    return int(result["memory_growth_percent"] >= 5 or result["threads_end"] > result["threads_start"])


if __name__ == "__main__":
    sys.exit(main())
