"""Sheets under Help: the keys, what the window shows, and about."""

from __future__ import annotations

import platform
import re
from importlib import metadata

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

import neuface_engine
from neuface_studio import actions as table
from neuface_studio.widgets.common import soft


class Sheet(QDialog):
    """A plain sheet over the window; Escape closes it."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(24, 20, 24, 18)
        self.body.setSpacing(12)

    def finish(self) -> None:
        row = QHBoxLayout()
        row.addStretch(1)
        close = QPushButton("Close")
        close.clicked.connect(self.accept)
        row.addWidget(close)
        self.body.addLayout(row)


EXPLANATION = """
<p><b>In the middle</b> is your footage, one tile a view. Over it lies the mesh that the network gives for this very
picture. Green circles are landmarks that a detector found once; red crosses are the same points of the mesh.</p>
<p><b>Two time axes</b> lie under it. <i>Frame</i> moves through the video. <i>EM iteration</i> moves through the
optimisation: 0 is the network as it came, every further step re-trained it a little on this footage. Step back to see
what changed.</p>
<p><b>One EM iteration</b> first sets targets (E-step): a smooth head motion for every view, and one mesh for each
moment merged from all views, trusting each view where it sees the surface. Then one gradient step on the network's
weights (M-step) brings the predictions closer to the targets and to the landmarks.</p>
<p><b>At the right</b> are the heads of all views in one pose, in the colours of the views: a colour that sticks out is
a view that disagrees. The measures compare the shown iteration with the network alone.</p>
<p><b>At the bottom</b> you judge: accept, reject or unsure. It is saved the moment you press the key.</p>
"""


def explanation_sheet(parent: QWidget | None) -> Sheet:
    """What the window shows, in plain words."""
    sheet = Sheet("What am I looking at?", parent)
    text = QLabel(EXPLANATION)
    text.setWordWrap(True)
    text.setMinimumWidth(620)
    sheet.body.addWidget(text)
    for key in ("cvd", "msi", "nme", "mpve"):
        label = soft(table.EXPLANATIONS[key])
        label.setWordWrap(True)
        sheet.body.addWidget(label)
    sheet.finish()
    return sheet


def licences() -> str:
    """What the embedded files are made from and under which licence (Markdown)."""
    from neuface_engine import resources
    from neuface_engine.errors import NeuFaceError

    try:
        return resources.path("LICENSES.md").read_text(encoding="utf-8")
    except (NeuFaceError, OSError) as error:
        return f"LICENSES.md cannot be read: {error}"


def packages() -> str:
    """Version and licence of every package that the program requires and that is installed (Markdown)."""
    lines = ["| package | version | licence |", "| --- | --- | --- |"]
    for line in sorted(metadata.requires("neuface-studio") or [], key=str.lower):
        requirement, _, marker = line.partition(";")
        if "extra" in marker:
            continue
        name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        lines.append(f"| {name} | {found['Version']} | {_licence(found)} |")
    return "\n".join([f"Python {platform.python_version()}", "", *lines])


def _licence(found: metadata.PackageMetadata) -> str:
    """The licence as the package states it, in one line."""
    stated = (found.get_all("License-Expression") or [""])[0]
    if not stated:
        classifiers = found.get_all("Classifier") or []
        named = [entry.rpartition("::")[2].strip() for entry in classifiers if entry.startswith("License")]
        stated = ", ".join(named) or (found.get_all("License") or [""])[0].strip().partition("\n")[0]
    return stated.replace("|", "/") or "see the package"


def about_sheet(parent: QWidget | None, backend: str) -> Sheet:
    """Versions, licences and the drawing path in use."""
    sheet = Sheet("About NeuFace Studio", parent)
    text = QLabel(
        f"<p><b>NeuFace Studio {neuface_engine.__version__}</b></p>"
        "<p>3D face meshes for video by the NeuFace optimisation, watched live and judged.<br>"
        "Apache License 2.0.</p>"
        f"<p>3D view: {backend}</p>"
    )
    text.setWordWrap(True)
    text.setMinimumWidth(420)
    sheet.body.addWidget(text)
    tabs = QTabWidget()
    tabs.setAccessibleName("Licences and packages")
    for title, words in (("Embedded files", licences()), ("Packages in use", packages())):
        page = QTextBrowser()
        page.setAccessibleName(title)
        page.setMarkdown(words)
        tabs.addTab(page, title)
    tabs.setMinimumSize(720, 360)
    sheet.body.addWidget(tabs, 1)
    sheet.finish()
    return sheet
