"""What the window shows while nothing is open: what can be opened, in words; and the progress of opening."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from neuface_studio import projects, theme
from neuface_studio.durations import TimeLeft
from neuface_studio.session import Task
from neuface_studio.widgets.common import action_button, heading, soft
from neuface_studio.widgets.keyboard_focus import ENTER

WIDTH, OFFER_WIDTH = 720, 170  # px, with text of ordinary size


class StartPage(QStackedWidget):
    """Two pages: an invitation, and progress with a way to cancel."""

    source_chosen = Signal(object)
    cancelled = Signal()

    def __init__(self, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(4)
        self.addWidget(self._invitation(actions))
        self.addWidget(self._progress())

    def changeEvent(self, event: QEvent) -> None:
        """The column is as wide as its text is large."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            factor = self.font().pointSizeF() / theme.POINTS
            for box in self.findChildren(QWidget, "column"):
                box.setMaximumWidth(round(WIDTH * factor))
            for button in self.findChildren(QToolButton):
                if button.property("offer"):
                    button.setFixedWidth(round(OFFER_WIDTH * factor))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return presses the button that the keyboard is on, as Space does."""
        button = QApplication.focusWidget()
        if event.key() in ENTER and isinstance(button, QAbstractButton):
            button.click()
        else:
            super().keyPressEvent(event)

    def _invitation(self, actions: dict[str, QAction]) -> QWidget:
        column = QVBoxLayout()
        column.setSpacing(10)
        title = QLabel("NeuFace Studio")
        title.setObjectName("title")
        column.addWidget(title)
        words = soft(
            "Open videos of one face, from one camera or several. The program finds the face, lets a network guess "
            "a 3D mesh for every picture, and then re-trains that network on your footage until the meshes agree: "
            "between the cameras, from frame to frame, and with the face. You watch it happen and judge the result."
        )
        words.setWordWrap(True)
        column.addWidget(words)
        column.addSpacing(6)
        column.addWidget(
            _offer(
                action_button(actions["open_demo"], "▶  Open the demo", name="primary"),
                "Seven views of a talking head whose true shape is known. Nothing is downloaded.",
            )
        )
        column.addWidget(
            _offer(
                action_button(actions["open_folder"], "Open a folder…"),
                "One video a view, synchronous, in one folder; or images of one view.",
            )
        )
        column.addWidget(
            _offer(
                action_button(actions["open_video"], "Open a video…"),
                "A single camera: smoothness without other views.",
            )
        )
        column.addWidget(
            _offer(
                action_button(actions["add_footage"], "Add many…"),
                "A folder of sequences: they come into a queue, to be optimised and judged one after the other.",
            )
        )
        column.addWidget(
            _offer(
                action_button(actions["assets"], "Models…"),
                "The open models are there. FLAME, DECA, EMOCA and others can be added; see what is there.",
            )
        )
        hint = soft(
            "You can also drop videos or folders anywhere on this window.  ?  shows all keys.", name="faint"
        )
        column.addWidget(hint)
        row = QHBoxLayout()
        self._models = soft("", name="faint")
        row.addWidget(self._models, 1)
        row.addWidget(action_button(actions["settings"], "Encoder, head, device…"))
        column.addLayout(row)
        column.addLayout(self._recent)
        return _centred(column)

    def _progress(self) -> QWidget:
        column = QVBoxLayout()
        column.setSpacing(12)
        self._time_left = TimeLeft()
        self._task_title = QLabel("Opening")
        self._task_title.setObjectName("title")
        self._task_label = soft("")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(6)
        row = QHBoxLayout()
        self._task_detail = soft("", name="faint")
        row.addWidget(self._task_detail, 1)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setObjectName("cancel_loading")
        self.cancel_button.clicked.connect(self.cancelled)
        row.addWidget(self.cancel_button)
        for widget in (self._task_title, self._task_label, self._bar):
            column.addWidget(widget)
        column.addLayout(row)
        return _centred(column)

    @Slot(str)
    def begin(self, name: str) -> None:
        """Show the progress page for what is being opened."""
        self._task_title.setText(f"Opening {name}")
        self.show_task(Task("Starting"))
        self.setCurrentIndex(1)

    @Slot(object)
    def show_task(self, task: Task | None) -> None:
        """Show progress, or go back to the invitation when there is none."""
        if task is None:
            self.setCurrentIndex(0)
            return
        self._task_label.setText(task.label + "…")
        words = [task.detail, self._time_left.words(task.label, task.fraction)]
        self._task_detail.setText("  ·  ".join(filter(None, words)))
        if task.fraction is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(1000 * task.fraction))

    def show_models(self, encoder: str, head: str) -> None:
        """Say what new footage will be opened with."""
        self._models.setText(f"Footage is opened with the encoder “{encoder}” and the head “{head}”.")

    def show_recent(self) -> None:
        """Offer footage that was opened before."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        sources = projects.recent_sources()
        if not sources:
            return
        self._recent.addSpacing(10)
        self._recent.addWidget(heading("Opened before"))
        for source in sources:
            button = _RecentButton(source)
            button.chosen.connect(self.source_chosen)
            self._recent.addWidget(button)


class _RecentButton(QPushButton):
    chosen = Signal(object)

    def __init__(self, source: projects.Source) -> None:
        own = source.folder == projects.default_project_folder(source.path)
        words = "" if own else f"      in the project {source.folder.name}"
        super().__init__(f"{source.name}      {source.path}{words}")
        self.setObjectName("recent")
        self._folder = source.folder
        self.setStyleSheet("text-align: left;")
        self.setToolTip(
            f"Open {source.folder} again, with its queue, saved results and verdicts, where you stopped."
        )
        self.setAccessibleName(f"Open {source.name} again{words}")
        self.clicked.connect(self._emit)

    @Slot()
    def _emit(self) -> None:
        self.chosen.emit(self._folder)


def _offer(button: QToolButton, words: str) -> QWidget:
    frame = QFrame()
    frame.setObjectName("panel")
    row = QHBoxLayout(frame)
    row.setContentsMargins(14, 8, 14, 8)
    row.setSpacing(16)
    button.setProperty("offer", True)
    button.setFixedWidth(OFFER_WIDTH)
    row.addWidget(button)
    label = soft(words)
    label.setWordWrap(True)
    row.addWidget(label, 1)
    return frame


def _centred(column: QVBoxLayout) -> QWidget:
    page = QWidget()
    box = QWidget()
    box.setObjectName("column")
    box.setMaximumWidth(WIDTH)
    box.setLayout(column)
    outer = QVBoxLayout(page)
    outer.addStretch(2)
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(box, 8)
    row.addStretch(1)
    outer.addLayout(row)
    outer.addStretch(3)
    row.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return page
