"""Several reviewers: who said what of the open sequence, on what they differ, and how well they agree."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QColor
from PySide6.QtWidgets import QLabel, QSizePolicy, QTreeWidgetItem, QWidget

from neuface_engine.review.events import REASONS, Adjudication, Verdict
from neuface_engine.review.proof import Agreement, agreement
from neuface_studio import theme
from neuface_studio.queue_model import STATES
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.verdicts import local_time
from neuface_studio.widgets.common import action_button
from neuface_studio.widgets.frames_panel import Panel
from neuface_studio.widgets.project_panel import ProjectPanel
from neuface_studio.widgets.review_flags import KeyTree

ROLE = Qt.ItemDataRole.UserRole
NOTHING = (
    "Nothing was judged by two reviewers yet. “Double review” draws sequences that two are to judge, each without "
    "seeing the other's verdict."
)


class VerdictsPanel(Panel):
    """Everybody's last word on the open sequence, with reasons and note."""

    def __init__(self, session: Session, desk: ReviewDesk, parent: QWidget | None = None) -> None:
        super().__init__(
            "Verdicts",
            "on this sequence",
            "Everybody's last word on the open sequence; in a blind review only your own, until all have judged.",
            parent,
        )
        self._session, self._desk = session, desk
        inner = self.inner
        self.rows = KeyTree(["", ""], (130,))
        self.rows.setAccessibleName("Verdicts on this sequence")
        self.rows.setWordWrap(True)
        inner.addWidget(self.rows, 1)
        session.judgement_changed.connect(self.show_verdicts)
        desk.holding.others_spoke.connect(self.show_verdicts)
        desk.adjudicating_changed.connect(self.show_verdicts)

    @Slot()
    def show_verdicts(self) -> None:
        """Read them again, where they are in sight."""
        if not self.isVisible():
            return
        self.rows.clear()
        verdicts = self._desk.verdicts_here()
        for verdict in verdicts:
            look = STATES[verdict.verdict]
            who = verdict.reviewer + (", last word" if isinstance(verdict, Adjudication) else "")
            item = QTreeWidgetItem([f"{look.sign}  {look.word}\n{who}", self._words(verdict)])
            item.setForeground(0, QColor(look.colour))
            item.setForeground(1, QColor(theme.TEXT_SOFT))
            item.setToolTip(1, item.text(1))
            self.rows.addTopLevelItem(item)
        self.state.setText(f"{len(verdicts)}" if verdicts else "none yet")

    def _words(self, verdict: Verdict) -> str:
        """ "lips, jaw: does not close\\n12:40, watched" """
        why = ", ".join(REASONS.get(reason, reason) for reason in verdict.reasons)
        said = ": ".join(part for part in (why, verdict.note) if part) or "no reason given"
        when = local_time(verdict.time)
        if self._desk.is_out_of_date(verdict):
            return f"{said}\n{when}, ▲ out of date: the track has changed"
        return (
            f"{said}\n{when}, {'✓ watched' if verdict.coverage.get('sufficient') else '▲ too little watched'}"
        )

    def showEvent(self, event: object) -> None:
        self.show_verdicts()


