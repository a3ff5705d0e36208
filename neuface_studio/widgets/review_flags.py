"""The flags of the open sequence in words; a row goes to where it is worst, and on to the next place."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from neuface_engine.places import Place
from neuface_engine.review.flags import Flag
from neuface_studio import theme
from neuface_studio.reviewing.flagging import Flagger
from neuface_studio.session import Session
from neuface_studio.widgets.frames_panel import Panel

ROLE = Qt.ItemDataRole.UserRole
TIP = (
    "What the measures of the saved track found, with the number and its limit. Return or a click goes to the place "
    "where it is worst; once more, to the next."
)


class KeyTree(QTreeWidget):
    """A list that keeps arrows and Return for itself while it has the focus."""

    KEYS = frozenset((Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Delete))

    def __init__(
        self, titles: list[str], widths: tuple[int, ...] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setHeaderLabels(titles)
        self.setHeaderHidden(not any(titles))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumSize(140, 40)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for place, width in enumerate(widths):
            self.setColumnWidth(place, width)

    def fit_first(self, most: int = 220) -> None:
        """Make the first column as wide as what is in it, up to a width; the last one has the rest."""
        self.resizeColumnToContents(0)
        self.setColumnWidth(0, min(most, self.columnWidth(0) + 8))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if plain and event.key() in self.KEYS:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentItem() is not None:
            self.itemActivated.emit(self.currentItem(), 0)
        else:
            super().keyPressEvent(event)


class FlagsPanel(Panel):
    """Reads the flagger."""

    def __init__(self, session: Session, flagger: Flagger, parent: QWidget | None = None) -> None:
        super().__init__("Flags", "of the saved track", TIP, parent)
        self._session, self._flagger = session, flagger
        self._turn: dict[str, int] = {}
        self._flag = -1
        inner = self.inner
        self.rows = KeyTree(["", ""], (430,))
        self.rows.setAccessibleName("Flags of this sequence")
        self.rows.setHeaderHidden(True)
        self.rows.setWordWrap(True)  # a row has two lines: limit and place stand one below the other
        self.rows.header().setStretchLastSection(False)
        self.rows.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.rows.header().setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        self.rows.itemActivated.connect(self._activated)
        self.rows.itemClicked.connect(self._activated)
        inner.addWidget(self.rows, 1)
        flagger.changed.connect(self._show)
        session.footage_changed.connect(self._show)
        self._show()

    def next_place(self) -> bool:
        """Go to the next place of the flags: the worst of each, then the second of each; False where there is none."""
        flags = [flag for flag in self._flagger.flags if self._flagger.where(flag)]
        if not flags:
            return False
        self._flag = (self._flag + 1) % len(flags)
        self._go(flags[self._flag])
        return True

    def _go(self, flag: Flag) -> None:
        places = self._flagger.where(flag)
        if not places:
            return
        turn = self._turn.get(flag.name, 0)
        self._turn[flag.name] = turn + 1
        place = places[turn % len(places)]
        self._flagger.go_to(place)
        self.state.setText(f"{flag.name}: {turn % len(places) + 1} of {len(places)}")

    @Slot(QTreeWidgetItem)
    def _activated(self, item: QTreeWidgetItem) -> None:
        name = item.data(0, ROLE)
        flag = next((flag for flag in self._flagger.flags if flag.name == name), None)
        if flag is not None:
            self._go(flag)

    @Slot()
    def _show(self) -> None:
        self._turn.clear()
        self._flag = -1
        self.rows.clear()
        flagger = self._flagger
        for flag in flagger.flags:
            finding, _, limit = flag.text.partition("; ")
            item = QTreeWidgetItem([f"▲ {finding}", f"{limit}\n{self._words(flagger.where(flag))}"])
            item.setData(0, ROLE, flag.name)
            item.setForeground(0, QColor(theme.AMBER))
            item.setForeground(1, QColor(theme.TEXT_SOFT))
            item.setToolTip(0, f"{flag.name}: {flag.text}")
            item.setToolTip(1, item.text(1))
            self.rows.addTopLevelItem(item)
        metrics = self.rows.fontMetrics()
        lines = [line for n in range(self.rows.topLevelItemCount()) for line in self._second(n)]
        self.rows.setColumnWidth(1, 16 + max(map(metrics.horizontalAdvance, lines), default=0))
        if self._session.footage is None:
            self.state.setText("")
        elif flagger.flags:
            self.state.setText(f"{len(flagger.flags)} raised")
        elif flagger.measures:
            self.state.setText("✓ nothing odd")
        else:
            self.state.setText("measured when there is a saved track")

    def _second(self, row: int) -> list[str]:
        """The lines of a row's second column."""
        item = self.rows.topLevelItem(row)
        return [] if item is None else item.text(1).split("\n")

    def _words(self, places: tuple[Place, ...]) -> str:
        """The first places: "frames 20-32 in right_60"."""
        words = []
        for place in places[:1]:
            frames = "frame" if place.first == place.last else "frames"
            name = "" if place.view is None else f" in {self._session.view_names[place.view]}"
            words.append(f"{frames} {place.frames}{name}")
        return ", ".join(words) + (" …" if len(places) > 1 else "")
