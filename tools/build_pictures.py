"""The pictures of docs/: takes them of the real window on the bundled demo, which shows nobody real.

    tools/with_display.sh .venv/bin/python tools/build_pictures.py [NAME ...] [--out docs/pictures] [--iterations 40]

Without names all that are known here; repair, review and reviewers are set up by hand. Takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SCRATCH = tempfile.TemporaryDirectory(prefix="neuface_pictures_")
for _variable in ("NEUFACE_PROJECTS", "NEUFACE_ASSETS", "TORCH_HOME"):  # no path of this machine in a picture
    os.environ[_variable] = str(Path(SCRATCH.name) / _variable.lower())
os.environ["NEUFACE_REVIEWER"] = "ann"

from neuface_studio.app import make_application  # noqa: E402

APPLICATION = make_application()

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from PySide6.QtCore import QEventLoop, QSettings, QTimer  # noqa: E402
from PySide6.QtGui import QImage  # noqa: E402
from PySide6.QtWidgets import QDialog, QWidget  # noqa: E402

from neuface_studio.session import RunState  # noqa: E402
from neuface_studio.widgets.main_window import MainWindow  # noqa: E402

SIZE = (1920, 1160)
TAKES = {
    "take_1": ("front", "left_30", "right_30"),
    "take_2": ("front", "left_60"),
    "take_3": ("front", "top"),
    "take_4": ("front", "right_60"),
    "take_5": ("left_30", "down"),
}
LINE = 6  # px between pictures side by side
GROUND = (15, 18, 22)


def spin(seconds: float) -> None:
    """Let the window work, in an event loop: only there Qt deletes what it has put off, such as tab bars not in use."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def wait(condition: Callable[[], object], seconds: float = 300.0) -> None:
    """Let the window work until something holds; SystemExit if it never does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("the window did not come to rest")
        spin(0.05)


def grabbed(widget: QWidget, width: int | None = None) -> Image.Image:
    """What a widget shows, made ``width`` px wide."""
    picture = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
    image = Image.fromarray(
        rows[:, : 3 * picture.width()].reshape(picture.height(), picture.width(), 3).copy()
    )
    if width is not None and width < image.width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    return image


def beside(images: list[Image.Image], *, down: bool = False) -> Image.Image:
    """Pictures side by side, or below each other, with a line between."""
    wide, tall = [image.width for image in images], [image.height for image in images]
    room = LINE * (len(images) - 1)
    size = (max(wide), sum(tall) + room) if down else (sum(wide) + room, max(tall))
    sheet, place = Image.new("RGB", size, GROUND), 0
    for image in images:
        sheet.paste(image, (0, place) if down else (place, 0))
        place += (image.height if down else image.width) + LINE
    return sheet


class Photographer:
    """One method a picture; each leaves the window as it found it."""

    def __init__(self, folder: Path, iterations: int) -> None:
        self._folder, self._iterations = folder, iterations
        self.window = self._fresh("demo")

    def _fresh(self, name: str) -> MainWindow:
        settings = QSettings(str(Path(SCRATCH.name) / f"{name}.ini"), QSettings.Format.IniFormat)
        window = MainWindow(settings=settings, project=Path(SCRATCH.name) / name)
        window.resize(*SIZE)
        window.show()
        return window

    def prepare(self) -> None:
        """The demo, optimised."""
        window, session = self.window, self.window.session
        window.open_path(None)
        wait(lambda: session.run_state == RunState.READY)
        window.controller.set_target(self._iterations)
        window.controller.toggle_run()
        wait(lambda: session.run_state == RunState.FINISHED, 1800)
        session.set_frame(24)
        window.notices.clear()
        self._settle()

    def _settle(self, seconds: float = 0.8) -> None:
        spin(0.3)
        wait(lambda: not self.window.view_grid.busy)
        spin(seconds)

    def _keep(self, name: str, image: Image.Image) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}.png"
        palette = image.quantize(256, method=Image.Quantize.MEDIANCUT)
        image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
        print(f"{path}: {image.width} x {image.height}, {path.stat().st_size // 1000} kB", flush=True)

    def _sheet(self, command: str) -> QDialog:
        self.window.actions_by_id[command].trigger()
        sheet = next(dialog for dialog in self.window.findChildren(QDialog) if dialog.isVisible())
        wait(lambda: not getattr(sheet, "busy", False))
        return sheet

    def tour(self) -> None:
        self._keep("tour", grabbed(self.window, 1200))

    def view_grid(self) -> None:
        self.window.session.set_layers(heat="cross")
        self._settle()
        self._keep("view_grid", grabbed(self.window.centralWidget(), 1000))
        self.window.session.set_layers(heat="")

    def layers(self) -> None:
        session, grid = self.window.session, self.window.view_grid
        columns = []
        for heat in ("pixel", "vertex", "update", "cross"):
            session.set_layers(heat=heat)
            wait(lambda heat=heat: grid.scale[0] == heat and grid.scale[1] > 0)
            self._settle()
            tile = grabbed(grid.tiles[list(session.view_names).index("left_30")], 300)
            columns.append(beside([tile, grabbed(self.window.layer_panel.colour_bar, 300)], down=True))
        self._keep("layers", beside(columns))
        session.set_layers(heat="")

    def plots(self) -> None:
        self.window.plot_dock.raise_()
        self._settle()
        self._keep("plots", grabbed(self.window.plots, 1200))

    def slit_scan(self) -> None:
        self.window.session.select_view(list(self.window.session.view_names).index("front"))
        self.window.slit_dock.raise_()
        spin(0.5)
        wait(lambda: not self.window.slit_panel.busy)
        self._settle()
        self._keep("slit_scan", grabbed(self.window.slit_panel, 1200))
        self.window.plot_dock.raise_()

    def transport(self) -> None:
        marks = self.window.session.marks
        marks.set_first(12)
        marks.set_last(30)
        self._settle()
        self._keep("transport", grabbed(self.window.transport, 1200))
        marks.clear()

    def view3d(self) -> None:
        window = self.window
        window.session.set_layers(heat="cross")
        for command in ("view3d_values", "view3d_camera"):
            window.actions_by_id[command].trigger()
        self._settle(1.5)
        self._keep("view3d", grabbed(window.view3d, 420))
        window.actions_by_id["view3d_values"].trigger()
        window.session.set_layers(heat="")

    def assets(self) -> None:
        sheet = self._sheet("assets")
        rows = sheet.rows  # type: ignore[attr-defined]
        names = [rows.topLevelItem(place).text(0) for place in range(rows.topLevelItemCount())]
        rows.setCurrentItem(rows.topLevelItem(names.index("DECA")))
        spin(0.5)
        self._keep("assets", grabbed(sheet))
        sheet.reject()

    def settings(self) -> None:
        sheet = self._sheet("settings")
        spin(0.5)
        self._keep("settings", grabbed(sheet))
        sheet.reject()

    def queue(self) -> None:
        """Takes of the demo's cameras, judged in part."""
        takes = Path(SCRATCH.name) / "takes"
        for take, views in TAKES.items():
            (takes / take).mkdir(parents=True)
            for view in views:
                (takes / take / f"{view}.mp4").symlink_to(ROOT / "resources" / "demo" / f"{view}.mp4")
        self.window.close()
        self.window.deleteLater()  # here and now: Python would end it in any thread
        self.window = window = self._fresh("queue")
        session = window.session
        window.open_path(takes)
        for take, key in zip(list(TAKES)[:3], ("accept_stay", "reject_stay", ""), strict=True):
            wait(lambda take=take: session.sequence_name == take and session.run_state == RunState.READY)
            window.controller.set_target(3)
            window.controller.toggle_run()
            wait(lambda: session.run_state == RunState.FINISHED)
            spin(2)
            if key:
                window.actions_by_id[key].trigger()
                window.actions_by_id["sequence_next"].trigger()
        wait(lambda: not window.queue.busy)
        window.notices.clear()
        window.default_layout()
        self._settle(2)
        width = window.width() * 2 // 3
        image = grabbed(window).crop((0, 0, width, window.height() * 2 // 3))
        self._keep(
            "queue", image.resize((1000, round(image.height * 1000 / width)), Image.Resampling.LANCZOS)
        )


PICTURES = (
    "tour", "view_grid", "layers", "plots", "slit_scan", "transport", "view3d", "assets", "settings", "queue",
)  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "names", nargs="*", choices=[*PICTURES, []], metavar="NAME", help=", ".join(PICTURES)
    )
    options.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options.add_argument("--iterations", type=int, default=40)
    given = options.parse_args()
    wanted = [name for name in PICTURES if name in (given.names or PICTURES)]
    photographer = Photographer(given.out, given.iterations)
    if set(wanted) - {"assets", "settings", "queue"}:
        photographer.prepare()
    for name in wanted:
        getattr(photographer, name)()
    photographer.window.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
