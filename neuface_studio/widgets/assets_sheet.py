"""What models can be used: what is there and sound, what for, where to obtain the rest, and how to add a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, Qt, QUrl, Slot
from PySide6.QtGui import QColor, QDesktopServices
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
)

from neuface_studio import theme
from neuface_studio.widgets.common import soft
from neuface_studio.widgets.help_sheets import Sheet
from neuface_studio.worker.asset_work import AssetWorker, Embedded
from neuface_studio.worker.threads import BackgroundThread

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow

SIGNS = {
    "embedded": ("✓", "embedded", theme.GREEN),
    "ready": ("✓", "ready", theme.GREEN),
    "incomplete": ("▲", "incomplete", theme.AMBER),
    "damaged": ("✕", "not usable", theme.RED),
    "missing": ("○", "not there", theme.TEXT_FAINT),
}
DETAIL = Qt.ItemDataRole.UserRole


class AssetsSheet(Sheet):
    """A row a model; nothing is downloaded."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__("Models and assets", window)
        self._session = window.session
        self._worker: AssetWorker | None = None
        self._thread: BackgroundThread | None = None
        words = soft(
            "The open head, encoder and detector are always there. Models of research groups can be used too: obtain "
            "them from their authors, then choose the file here. Nothing is downloaded behind your back."
        )
        words.setWordWrap(True)
        self.body.addWidget(words)
        self.rows = QTreeWidget()
        self.rows.setHeaderLabels(["model", "state", "what for"])
        self.rows.setRootIsDecorated(False)
        self.rows.setUniformRowHeights(True)
        self.rows.setAccessibleName("Models")
        self.rows.setMinimumSize(860, 330)
        for place, width in enumerate((190, 120)):
            self.rows.setColumnWidth(place, width)
        self.rows.currentItemChanged.connect(self._show_detail)
        self.body.addWidget(self.rows, 1)
        self.detail = QLabel()
        self.detail.setWordWrap(True)
        self.detail.setMinimumHeight(120)
        self.detail.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.detail.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
        )
        self.body.addWidget(self.detail)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName("Looking at the files")
        self.body.addWidget(self.bar)
        self.answer = QLabel()
        self.answer.setWordWrap(True)
        self.body.addWidget(self.answer)
        row = QHBoxLayout()
        self.add_button = QPushButton("Choose a file…")
        self.add_button.setToolTip("A model's file as its authors give it; it is looked at, then copied.")
        self.add_button.clicked.connect(self._choose)
        self.folder_button = QPushButton("Show the folder")
        self.folder_button.setToolTip("The folder in which models are looked for.")
        self.folder_button.clicked.connect(self._show_folder)
        row.addWidget(self.add_button)
        row.addWidget(self.folder_button)
        row.addStretch(1)
        self.body.addLayout(row)
        self.finish()
        self._begin()
        window.installEventFilter(self)

    @property
    def busy(self) -> bool:
        return self._worker is not None

    def add(self, path: Path) -> None:
        """Look at a file, and copy it into the folder if it is what it should be."""
        if not self.busy:
            self._answer("", "")
            self._begin(path)

    def stop(self) -> None:
        """Wait for the thread."""
        thread = self._thread
        self._worker = self._thread = None
        if thread is not None:
            thread.join(lambda: None)
            thread.deleteLater()

    def done(self, result: int) -> None:
        self.stop()
        super().done(result)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close:
            self.done(0)  # the window closes: the sheet's thread ends first
        return False

    def _begin(self, path: Path | None = None) -> None:
        worker = AssetWorker(path)
        worker.surveyed.connect(self._fill)
        worker.added.connect(self._on_added)
        worker.failed.connect(self._on_failed)
        worker.finished.connect(self._on_finished)
        self._worker = worker
        self.bar.show()
        self.add_button.setEnabled(False)
        self._thread = BackgroundThread(worker, "assets", self)

    @Slot()
    def _on_finished(self) -> None:
        if self._worker is not None and self.sender() is self._worker:
            self.stop()
            self.bar.hide()
            self.add_button.setEnabled(True)

    @Slot(object, object)
    def _fill(self, embedded: tuple[Embedded, ...], states: list[Any]) -> None:
        if self._worker is None:
            return
        place = max(0, self.rows.currentIndex().row())
        self.rows.clear()
        for entry in embedded:
            status = "damaged" if entry.problem else "embedded"
            words = entry.problem or f"Comes with the program: {entry.path}"
            self._put(entry.title, status, entry.purpose, words)
        for state in states:
            asset = state.asset
            lines = [
                f"<b>{asset.title}</b>: {state.words}" if state.status != "ready" else f"<b>{asset.title}</b>"
            ]
            if state.path is not None:
                lines.append(f"found in {state.path}" + (f": {state.detail}" if state.detail else ""))
            lines.append(f"licence: {asset.licence}; from {asset.url}")
            if state.status != "ready":
                lines += [f"{number}. {step}" for number, step in enumerate(asset.steps, start=1)]
            chosen = "" if asset.kind == "detector" else "Edit &gt; Settings, or "
            lines.append(f"then: {chosen}<tt>neuface track INPUT {asset.use}</tt>")
            self._put(asset.title, state.status, asset.purpose, "<br>".join(lines))
        self.rows.resizeColumnToContents(0)
        self.rows.setCurrentIndex(self.rows.model().index(min(place, self.rows.topLevelItemCount() - 1), 0))

    def _put(self, title: str, status: str, purpose: str, detail: str) -> None:
        sign, word, colour = SIGNS.get(status, SIGNS["missing"])
        item = QTreeWidgetItem([title, f"{sign}  {word}", purpose])
        item.setForeground(1, QColor(colour))
        item.setForeground(2, QColor(theme.TEXT_SOFT))
        item.setToolTip(2, purpose)
        item.setData(0, DETAIL, detail)
        self.rows.addTopLevelItem(item)

    @Slot()
    def _show_detail(self) -> None:
        item = self.rows.currentItem()
        self.detail.setText("" if item is None else str(item.data(0, DETAIL)))

    @Slot()
    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "A model's file", str(Path.home()))
        if name:
            self.add(Path(name))

    @Slot()
    def _show_folder(self) -> None:
        from neuface_engine.assets import assets_folder

        folder = assets_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._on_failed(
                f"{folder}: cannot be made ({error.strerror}); choose another with NEUFACE_ASSETS"
            )
            return
        self._answer(f"Models are looked for in {folder}", theme.TEXT_SOFT)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    @Slot(str)
    def _on_added(self, words: str) -> None:
        self._answer(f"✓ Added. {words}", theme.GREEN)

    @Slot(str)
    def _on_failed(self, reason: str) -> None:
        self._answer(f"✕ {reason}", theme.RED)

    def _answer(self, words: str, colour: str) -> None:
        self.answer.setText(words)
        self.answer.setStyleSheet(f"color: {colour};" if colour else "")
