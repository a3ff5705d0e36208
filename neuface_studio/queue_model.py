"""The queue as a table: pages of rows read from the project's index as they come into sight."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage

from neuface_studio import theme
from neuface_studio.worker.paging import PageWorker, Read
from neuface_studio.worker.threads import BackgroundThread, end_worker

PAGE = 128  # rows read at once
PAGES = 60  # pages kept
DISPLAY, DECORATION = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.DecorationRole)
FOREGROUND, ALIGNMENT = int(Qt.ItemDataRole.ForegroundRole), int(Qt.ItemDataRole.TextAlignmentRole)
TIPS = (int(Qt.ItemDataRole.ToolTipRole), int(Qt.ItemDataRole.AccessibleTextRole))
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
ANSWERED = frozenset((DISPLAY, DECORATION, FOREGROUND, *TIPS))
AnyIndex = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
LARGEST = 2**31 - 2  # rows that a Qt model can have


class Row(Protocol):
    """What the index knows of one sequence."""

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def flags(self) -> tuple[str, ...]: ...

    @property
    def measures(self) -> dict[str, float]: ...

    @property
    def suspicion(self) -> float: ...

    @property
    def source(self) -> str | None: ...


class Index(Protocol):
    """Rows that fit ``wanted``, in an order."""

    def rows(
        self, wanted: Any, *, order: str, descending: bool, offset: int, limit: int
    ) -> Sequence[Row]: ...

    def names(self, wanted: Any, *, order: str, descending: bool, limit: int) -> list[str]: ...

    def count(self, wanted: Any) -> int: ...


@dataclass(frozen=True)
class Look:
    """How a state is shown: a sign and a word, and a colour that is never alone."""

    sign: str
    word: str
    colour: str


STATES = {
    "new": Look("○", "new", theme.TEXT_FAINT),
    "tracked": Look("●", "tracked", theme.ACCENT),
    "accept": Look("✓", "accepted", theme.GREEN),
    "reject": Look("✕", "rejected", theme.RED),
    "unsure": Look("?", "unsure", theme.TEXT_SOFT),
    "stale": Look("▲", "out of date", theme.AMBER),
}
RUNNING = Look("▶", "optimising", theme.ACCENT)
FAILED = Look("!", "failed", theme.RED)


@dataclass(frozen=True)
class Column:
    """One column: ``order`` is the index's name for sorting by it, ``digits`` those after the point."""

    title: str
    order: str
    tip: str
    width: int
    digits: int | None = None


COLUMNS = (
    Column("state", "state", "New, tracked, or the verdict that stands; ▲ the track has changed since.", 72),
    Column("sequence", "name", "Name in the project. Double-click or Return opens it.", 148),
    Column("flags", "suspicion", "What the measures found odd, in words.", 160),
    Column("CVD", "measure:cvd_mm", "Cross-view distance, mm: lower is better.", 52, 2),
    Column("MSI", "measure:msi_landmark", "Motion stability of the landmarks: higher is better.", 56, 3),
    Column(
        "NME",
        "measure:nme_percent",
        "Distance to the detected landmarks, % of the face: lower is better.",
        52,
        2,
    ),
    Column("suspicion", "suspicion", "How much the sequence deserves a look: higher first.", 74, 2),
)
STATE, NAME, FLAGS = 0, 1, 2
SUSPICION = len(COLUMNS) - 1