class DisputesPanel(Panel):
    """Sequences on which reviewers differ; adjudicating goes through them with the last word."""

    def __init__(
        self,
        session: Session,
        desk: ReviewDesk,
        actions: dict[str, QAction],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(
            "Disputes",
            "reviewers differ",
            "Sequences on which reviewers gave different verdicts on the same track. Return or a double-click opens "
            "one. “Settle disputes” goes through them one by one: there 1, 2 and 3 are the last word.",
            parent,
        )
        self._desk = desk
        inner = self.inner
        self.rows = KeyTree(["", ""], (130,))
        self.rows.setAccessibleName("Sequences on which reviewers differ")
        self.rows.itemActivated.connect(self._go)
        self.rows.itemDoubleClicked.connect(self._go)
        inner.addWidget(self.rows, 1)
        self.adjudicate = action_button(actions["adjudicate"], "Settle disputes")
        inner.addWidget(self.adjudicate)
        desk.judged.connect(self.show_disputes)
        session.judgement_changed.connect(self.show_disputes)
        desk.adjudicating_changed.connect(self.show_disputes)
        desk.holding.others_spoke.connect(self.show_disputes)

    @Slot(QTreeWidgetItem)
    def _go(self, item: QTreeWidgetItem) -> None:
        self._desk.going.open_name(item.data(0, ROLE))

    @Slot()
    def show_disputes(self) -> None:
        """Read the list again, where it is in sight."""
        if not self.isVisible():
            return
        self.rows.clear()
        for name, words in self._desk.disputes():
            item = QTreeWidgetItem([name, words])
            item.setData(0, ROLE, name)
            item.setToolTip(1, words)
            self.rows.addTopLevelItem(item)
        self.rows.fit_first(150)
        count = self.rows.topLevelItemCount()
        self.state.setText(f"{count}" if count else "✓ none")

    def showEvent(self, event: object) -> None:
        self.show_disputes()


class AgreementPanel(ProjectPanel):
    """How well reviewers agree on what several have judged."""

    def __init__(
        self,
        session: Session,
        desk: ReviewDesk,
        actions: dict[str, QAction],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(
            "Agreement",
            "of reviewers",
            "Over all tracks that several have judged on the same bytes; unsure counts as a failure. Kappa is not "
            "given: where failures are rare it is near 0 for the best reviewers.",
            session,
            desk,
            parent,
        )
        inner = self.inner
        self.rows = KeyTree(["", ""], (110,))
        self.rows.setAccessibleName("How well reviewers agree")
        inner.addWidget(self.rows, 1)
        self.hint = QLabel(NOTHING)
        self.hint.setObjectName("soft")
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.hint.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        inner.addWidget(self.hint, 1)
        inner.addWidget(action_button(actions["assign_double"], "Double review…"))
        desk.judged.connect(self.show_agreement)
        session.judgement_changed.connect(self.show_agreement)
        desk.holding.others_spoke.connect(self.show_agreement)

    @Slot()
    def show_agreement(self) -> None:
        """Work it out again, where it is in sight."""
        found = self.asked(lambda p: agreement(p.index.events("verdict", "adjudication", "undo")))
        if found is None:
            return
        self.rows.clear()
        for title, words, meaning in agreement_lines(found):
            item = QTreeWidgetItem([title, words])
            item.setForeground(0, QColor(theme.TEXT_SOFT))
            for place in (0, 1):
                item.setToolTip(place, f"{meaning}\n{title}: {words}")
            self.rows.addTopLevelItem(item)
        self.rows.setVisible(found.tracks > 0)
        self.hint.setVisible(found.tracks == 0)
        self.state.setText(f"{found.tracks:,} judged by several" if found.tracks else "")

    def showEvent(self, event: object) -> None:
        self.show_agreement()


def agreement_lines(found: Agreement) -> list[tuple[str, str, str]]:
    """(title, figures with their 95 % intervals, what it means) of what is known of the agreement."""
    if not found.tracks:
        return []
    lines = [
        (title, f"{100 * share.value:.0f} %  ({100 * share.low:.0f} to {100 * share.high:.0f} %)", meaning)
        for share, title, meaning in (
            (
                found.on_failures,
                "on failures",
                "Where one reviewer fails a clip: how likely another does too.",
            ),
            (found.on_clean, "on passes", "Where one reviewer passes a clip: how likely another does too."),
        )
        if not math.isnan(share.value)
    ]
    ac1 = found.ac1
    if not math.isnan(ac1.value):
        figures = f"{ac1.value:.2f}  ({ac1.low:.2f} to {ac1.high:.2f})"
        lines.append(("Gwet's AC1", figures, "Agreement beyond chance: 1 is perfect, 0 is chance."))
    open_ones = sum(not difference.settled for difference in found.disagreements)
    words = f"{len(found.disagreements):,} of {found.tracks:,}, {open_ones:,} not settled"
    return [*lines, ("they differ on", words, "Tracks that one passes and another does not.")]
