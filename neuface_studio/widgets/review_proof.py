"""What is proven so far, and the plan that it is proven by."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QPushButton, QScrollArea, QWidget

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_engine.review.proof import Item, Plan, Readout, draw_audit, plan_words, readout
from neuface_engine.review.proof.audit import settled
from neuface_studio import theme
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.widgets.common import action_button, soft
from neuface_studio.widgets.flow import FlowRow
from neuface_studio.widgets.project_panel import ProjectPanel

KINDS = {"with a fixed sample": "fixed", "watching it grow": "betting"}
LIMITS = {"0.1 %": 0.001, "0.5 %": 0.005, "1 %": 0.01, "2 %": 0.02, "5 %": 0.05, "10 %": 0.1}
PLANTS = {
    "no planted failures": 0,
    "32 planted failures": 32,
    "64 planted failures": 64,
    "100 planted failures": 100,
}
TIP = (
    "The failure rate of everything, proven by a random sample that was drawn before the review: only its draws count. "
    "Planted failures measure how many failures the reviewers see. An accepted draw counts once its clip was watched."
)


class ProofPanel(ProjectPanel):
    """The read-out of the open project; draws an audit where there is none."""

    def __init__(
        self,
        session: Session,
        desk: ReviewDesk,
        actions: dict[str, QAction],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Proof", "of the failure rate", TIP, session, desk, parent)
        self.readout: Readout | None = None
        self._planned: Project | None = None  # for which the plan is shown
        inner = self.inner
        self.headline = QLabel()
        self.headline.setWordWrap(True)
        self.headline.setAccessibleName("What is proven so far")
        inner.addWidget(self.headline)
        self.lines = QLabel()
        self.lines.setObjectName("soft")
        self.lines.setWordWrap(True)
        self.lines.setAlignment(Qt.AlignmentFlag.AlignTop)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setMinimumHeight(24)
        area.setStyleSheet("QScrollArea { background: transparent; }")
        area.setWidget(self.lines)
        for part in (area.viewport(), self.lines):
            part.setAutoFillBackground(False)
        inner.addWidget(area, 1)
        self.form = FlowRow()
        self.limit, self.kind, self.plants = QComboBox(), QComboBox(), QComboBox()
        self.draw = QPushButton("Draw an audit")
        self.draw.setToolTip("Draw the random sample now, before the review begins; its seed goes on record.")
        self.draw.clicked.connect(self._draw)
        self.draw.ensurePolished()
        label = soft("Prove fewer than")
        label.setFixedHeight(self.draw.sizeHint().height())  # in line with the fields
        self.form.add(label)
        for box, entries, name in (
            (self.limit, LIMITS, "Failure rate to be proven"),
            (self.kind, KINDS, "Plan"),
            (self.plants, PLANTS, "Planted failures"),
        ):
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            box.setAccessibleName(name)
            for words, value in entries.items():
                box.addItem(words, value)
            box.activated.connect(self._show_plan)
            self.form.add(box)
        self.form.add(self.draw)
        inner.addWidget(self.form)
        self.papers = FlowRow()
        self.papers.add(action_button(actions["write_certificate"], "Write the certificate…"))
        self.papers.add(action_button(actions["check_certificate"], "Check a certificate…"))
        inner.addWidget(self.papers)
        desk.judged.connect(self.show_proof)
        session.footage_changed.connect(self.show_proof)
        desk.holding.others_spoke.connect(self.show_proof)

    @Slot()
    def show_proof(self) -> None:
        """Read it again, where it is in sight."""
        found = self.asked(readout)
        if found is None:
            return
        self.readout = found
        drawn = self.readout.bound is not None
        colour = theme.GREEN if self.readout.passes else theme.TEXT
        head, *rest = shown_lines(self.readout)
        self.headline.setText(head[:1].upper() + head[1:])
        self.headline.setStyleSheet(f"color: {colour}; font-weight: 600;")
        self.form.setVisible(not drawn)
        self.papers.setVisible(drawn)
        if drawn:
            self._planned = None
            self.lines.setText("\n".join(rest))
        elif self._planned is not self._desk.project:  # no verdict changes what a plan takes
            self._show_plan()
        self.state.setText("✓ proven" if self.readout.passes else "")

    def show_trouble(self, words: str) -> None:
        """In the place of what is proven: as long as the project cannot be read, nothing is."""
        self.readout = None
        self.headline.setText(f"▲ {words}")
        self.headline.setStyleSheet(f"color: {theme.AMBER};")

    def plan(self, project: Project) -> Plan:
        """The plan as it is chosen; a clip counts as watched as the project's settings say."""
        limit = float(self.limit.currentData())
        return Plan(
            kind=self.kind.currentData(),
            limit=limit,
            target=limit / 5,
            plants=int(self.plants.currentData()),
            watched=project.coverage_rule,
        )

    @Slot()
    def _show_plan(self) -> None:
        """Say what the chosen plan takes, before anything is drawn."""
        project = self._planned = self._desk.project
        if project is None:
            return
        try:
            rows = project.index.rows(order="name")
            items = [Item(row.name, "", row.identity) for row in rows if row.has_track]
            plan = replace(self.plan(project), population=len(items))
            words = plan_words(settled(plan, items)) if items else "no sequence has a track yet"
            self.draw.setEnabled(bool(items))
        except NeuFaceError as error:
            words = str(error).removeprefix("plan: ")
            self.draw.setEnabled(False)
        self.lines.setText(f"{words[:1].upper()}{words[1:]}.")

    @Slot()
    def _draw(self) -> None:
        project = self._desk.project
        if project is None:
            return
        try:
            audit = draw_audit(project, reviewer=self._desk.reviewer(), plan=self.plan(project))
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
        self._planned = None
        self.show_proof()


def shown_lines(now: Readout) -> list[str]:
    """What the reviewers see of a read-out: not which of their verdicts was on a planted failure."""
    if now.plants_judged >= now.plants:
        return list(now.lines)
    return [
        *(line for line in now.lines if "planted failures caught" not in line),
        f"{now.plants} planted failures are mixed in: how many were caught is shown once all are judged",
    ]
