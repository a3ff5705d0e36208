"""How the queue shows a sequence: its picture, its name, and below it what was found odd."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from neuface_studio.queue_model import FLAGS

SMALLER = 0.88  # the second line against the first


class NameDelegate(QStyledItemDelegate):
    """Adds the row's flags, or why it failed, as a second line."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        flags = index.model().index(index.row(), FLAGS)
        words = flags.data(Qt.ItemDataRole.DisplayRole)
        if not words:
            super().paint(painter, option, index)
            return
        self.initStyleOption(option, index)
        name, option.text = option.text, ""
        style = option.widget.style() if option.widget is not None else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        option.text = name  # the place of the text is known only where there is one
        room = style.subElementRect(QStyle.SubElement.SE_ItemViewItemText, option, option.widget)
        room.adjust(3, 0, -3, 0)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        upper, lower = QRect(room), QRect(room)
        upper.setBottom(room.center().y())
        lower.setTop(room.center().y() + 1)
        painter.save()
        for place, text, align, source in (
            (upper, name, Qt.AlignmentFlag.AlignBottom, index),
            (lower, str(words), Qt.AlignmentFlag.AlignTop, flags),
        ):
            font = option.font
            if place is lower:
                font.setPointSizeF(SMALLER * font.pointSizeF())
            painter.setFont(font)
            colour = source.data(Qt.ItemDataRole.ForegroundRole)
            painter.setPen(option.palette.text().color() if selected or colour is None else colour)
            text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, align | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()
