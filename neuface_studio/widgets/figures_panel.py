"""The measures in numbers: the encoder alone against the shown iteration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from neuface_studio import theme
from neuface_studio.actions import EXPLANATIONS
from neuface_studio.given_tracks import absent_figures
from neuface_studio.session import IterationRecord, Session
from neuface_studio.widgets.common import ElidedLabel, soft
from neuface_studio.widgets.plots import figure


@dataclass(frozen=True)
class Row:
    """One measure: ``better`` is -1 (lower), +1 (higher) or 0 (near one is best)."""

    key: str
    label: str
    unit: str
    better: int
    tip: str


ROWS = (
    Row("cvd", "CVD", "mm", -1, EXPLANATIONS["cvd"]),
    Row("msi", "MSI", "frame⁴/mm²", +1, EXPLANATIONS["msi"]),
    Row("nme", "NME", "%", -1, EXPLANATIONS["nme"]),
    Row("mpve_mm", "True error", "mm", -1, EXPLANATIONS["mpve"]),
    Row(
        "lip_aperture_ratio",
        "Lip opening",
        "ratio",
        0,
        "How far the mesh's lips move against the landmarks' (1 = the same). Far below 1: a frozen mouth.",
    ),
    Row(
        "shape_rms_sd",
        "Shape",
        "sd",
        0,
        "Size of the identity coefficients in standard deviations; far above 1 means an unlikely head.",
    ),
)


class FiguresPanel(QFrame):
    """Encoder, shown iteration, and how they compare, with a sign beside the colour."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._session = session
        outer = QVBoxLayout(self)
        outer.setContentsMargins(10, 8, 10, 8)
        outer.setSpacing(4)
        grid = QGridLayout()
        grid.setVerticalSpacing(3)
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(0, 1)
        self._now_title = soft("now", name="faint")
        for column, label in (
            (1, soft("encoder", name="faint")),
            (2, self._now_title),
            (3, soft("change", name="faint")),
        ):
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(label, 0, column)
        self._cells: dict[str, tuple[QLabel, QLabel, QLabel, QLabel]] = {}
        for number, row in enumerate(ROWS, start=1):
            name = QLabel(f"{row.label} <span style='color:{theme.TEXT_FAINT}'>{row.unit}</span>")
            cells = (name, QLabel("–"), QLabel("–"), QLabel(""))
            for column, cell in enumerate(cells):
                later = "" if row.key in ("cvd", "msi", "nme") else " Worked out whenever the run pauses."
                cell.setToolTip(row.tip + later)
                if column:
                    cell.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                grid.addWidget(cell, number, column)
            cells[2].setStyleSheet("font-weight: 700;")
            self._cells[row.key] = cells
        outer.addLayout(grid)
        self.absent = ElidedLabel()
        self.absent.setObjectName("faint")
        outer.addWidget(self.absent)
        outer.addStretch(1)
        session.iteration_changed.connect(self._show)
        session.history_changed.connect(self._show)
        session.figures_changed.connect(self._show)
        session.footage_changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        session = self._session
        record, first = session.record(), session.record(0)
        self._now_title.setText("now" if record is None else f"iter. {record.index}")
        finals = session.final_figures
        newest_shown = record is not None and record.index > 0 and record.index == session.newest
        given = None if record is None else record.given
        absent = {} if given is None else absent_figures(given)
        self.absent.set_text(_in_words(absent))
        self.absent.setVisible(bool(absent))
        truth = session.footage is not None and session.footage.sequence.ground_truth is not None
        for row in ROWS:
            name, before, now, change = self._cells[row.key]
            if row.key in ("cvd", "msi", "nme"):
                a, b = measure(first, row.key), measure(record, row.key)
            else:
                a = finals.get("encoder", {}).get(row.key, np.nan)
                b = finals.get("neuface", {}).get(row.key, np.nan) if newest_shown else np.nan
            visible = row.key != "mpve_mm" or truth
            for cell in (name, before, now, change):
                cell.setVisible(visible)
            before.setText(figure(a))
            now.setText(figure(b))
            now.setToolTip(
                f"{absent[row.key]}." if row.key in absent and not np.isfinite(b) else name.toolTip()
            )
            text, colour = comparison(a, b, row.better)
            change.setText(text)
            change.setStyleSheet(f"color: {colour};")


def _in_words(absent: dict[str, str]) -> str:
    """Which measures are missing, and why, in one sentence a reason."""
    labels = {row.key: row.label for row in ROWS if row.key != "mpve_mm"}
    by_reason: dict[str, list[str]] = {}
    for key, reason in absent.items():
        if key in labels:
            by_reason.setdefault(reason, []).append(labels[key])
    return " ".join(f"No {', '.join(names)}: {reason}." for reason, names in by_reason.items())


def measure(record: IterationRecord | None, key: str) -> float:
    """Mean over the views of a measure that every iteration has; NaN if there is none."""
    if record is None:
        return float("nan")
    values = {"cvd": record.cvd_mm, "msi": record.msi, "nme": record.nme_percent}[key]
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def comparison(before: float, now: float, better: int) -> tuple[str, str]:
    """How ``now`` compares, as text with a sign, and its colour."""
    if not (np.isfinite(before) and np.isfinite(now)) or before == 0 or now == before:
        return "", theme.TEXT_SOFT
    if better == 0:
        return "", theme.TEXT_SOFT
    ratio = now / before
    good = (ratio - 1) * better > 0
    text = f"×{ratio:.3g}" if better > 0 else f"{100 * (ratio - 1):+.0f} %".replace("-", "−")
    if abs(ratio - 1) < 0.005:
        return "±0 %", theme.TEXT_SOFT
    return f"{'✓' if good else '▲'} {text}", theme.GREEN if good else theme.AMBER
