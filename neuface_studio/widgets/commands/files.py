"""Opening, closing and saving pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFileDialog

from neuface_engine.errors import NeuFaceError
from neuface_engine.review.track_files import copy_track
from neuface_studio.maps import rounded_up
from neuface_studio.scene.composing import Look
from neuface_studio.scene.exporting import VIDEO_HEIGHT, ExportRequest, FormatRequest
from neuface_studio.widgets.commands.base import Commands
from neuface_studio.widgets.export_sheet import ExportSheet

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow

PICTURE_HEIGHT = 900  # px of a view in a picture


class FileCommands(Commands):
    """The File menu."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        window.exporter.written.connect(self.propose_beside)

    @Slot()
    def do_open_video(self) -> None:
        from neuface_engine.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES

        suffixes = " ".join(f"*{suffix}" for suffix in sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            "Open a video",
            self._last_folder(),
            f"Videos and images ({suffixes});;All files (*)",
        )
        if name:
            self._window.open_path(Path(name))

    @Slot()
    def do_open_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self._window, "Open a folder of views, images or a project", self._last_folder()
        )
        if name:
            self._window.open_path(Path(name))

    @Slot()
    def do_open_demo(self) -> None:
        self._window.open_path(None)

    def _last_folder(self) -> str:
        return str(self._window.settings.value("open/folder", str(Path.home())))

    @Slot()
    def do_close_sequence(self) -> None:
        self._window.controller.close_footage()

    @Slot()
    def do_save_screenshot(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Save a picture of the window", "neuface.png", "PNG (*.png)"
        )
        if name:
            self._window.save_picture(Path(name))

    @Slot()
    def do_export_video(self) -> None:
        path = self._ask_where("Export the overlay video", "overlay.mp4", "Video (*.mp4)")
        if path is not None:
            self.export(path)

    @Slot()
    def do_export_picture(self) -> None:
        path = self._ask_where("Export a picture of all views", "views.png", "PNG (*.png)")
        if path is not None:
            self.export(path, frame=self._session.frame)

    @Slot()
    def do_export_track(self) -> None:
        path = self._ask_where("Export the track", "track.npz", "Track (*.npz)")
        if path is not None:
            self.export_track(path)

    def export(self, path: Path, *, frame: int | None = None) -> bool:
        """Write a video of what is shown, or with ``frame`` a picture of it, in the background."""
        session = self._session
        record, layers = session.displayed(), session.layers
        layers = layers.drawn
        gradient, peak, before, pixels = None, 0.0, None, None
        if record is not None and not record.saved:
            gradient = session.gradients.get(record.map_key) if layers.gradient else None
            peak = rounded_up(session.gradients.typical_peak(record.map_key))
            before = session.as_drawn(session.before(record))
            pixels = session.pixels.get(record.map_key, session.frame)
        if frame is None and layers.heat == "pixel":
            session.notify(
                "info", "The pixel gradient is known of the shown frame; the others go without it."
            )
        kind, scale = self._window.view_grid.scale
        scale = scale if kind == layers.heat and kind != "pixel" else 0.0
        look = Look(record, layers, gradient, peak, before, pixels, scale)
        height = VIDEO_HEIGHT if frame is None else PICTURE_HEIGHT
        return self._window.exporter.start(ExportRequest(path, look, height, frame))

    def export_track(self, path: Path) -> bool:
        """Write the shown iteration as a track file; says so, or why not."""
        record = self._session.record()
        book = self._window.controller.results.book
        if record is None or (record.saved and book is None):
            return False
        try:
            if record.saved and book is not None:
                copy_track(book.track_file, path)
            else:
                track = self._window.controller.track(record.index)
                if track is None:
                    return False
                track.save(path)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return False
        self._session.notify("good", f"Written: {path} ({record.title}).")
        self.propose_beside(path)
        return True

    @Slot(object)
    def propose_beside(self, path: Path) -> None:
        """The next export is proposed in the folder in which this one came to its end."""
        self._window.settings.setValue("export/folder", str(path.parent))

    @Slot()
    def do_export_format(self) -> None:
        footage, record = self._session.footage, self._session.record()
        if footage is None or record is None:
            return
        folder = Path(str(self._window.settings.value("export/folder", str(Path.home()))))
        sheet = ExportSheet(record.title, footage.sequence.name, folder, self._window)
        sheet.chosen.connect(self.export_format)
        sheet.show()

    @Slot(str, str, object)
    def export_format(self, name: str, space: str, path: Path) -> bool:
        """Write the shown iteration in a format of the engine, in the background."""
        try:
            track = self._shown_track()
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return False
        if track is None:
            return False
        return self._window.exporter.start(FormatRequest(path, track, name, space))

    def _shown_track(self) -> Any:
        from neuface_studio.given_tracks import load_track

        session, record = self._session, self._session.record()
        if record is None or session.footage is None:
            return None
        if record.saved:
            book = self._window.controller.results.book
            return None if book is None else load_track(book.track_file, session.footage)
        return self._window.controller.track(record.index)

    def _ask_where(self, title: str, name: str, kinds: str) -> Path | None:
        footage = self._session.footage
        if footage is not None:
            name = f"{footage.sequence.name}_{name}"
        folder = Path(str(self._window.settings.value("export/folder", str(Path.home()))))
        chosen, _ = QFileDialog.getSaveFileName(self._window, title, str(folder / name), kinds)
        if not chosen:
            return None
        path = Path(chosen)
        return path if path.suffix else path.with_suffix(Path(name).suffix)

    @Slot()
    def do_quit(self) -> None:
        self._window.close()