class QueueModel(QAbstractTableModel):
    """Reads the index lazily: only pages that are looked at, the last ones kept."""

    failed = Signal(str)
    picture_wanted = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._index: Index | None = None
        self._wanted: Any = None
        self._order, self._descending = "name", False
        self._count = 0
        self._pages: OrderedDict[int, Sequence[Row]] = OrderedDict()
        self._worker: PageWorker | None = None
        self._thread: BackgroundThread | None = None
        self._ticket = object()  # what is read under another one is out of date
        self._wished: set[int] = set()
        self._old_pages: dict[int, Sequence[Row]] = {}  # shown until they are read again
        self._pictures: dict[str, QImage] = {}
        self._asked: set[str] = set()
        self.errors: dict[str, str] = {}
        self.running = ""
        self.open_name = ""
        self.as_shown: Callable[[Any], Any] = lambda row: row  # a row without what must not be seen

    # What is shown

    @property
    def wanted(self) -> Any:
        """The condition on the rows."""
        return self._wanted

    def set_index(self, index: Index | None, wanted: Any = None) -> None:
        """Show another project's queue, or none."""
        self._index, self._wanted = index, wanted
        self._pictures.clear()
        self._asked.clear()
        self.errors.clear()
        self.refresh()

    def set_wanted(self, wanted: Any) -> None:
        """Show only rows that fit."""
        self._wanted = wanted
        self.refresh()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Let the index sort by a column."""
        self._order = COLUMNS[column].order
        self._descending = order == Qt.SortOrder.DescendingOrder
        self.refresh()

    @property
    def order(self) -> tuple[str, bool]:
        """By what the rows are sorted, and whether falling."""
        return self._order, self._descending

    def refresh(self) -> None:
        """Read everything again, as after a verdict or new footage."""
        self.beginResetModel()
        self._forget_pages()
        self._old_pages.clear()
        self._count = 0
        if self._index is not None:
            self._count = min(LARGEST, self._ask(lambda index: index.count(self._wanted), 0))
        self.endResetModel()

    def refresh_rows(self) -> None:
        """Read the rows in sight again; where some have come in, those that are selected stay so."""
        before = self._count
        now = min(LARGEST, self._ask(lambda index: index.count(self._wanted), 0))
        if now < before:
            self.refresh()
            return
        if now > before:
            self._grow(now)
            return
        self._make_pages_old()
        if before:
            self.dataChanged.emit(self.index(0, 0), self.index(before - 1, len(COLUMNS) - 1))

    def _grow(self, count: int) -> None:
        """Take in new rows, wherever the order has put them: each index goes where its sequence is now."""
        held = {index.row(): self._row_kept(index.row()) for index in self.persistentIndexList()}
        self.beginInsertRows(ROOT, self._count, count - 1)
        self._count = count
        self.endInsertRows()
        self.layoutAboutToBeChanged.emit()
        self._make_pages_old()
        now = {number: None if row is None else self.number_of(row.name) for number, row in held.items()}
        for index in self.persistentIndexList():
            number = now.get(index.row())
            there = QModelIndex() if number is None else self.index(number, index.column())
            self.changePersistentIndex(index, there)
        self.layoutChanged.emit()

    def row(self, number: int) -> Row | None:
        """What the index knows of a row; None where there is none."""
        if not 0 <= number < self._count:
            return None
        page, place = divmod(number, PAGE)
        rows = self._pages.get(page)
        if rows is None:
            rows = self._ask(lambda index: self._reader(index)(page), ())
            self._keep(page, rows)
        return rows[place] if place < len(rows) else None

    def _row_kept(self, number: int) -> Row | None:
        """As `row`, of the pages that are there: the index may have gone on."""
        page, place = divmod(number, PAGE)
        rows = self._pages.get(page) or self._old_pages.get(page, ())
        return rows[place] if place < len(rows) else None

    def _row_in_sight(self, number: int) -> Row | None:
        """As `row`, but a page that is not there yet is read in the background."""
        page, place = divmod(number, PAGE)
        rows = self._pages.get(page)
        if rows is None:
            if page not in self._wished and self._index is not None and number < self._count:
                self._wish(page)
            rows = self._old_pages.get(page, ())
        return rows[place] if place < len(rows) else None

    def _reader(self, index: Index) -> Read:
        wanted, order, descending = self._wanted, self._order, self._descending

        def read(page: int) -> Sequence[Row]:
            return index.rows(wanted, order=order, descending=descending, offset=page * PAGE, limit=PAGE)

        return read

    def _wish(self, page: int) -> None:
        if self._index is None:
            return
        if self._worker is None:
            self._worker = PageWorker()
            self._worker.read.connect(self._on_read, Qt.ConnectionType.QueuedConnection)
            self._worker.failed.connect(self.failed, Qt.ConnectionType.QueuedConnection)
            self._thread = BackgroundThread(self._worker, "queue pages", self)
        self._wished = {page} if len(self._wished) > 64 else self._wished | {page}
        self._worker.want(self._ticket, page, self._reader(self._index))

    @Slot(object, int, object)
    def _on_read(self, ticket: object, page: int, rows: Sequence[Row]) -> None:
        if ticket is not self._ticket:
            return
        self._wished.discard(page)
        self._keep(page, rows)
        self._old_pages.pop(page, None)
        last = min(self._count, page * PAGE + len(rows)) - 1
        if last >= page * PAGE:
            self.dataChanged.emit(self.index(page * PAGE, 0), self.index(last, len(COLUMNS) - 1))

    def _keep(self, page: int, rows: Sequence[Row]) -> None:
        self._pages[page] = rows
        while len(self._pages) > PAGES:
            self._pages.popitem(last=False)

    def _make_pages_old(self) -> None:
        """Read them again, and show them until then."""
        self._old_pages = {**self._old_pages, **self._pages}
        while len(self._old_pages) > PAGES:
            self._old_pages.pop(next(iter(self._old_pages)))
        self._forget_pages()

    def _forget_pages(self) -> None:
        self._pages.clear()
        self._wished = set()
        self._ticket = object()

    def stop(self) -> None:
        """End the thread; what is asked afterwards is read at once."""
        worker, thread = self._worker, self._thread
        self._worker = self._thread = None
        self._index = None
        end_worker(worker, thread)

    def number_of(self, name: str, *, limit: int = 20_000) -> int | None:
        """The row of a sequence among the first ``limit``; None where it is not shown."""
        order, descending = self.order
        names = self._ask(
            lambda index: index.names(self._wanted, order=order, descending=descending, limit=limit), []
        )
        return names.index(name) if name in names else None

    def put_picture(self, name: str, picture: QImage) -> None:
        """A thumbnail has been made."""
        self._pictures[name] = picture
        if len(self._pictures) > 8 * PAGE:
            gone = next(iter(self._pictures))
            self._pictures.pop(gone)
            self._asked.discard(gone)
        for page, rows in self._pages.items():
            for place, row in enumerate(rows):
                if row.name == name:
                    cell = self.index(page * PAGE + place, NAME)
                    self.dataChanged.emit(cell, cell, [DECORATION])

    def _ask(self, question: Any, otherwise: Any) -> Any:
        from neuface_engine.errors import NeuFaceError

        try:
            return otherwise if self._index is None else question(self._index)
        except NeuFaceError as error:
            self.failed.emit(str(error))
            return otherwise

    # Qt's questions

    def rowCount(self, parent: AnyIndex = ROOT) -> int:
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: AnyIndex = ROOT) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        return COLUMNS[section].tip if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column = index.column()
        if role == ALIGNMENT:
            return None if COLUMNS[column].digits is None else RIGHT
        if role not in ANSWERED:
            return None
        row = self._row_in_sight(index.row())
        if row is None:
            return "…" if role == DISPLAY and column == NAME else None
        row = self.as_shown(row)
        if role == DISPLAY:
            return self._text(row, column)
        if role == FOREGROUND:
            return self._colour(row, column)
        if role == DECORATION:
            return self._picture(row) if column == NAME else None
        return self._tip(row, column)

    def look(self, row: Row) -> Look:
        """Sign, word and colour of a row's state."""
        if row.name == self.running:
            return RUNNING
        return FAILED if row.name in self.errors else STATES.get(row.state, STATES["new"])

    def _text(self, row: Row, column: int) -> str:
        if column == STATE:
            look = self.look(row)
            return f"{look.sign}  {look.word}"
        if column == NAME:
            return row.name
        if column == FLAGS:
            return _without_folder(self.errors.get(row.name, "")) or ", ".join(row.flags)
        measure = COLUMNS[column].order.removeprefix("measure:")
        value = row.suspicion if column == SUSPICION else row.measures.get(measure, math.nan)
        return f"{value:.{COLUMNS[column].digits}f}" if value is not None and math.isfinite(value) else "–"

    def _colour(self, row: Row, column: int) -> QColor | None:
        if column == STATE:
            return colour(self.look(row).colour)
        if column == NAME and row.name == self.open_name:
            return colour(theme.ACCENT)
        if column == FLAGS:
            return colour(theme.RED if row.name in self.errors else theme.AMBER)
        return None

    def _tip(self, row: Row, column: int) -> str:
        if column == FLAGS or row.name in self.errors:
            return self.errors.get(row.name) or "\n".join(row.flags) or "nothing odd"
        if column == NAME:
            is_open = " (open now)" if row.name == self.open_name else ""
            return f"{row.name}{is_open}, {self.look(row).word}\n{row.source or ''}".rstrip()
        return f"{COLUMNS[column].title}: {self._text(row, column)}"

    def _picture(self, row: Row) -> QImage | None:
        picture = self._pictures.get(row.name)
        if picture is None and row.source is not None and row.name not in self._asked:
            if len(self._asked) > 8 * PAGE:
                self._asked.clear()
            self._asked.add(row.name)
            self.picture_wanted.emit(row.name, row.source)
        return picture


@cache
def colour(name: str) -> QColor:
    """The colour of a name."""
    return QColor(name)


def _without_folder(reason: str) -> str:
    """A reason as a narrow row can show it: what begins with a path begins with its last name."""
    path, colon, words = reason.partition(": ")
    return f"{PurePath(path).name}{colon}{words}" if words else reason
