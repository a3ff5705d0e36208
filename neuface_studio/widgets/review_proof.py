"""What is proven so far, and the plan that it is proven by."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from neuface_engine.errors import NeuFaceError
from neuface_engine.review.proof import Plan, Readout, draw_audit, readout
from neuface_studio import theme
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.widgets.common import soft
from neuface_studio.widgets.frames_panel import panel

LIMITS = {"0.1 %": 0.001, "0.5 %": 0.005, "1 %": 0.01, "2 %": 0.02, "5 %": 0.05, "10 %": 0.1}
PLANTS = {
    "no planted failures": 0,
    "32 planted failures": 32,
    "64 planted failures": 64,
    "100 planted failures": 100,
}
TIP = (
    "The failure rate of everything, proven by a random sample that was drawn before the review: only its draws count. "
    "Planted failures measure how many failures the reviewers see."
)


class ProofPanel(QWidget):
    """The read-out of the open project; draws an audit where there is none."""

    def __init__(self, session: Session, desk: ReviewDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._desk = session, desk
        self.readout: Readout | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        frame, inner, self.state = panel("Proof", "of the failure rate", TIP)
        self.headline = QLabel()
        self.headline.setWordWrap(True)
        self.headline.setAccessibleName("What is proven so far")
        inner.addWidget(self.headline)
        self.lines = QLabel()
        self.lines.setObjectName("soft")
        self.lines.setWordWrap(True)
        self.lines.setAlignment(Qt.AlignmentFlag.AlignTop)
        inner.addWidget(self.lines, 1)
        self.form = QWidget()
        row = QHBoxLayout(self.form)
        row.setContentsMargins(0, 0, 0, 0)
        self.limit, self.plants = QComboBox(), QComboBox()
        for box, entries, name in (
            (self.limit, LIMITS, "Failure rate to be proven"),
            (self.plants, PLANTS, "Planted failures"),
        ):
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            box.setAccessibleName(name)
            for words, value in entries.items():
                box.addItem(words, value)
        self.draw = QPushButton("Draw an audit")
        self.draw.setToolTip("Draw the random sample now, before the review begins; its seed goes on record.")
        self.draw.clicked.connect(self._draw)
        row.addWidget(soft("Prove fewer than"))
        row.addWidget(self.limit)
        row.addWidget(self.plants)
        row.addWidget(self.draw)
        row.addStretch(1)
        inner.addWidget(self.form)
        column.addWidget(frame)
        desk.judged.connect(self.show_proof)
        session.footage_changed.connect(self.show_proof)

    @Slot()
    def show_proof(self) -> None:
        """Read it again, where it is in sight."""
        project = self._desk.project
        if not self.isVisible() or project is None:
            return
        try:
            self.readout = readout(project)
        except NeuFaceError as error:
            self.readout = None
            self.headline.setText(f"▲ {error}")
            self.headline.setStyleSheet(f"color: {theme.AMBER};")
            return
        drawn = self.readout.bound is not None
        colour = theme.GREEN if self.readout.passes else theme.TEXT
        head, *rest = self.readout.lines
        self.headline.setText(head[:1].upper() + head[1:])
        self.headline.setStyleSheet(f"color: {colour}; font-weight: 600;")
        self.lines.setText("\n".join(rest))
        self.form.setVisible(not drawn)
        self.state.setText("✓ proven" if self.readout.passes else "")

    @Slot()
    def _draw(self) -> None:
        project = self._desk.project
        if project is None:
            return
        limit = float(self.limit.currentData())
        try:
            plan = Plan(limit=limit, target=limit / 5, plants=int(self.plants.currentData()))
            audit = draw_audit(project, reviewer=self._desk.reviewer(), plan=plan)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return
        self._desk.going.renew()
        words = f"{len(audit.draws):,} sequences are drawn"
        if audit.practice:
            words += f"; {len(audit.practice)} for practice come first, and say what was planted"
        self._session.notify("good", f"{words}.")
        self.show_proof()

    def showEvent(self, event: object) -> None:
        self.show_proof()
