"""Notes on a frame range, views and regions: the list of the open sequence, and the sheet that writes one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidgetItem,
    QWidget,
)

from neuface_engine.review.events import Note
from neuface_engine.review.notes import REGIONS
from neuface_studio import theme
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.widgets.common import soft
from neuface_studio.widgets.flow import FlowRow
from neuface_studio.widgets.frames_panel import Panel
from neuface_studio.widgets.help_sheets import Sheet
from neuface_studio.widgets.review_flags import KeyTree

ROLE = Qt.ItemDataRole.UserRole
TIP = (
    "Notes on parts of this sequence. N writes one on the marked range (I and O), or on this frame. Return goes to its "
    "frames, Delete takes it back."
)


class NotesPanel(Panel):
    """Reads the desk; going to a note marks its range."""

    def __init__(self, session: Session, desk: ReviewDesk, parent: QWidget | None = None) -> None:
        super().__init__("Notes", "N writes one", TIP, parent)
        self._session, self._desk = session, desk
        inner = self.inner
        self.rows = NoteTree(["", ""], (190,))
        self.rows.setHeaderHidden(True)
        self.rows.setAccessibleName("Notes on this sequence")
        self.rows.itemActivated.connect(self._go)
        self.rows.itemClicked.connect(self._go)
        self.rows.deleted.connect(self._delete)
        inner.addWidget(self.rows, 1)
        desk.notes_changed.connect(self._show)
        session.footage_changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        self.rows.clear()
        notes = self._desk.notes() if self._session.footage is not None else []
        for note in notes:
            item = QTreeWidgetItem([note_place(note), f"{note.text}  – {note.reviewer}"])
            item.setData(0, ROLE, note)
            for column in (0, 1):
                item.setToolTip(column, f"{note_place(note)}: {note.text}\n{note.reviewer}, {note.time}")
            self.rows.addTopLevelItem(item)
        self.rows.fit_first(180)
        self.state.setText(str(len(notes)) if notes else "")

    @Slot(QTreeWidgetItem)
    def _go(self, item: QTreeWidgetItem) -> None:
        note: Note = item.data(0, ROLE)
        session = self._session
        session.set_playing(False)
        names = session.view_names
        if note.views and note.views[0] in names:
            session.select_view(names.index(note.views[0]))
        if note.frames is not None:
            first, last = note.frames
            session.marks.clear()
            session.marks.set_first(first)
            session.marks.set_last(last)
            session.set_frame(first)

    @Slot(QTreeWidgetItem)
    def _delete(self, item: QTreeWidgetItem) -> None:
        self._desk.delete_note(item.data(0, ROLE))


class NoteTree(KeyTree):
    """``deleted(item)`` when Delete is pressed on a row."""

    deleted = Signal(QTreeWidgetItem)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete and self.currentItem() is not None:
            self.deleted.emit(self.currentItem())
        else:
            super().keyPressEvent(event)


class NoteSheet(Sheet):
    """One note: words, the frames it is about, views and regions. Enter keeps it."""

    def __init__(self, session: Session, desk: ReviewDesk, parent: QWidget | None = None) -> None:
        super().__init__("Note", parent)
        self._desk = desk
        marks = session.marks
        frame = session.frame
        self._frames = (
            (frame, frame) if not marks.is_set else marks.range(session.num_frames)
        )  # one mark alone: to the end of the video
        first, last = self._frames
        words = f"Frame {first + 1}" if first == last else f"Frames {first + 1} to {last + 1}"
        self.whole = QCheckBox("on the whole sequence instead")
        row = QHBoxLayout()
        label = QLabel(words)
        label.setMinimumWidth(160)
        row.addWidget(label)
        row.addWidget(self.whole, 1)
        self.body.addLayout(row)
        self.text = QLineEdit()
        self.text.setPlaceholderText("What is the matter there?  Enter keeps the note")
        self.text.setAccessibleName("Text of the note")
        self.text.setMinimumWidth(520)
        self.body.addWidget(self.text)
        self.views = [QCheckBox(name) for name in session.view_names]
        for number, box in enumerate(self.views):
            box.setChecked(session.solo and number == session.selected_view)
            box.setStyleSheet(f"color: {theme.view_colour(number)};")
        self.regions = [QCheckBox(name) for name in REGIONS]
        for title, boxes in (("Views (none = all)", self.views), ("Parts of the face", self.regions)):
            self.body.addWidget(soft(title))
            flow = FlowRow()
            for box in boxes:
                box.setAccessibleName(f"{title}: {box.text()}")
                flow.add(box)
            self.body.addWidget(flow)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        cancel, keep = QPushButton("Cancel"), QPushButton("Keep the note")
        keep.setObjectName("primary")
        keep.setDefault(True)
        cancel.clicked.connect(self.reject)
        keep.clicked.connect(self._keep)
        buttons.addWidget(cancel)
        buttons.addWidget(keep)
        self.body.addLayout(buttons)
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _keep(self) -> None:
        views = tuple(box.text() for box in self.views if box.isChecked())
        regions = tuple(box.text() for box in self.regions if box.isChecked())
        frames = None if self.whole.isChecked() else self._frames
        if self._desk.add_note(self.text.text(), frames, views, regions):
            self.accept()


def note_place(note: Note) -> str:
    """Where a note belongs, frames counted from 1: "frames 13-31, left, lips"."""
    words = []
    if note.frames is not None:
        first, last = note.frames
        words.append(f"frame {first + 1}" if first == last else f"frames {first + 1}-{last + 1}")
    return ", ".join([*words, *note.views, *note.regions]) or "everywhere"
