"""``neuface-studio [PROJECT | VIDEO | FOLDER] [--demo]``: parses the command line and opens the window."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# What takes time to import is imported in `main`, where Ctrl-C is looked after.
if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


def prepare_environment() -> None:
    """Undo what other libraries do to Qt; must run before the first Qt import."""
    os.environ.setdefault("QT_API", "pyside6")
    # OpenCV's wheels point Qt to plugins of their own Qt, with which ours aborts.
    for variable in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if "cv2" in os.environ.get(variable, ""):
            del os.environ[variable]


def make_application(arguments: list[str] | None = None) -> QApplication:
    """The QApplication in the studio's colours and fonts (the existing one if there is one)."""
    import cv2  # noqa: F401  (sets its Qt variables on import: let it, then clean up)

    prepare_environment()
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    from neuface_studio import theme

    # The optimiser's thread hands the interpreter over sooner when the window has something to do.
    sys.setswitchinterval(0.001)
    existing = QApplication.instance()
    application = (
        existing if isinstance(existing, QApplication) else QApplication(arguments or ["neuface-studio"])
    )
    application.setApplicationName("neuface-studio")
    application.setApplicationDisplayName("NeuFace Studio")
    application.setWindowIcon(QIcon(str(theme.ICONS / "neuface.svg")))
    theme.apply(application)
    return application


def parser() -> argparse.ArgumentParser:
    """The command line of ``neuface-studio``."""
    from neuface_studio.model import ITERATIONS

    result = argparse.ArgumentParser(
        prog="neuface-studio",
        description="Watch the NeuFace optimisation on your footage, step through it, and judge the result.",
    )
    result.add_argument(
        "path",
        nargs="?",
        type=Path,
        metavar="PROJECT | VIDEO | FOLDER",
        help="a project folder, one video, or a folder with one video a view",
    )
    result.add_argument("--demo", action="store_true", help="open the bundled demo")
    result.add_argument("--run", action="store_true", help="start optimising as soon as the footage is open")
    result.add_argument(
        "--project", type=Path, metavar="DIR", help="keep the track and the verdict in this folder"
    )
    result.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help=f"EM iterations of a run (default: {ITERATIONS}, or as set)",
    )
    result.add_argument("--max-frames", type=int, metavar="N", help="open only the first N frames")
    result.add_argument(
        "--views", metavar="PATTERN", help="open only the views whose name matches, e.g. 'left*'"
    )
    result.add_argument(
        "--auto",
        action="store_true",
        help="no user: run, save screenshots and a table of metrics to --out, and quit",
    )
    result.add_argument("--out", type=Path, metavar="DIR", help="where --auto writes")
    return result


def main(arguments: list[str] | None = None) -> int:
    """Open the window and stay until it closes. Returns the exit code: 0, or 130 if interrupted before it is there.

    Raises SystemExit: 2 for a wrong command line.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    try:
        return _open(arguments)
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(number: int, frame: object) -> None:
    """End at once: an exception would go through libraries half imported, some of which abort then."""
    os.write(2, b"neuface-studio: interrupted\n")
    os._exit(130)


def _open(arguments: list[str] | None) -> int:
    options = parser().parse_args(arguments)
    if options.demo and options.path is not None:
        parser().error("give a path or --demo, not both")
    if options.auto and (options.out is None or (options.path is None and not options.demo)):
        parser().error("--auto needs --out DIR, and --demo or footage")
    if options.iterations is not None and options.iterations < 1:
        parser().error("--iterations must be at least 1")
    application = make_application()
    from neuface_studio.collecting import Collector
    from neuface_studio.interrupt import Interrupt
    from neuface_studio.model import ITERATIONS
    from neuface_studio.tour import AutomaticTour
    from neuface_studio.widgets.main_window import MainWindow

    tour = AutomaticTour(options.out, options.iterations or ITERATIONS) if options.auto else None
    # From here on Ctrl-C closes the window, as soon as there is one.
    interrupt = None if tour else Interrupt(lambda: (window.close(), application.quit()), application)
    window = MainWindow(
        settings=tour.settings if tour else None, project=tour.project if tour else options.project
    )
    collector = Collector(application)
    if options.iterations is not None:
        window.session.set_target(options.iterations)
    if tour is None and not window.settings.contains("window/geometry"):
        window.showMaximized()  # the first time: as much room for the footage as there is
    else:
        window.show()
    if options.demo or options.path is not None:
        path = None if options.demo else options.path
        window.controller.run_when_ready = bool(options.run or tour)
        window.open_path(path, views=options.views, max_frames=options.max_frames)
    else:
        window.recover()
    try:
        return int(application.exec()) if tour is None else tour.drive(application, window)
    finally:
        collector.stop()
        if interrupt is not None:
            interrupt.stop()


if __name__ == "__main__":
    sys.exit(main())
