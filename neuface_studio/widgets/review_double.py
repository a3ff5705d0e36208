"""The sheet that draws sequences for double review."""

from __future__ import annotations

import random

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from neuface_engine.errors import NeuFaceError
from neuface_engine.review.assignment import draw_double
from neuface_engine.review.queue import Filter
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.widgets.common import NumberField, TextField, soft
from neuface_studio.widgets.help_sheets import Sheet


class DoubleReviewSheet(Sheet):
    """How many sequences several reviewers are to judge, how many reviewers, which, and whether blind."""

    def __init__(
        self, session: Session, desk: ReviewDesk, where: Filter, parent: QWidget | None = None
    ) -> None:
        super().__init__("Double review", parent)
        self._session, self._desk, self._where = session, desk, where
        words = soft(
            "Draws a random share of the sequences in the queue, as it is filtered now. Each of them goes to several "
            "reviewers; how well they agree is shown under Reviewers. The draw and its seed are kept in the log."
        )
        words.setWordWrap(True)
        words.setMinimumWidth(460)
        self.body.addWidget(words)
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        self.share, self.reviews, self.seed = NumberField(1, 100), NumberField(2, 9), NumberField(0, 999_999)
        for field, value, name, tip in (
            (self.share, 10, "Share of the sequences, %", "Of the sequences in the queue as it is filtered."),
            (
                self.reviews,
                2,
                "Reviewers for each",
                "Each sequence is offered to so many different reviewers.",
            ),
            (self.seed, random.randrange(1_000_000), "Seed", "The same seed gives the same draw."),
        ):
            field.set_number(value)
            field.setFixedWidth(90)
            field.setToolTip(tip)
            field.setAccessibleName(name)
            form.addRow(QLabel(name), field)
        self.names = TextField()
        self.names.setPlaceholderText("anyone")
        self.names.setToolTip("Only these may judge them, with commas between the names.")
        self.names.setAccessibleName("Only these reviewers")
        form.addRow(QLabel("Only these"), self.names)
        self.blind = QCheckBox("blind: nobody sees what the others said before all have judged")
        self.blind.setChecked(True)
        form.addRow(QLabel(""), self.blind)
        self.body.addLayout(form)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        cancel, self.draw = QPushButton("Cancel"), QPushButton("Draw")
        self.draw.setObjectName("primary")
        self.draw.setDefault(True)
        cancel.clicked.connect(self.reject)
        self.draw.clicked.connect(self._draw)
        buttons.addWidget(cancel)
        buttons.addWidget(self.draw)
        self.body.addLayout(buttons)
        self.share.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _draw(self) -> None:
        project = self._desk.project
        if project is None:
            return
        try:
            event = draw_double(
                project.index.names(self._where),
                int(self.share.text()) / 100,
                reviewer=self._desk.reviewer(),
                seed=int(self.seed.text()),
                reviewers=[name.strip() for name in self.names.text().split(",") if name.strip()],
                reviews=int(self.reviews.text()),
                blind=self.blind.isChecked(),
            )
            project.log.append(event)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return
        self._desk.going.renew()
        count = len(event.sequences)
        go = "sequence goes" if count == 1 else "sequences go"
        self._session.notify(
            "good",
            f"{count:,} {go} to {event.reviews} reviewers each (seed {event.seed}).",
        )
        self.accept()
