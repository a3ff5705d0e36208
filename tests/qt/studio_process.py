"""A window in a process of its own on the synthetic footage, to be killed: opens, steps, judges, and says so.

python -m tests.qt.studio_process FOOTAGE SETTINGS judge|look|step

With "step" it stays in its loop until it is interrupted, as ``neuface-studio`` does.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")


def main() -> None:
    path, settings, what = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    from neuface_studio import worker
    from neuface_studio.app import make_application

    application = make_application()
    from PySide6.QtCore import QSettings

    from neuface_studio.widgets.main_window import MainWindow

    from .conftest import make_footage

    footage = make_footage(views=2, frames=5)
    sequence = dataclasses.replace(footage.sequence, name=path.name, path=path)
    worker.LoadWorker._load = lambda self: dataclasses.replace(footage, sequence=sequence)
    window = MainWindow(settings=QSettings(settings, QSettings.Format.IniFormat))
    session = window.session
    window.show()

    def until(condition: object) -> None:
        end = time.monotonic() + 60
        while not condition() and time.monotonic() < end:  # type: ignore[operator]
            application.processEvents()
            time.sleep(0.005)

    window.open_path(path)
    until(lambda: session.run_state.can_run)
    if what in ("judge", "step"):
        for expected in (1, 2, 3):
            window.controller.step_once()
            until(lambda expected=expected: session.newest == expected and session.run_state.can_run)
        session.set_frame(3)
    if what == "judge":
        session.show_iteration(2)
        window.review_bar.note.setText("lips drift")
        window.review_bar.judge("reject")
        until(lambda: not window.controller.places.waits)
    record, judgement = session.record(), session.judgement
    print(
        "SAID",
        judgement.verdict if judgement else "none",
        judgement.note.replace(" ", "_") if judgement else "-",
        judgement.stale if judgement else "-",
        session.frame,
        record.index if record else "none",
        session.newest,
        flush=True,
    )
    if what == "step":
        from neuface_studio.interrupt import Interrupt

        window.controller.set_target(1000)
        window.controller.toggle_run()
        interrupt = Interrupt(lambda: (window.close(), application.quit()), window)
        print("RUNS", flush=True)
        application.exec()
        interrupt.stop()
        print("CLOSED", session.footage is None, flush=True)
        return
    until(lambda: False)


if __name__ == "__main__":
    main()
