"""The panels of the review, side by side in docks: this sequence, the order, the reviewers, the proof."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QWidget

from neuface_studio.queue import Queue
from neuface_studio.queue_filter import Wanted
from neuface_studio.reviewing.blind import BlindTrials
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.widgets.review_agreement import AgreementPanel, DisputesPanel, VerdictsPanel
from neuface_studio.widgets.review_blind import BlindPanel
from neuface_studio.widgets.review_coverage import CoveragePanel
from neuface_studio.widgets.review_flags import FlagsPanel
from neuface_studio.widgets.review_histogram import HistogramPanel
from neuface_studio.widgets.review_notes import NotesPanel
from neuface_studio.widgets.review_order import AlikePanel, OrderPanel
from neuface_studio.widgets.review_proof import ProofPanel


class ReviewPanels:
    """Makes the panels; ``pages`` are (name, title, widget) for the window's docks."""

    def __init__(
        self,
        session: Session,
        desk: ReviewDesk,
        trials: BlindTrials,
        queue: Queue,
        actions: dict[str, QAction],
    ) -> None:
        self._queue = queue
        self.flags = FlagsPanel(session, desk.flagger)
        self.notes = NotesPanel(session, desk)
        self.coverage = CoveragePanel(session, desk.watcher)
        self.order = OrderPanel(desk)
        self.histogram = HistogramPanel(session, desk)
        self.alike = AlikePanel(desk, actions)
        self.verdicts = VerdictsPanel(session, desk)
        self.disputes = DisputesPanel(session, desk, actions)
        self.agreement = AgreementPanel(session, desk, actions)
        self.proof = ProofPanel(session, desk, actions)
        self.blind = BlindPanel(trials, actions)
        self.pages = (
            ("review_flags", "Flags and notes", _row((self.flags, 7), (self.notes, 4), (self.coverage, 3))),
            (
                "review_order",
                "Order",
                _row((self.order, 3), (self.histogram, 4), (self.alike, 3)),
            ),
            (
                "review_agreement",
                "Reviewers",
                _row((self.verdicts, 5), (self.disputes, 4), (self.agreement, 5)),
            ),
            ("review_proof", "Proof", _row((self.proof, 7), (self.blind, 4))),
        )
        self.histogram.ranged.connect(self._show_range)

    def order_to_front(self, shown: bool) -> None:
        """The dock of the order comes to the front, or goes behind another one."""
        if shown:
            self.order.show_order()
            self.histogram.show_measure()

    def reviewers_to_front(self, shown: bool) -> None:
        """The dock of the reviewers comes to the front, or goes behind another one."""
        if shown:
            self.verdicts.show_verdicts()
            self.disputes.show_disputes()
            self.agreement.show_agreement()

    def proof_to_front(self, shown: bool) -> None:
        """The dock of the proof comes to the front, or goes behind another one."""
        if shown:
            self.proof.show_proof()
            self.blind.show_trials()

    @Slot(str, float, float)
    def _show_range(self, measure: str, low: float, high: float) -> None:
        """Let the queue show only what lies between these values."""
        ends = ((">", low), ("<", high))
        bounds = tuple((measure, side, value) for side, value in ends if measure and math.isfinite(value))
        self._queue.model.set_wanted(replace(self._queue.model.wanted or Wanted(), brushed=bounds))


def _row(*widgets: tuple[QWidget, int]) -> QWidget:
    page = QWidget()
    row = QHBoxLayout(page)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for widget, share in widgets:
        row.addWidget(widget, share)
    return page
