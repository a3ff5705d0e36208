"""Colours, fonts and the style sheet: the only place that names a colour."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

ICONS = Path(__file__).resolve().parent / "icons"
POINTS = 10.0  # of ordinary text, the size that the style sheet is written for
SCREEN_POINTS = ((1900, 15.0), (1500, 12.0), (0, POINTS))  # screen height in px, text in points
FONTS = Path(__file__).resolve().parent / "fonts"

GROUND = "#0F1216"
PANEL = "#171B21"
RAISED = "#1E242C"
LINE = "#262C35"
LINE_STRONG = "#3A424E"
TEXT = "#E8EAED"
TEXT_SOFT = "#AEB6C2"
TEXT_FAINT = "#7C8694"
ACCENT = "#4E9BFF"
ACCENT_DEEP = "#2B62B5"
GREEN = "#3ECF8E"
GREEN_DEEP = "#1F6B48"
RED = "#FF6B6B"
RED_DEEP = "#8E2E2E"
AMBER = "#F5B83D"

# 2D landmarks keep the paper's colours: what the detector saw, and where the mesh puts it.
DETECTED = "#35E07B"
PROJECTED = "#FF4D4D"
GHOST = "#7896FF"  # the E-step's targets
RESIDUAL = "#FFD84D"  # from a detected landmark to the mesh's

# One fixed colour a view, in tiles, plots and the 3D view (Okabe-Ito, lightened for a dark ground).
VIEW_COLOURS = (
    "#56A8F5",
    "#F2A63C",
    "#35C998",
    "#F27A5E",
    "#B48CF2",
    "#5ED6E8",
    "#F08CC0",
    "#D8D452",
    "#A9B4C2",
    "#8FD46A",
)
# Loss terms are not views: their colours are taken from outside the views' palette.
LOSS_COLOURS = {
    "total": "#FFFFFF",
    "landmark": "#C9A27E",
    "dense": "#8E7358",
    "temporal": "#8FA0BC",
    "multiview": "#86A886",
    "shape": "#A78A9E",
    "expression": "#8E94A8",
    "size": "#B0A890",
    "aperture": "#C98F8F",
    "photometric": "#8FB3A8",
}


def view_colour(view: int) -> str:
    """The fixed colour of a view, by its place in the sequence; colours repeat after ten views."""
    return VIEW_COLOURS[view % len(VIEW_COLOURS)]


def rgb(colour: str) -> tuple[int, int, int]:
    """``#RRGGBB`` as three integers 0..255."""
    value = QColor(colour)
    return value.red(), value.green(), value.blue()


def apply_text_size(points: float) -> None:
    """Make all text of the running application larger or smaller; ordinary text gets so many points, 0: as fits."""
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        return
    points = points or fitting_points(application.primaryScreen().availableGeometry().height())
    if application.font().pointSizeF() == points:
        return
    application.setFont(interface_font(points))
    application.setStyleSheet(scaled_style(points / POINTS))


def fitting_points(height: int) -> float:
    """The size of text for a screen so many device-independent pixels high: a 4K screen that nothing scales is far."""
    return next(points for least, points in SCREEN_POINTS if height >= least)


def scaled_style(factor: float) -> str:
    """The style sheet with all its text sizes multiplied."""
    return re.sub(r"(\d+(?:\.\d+)?)pt", lambda size: f"{float(size[1]) * factor:.2f}pt", STYLE)


def load_fonts() -> None:
    """Make the fonts that come with the program known to Qt: text looks, and fits, the same on every system."""
    for file in sorted(FONTS.glob("*.otf")):
        QFontDatabase.addApplicationFont(str(file))


def interface_font(points: float = POINTS) -> QFont:
    """The bundled family, or the first well-drawn one that the system has; with tabular figures."""
    families = set(QFontDatabase.families())
    wanted = ("Inter", "Segoe UI", "SF Pro Text", "Helvetica Neue", "Noto Sans", "Open Sans", "DejaVu Sans")
    font = QFont(next((name for name in wanted if name in families), QApplication.font().family()))
    font.setPointSizeF(points)
    font.setFeature(QFont.Tag("tnum"), 1)
    font.setHintingPreference(QFont.HintingPreference.PreferVerticalHinting)
    return font


def apply(application: QApplication) -> None:
    """Give the application the dark palette, font and style sheet."""
    application.setStyle("Fusion")
    palette = QPalette()
    for role, colour in (
        (QPalette.ColorRole.Window, GROUND),
        (QPalette.ColorRole.WindowText, TEXT),
        (QPalette.ColorRole.Base, GROUND),
        (QPalette.ColorRole.AlternateBase, PANEL),
        (QPalette.ColorRole.Text, TEXT),
        (QPalette.ColorRole.Button, RAISED),
        (QPalette.ColorRole.ButtonText, TEXT),
        (QPalette.ColorRole.ToolTipBase, RAISED),
        (QPalette.ColorRole.ToolTipText, TEXT),
        (QPalette.ColorRole.Highlight, ACCENT),
        (QPalette.ColorRole.HighlightedText, GROUND),
        (QPalette.ColorRole.PlaceholderText, TEXT_FAINT),
        (QPalette.ColorRole.Link, ACCENT),
    ):
        palette.setColor(role, QColor(colour))
    application.setPalette(palette)
    load_fonts()
    application.setFont(interface_font())
    application.setStyleSheet(STYLE)


DOWN_ARROW = (ICONS / "down.svg").as_posix()
CHECK_MARK = (ICONS / "check.svg").as_posix()

STYLE = f"""
QMainWindow, QDialog {{ background: {GROUND}; }}
QWidget {{ color: {TEXT}; }}
QMainWindow::separator {{ background: {GROUND}; width: 6px; height: 6px; }}
QMainWindow::separator:hover {{ background: {LINE_STRONG}; }}
QMenuBar {{ background: {PANEL}; border-bottom: 1px solid {LINE}; padding: 2px 6px; }}
QMenuBar::item {{ padding: 4px 10px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {LINE}; }}
QMenu {{ background: {RAISED}; border: 1px solid {LINE_STRONG}; padding: 4px; }}
QMenu::item {{ padding: 5px 28px 5px 24px; border-radius: 4px; }}
QMenu::item:selected {{ background: {ACCENT_DEEP}; }}
QMenu::item:disabled {{ color: {TEXT_FAINT}; }}
QMenu::separator {{ height: 1px; background: {LINE}; margin: 4px 8px; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE_STRONG}; padding: 6px; }}
QDockWidget {{ color: {TEXT_FAINT}; font-size: 8.5pt; }}
QDockWidget::title {{ background: {PANEL}; padding: 2px 8px; }}
QToolBar {{ background: {PANEL}; border: none; border-top: 1px solid {LINE}; padding: 0px; spacing: 0px; }}
QStatusBar {{ background: {PANEL}; border-top: 1px solid {LINE}; }}
QStatusBar::item {{ border: none; }}
QLabel#heading {{ color: {TEXT_FAINT}; font-size: 8.5pt; font-weight: 600; letter-spacing: 1px; }}
QLabel#soft {{ color: {TEXT_SOFT}; }}
QLabel#faint {{ color: {TEXT_FAINT}; }}
QLabel#legend {{ color: {TEXT_SOFT}; font-size: 8pt; }}
QLabel#reading {{ font-size: 8pt; }}
QLabel#note {{ color: {TEXT_FAINT}; font-size: 8pt; }}
QLabel#figure {{ font-size: 15pt; font-weight: 600; }}
QLabel#title {{ font-size: 22pt; font-weight: 600; }}
QLabel#key {{ color: {TEXT_SOFT}; border: 1px solid {LINE_STRONG}; border-radius: 3px; padding: 0px 5px; }}
QFrame#panel {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: 6px; }}
QFrame#card {{ background: {RAISED}; border: 1px solid {LINE}; border-radius: 6px; }}
QPushButton, QToolButton {{
    background: {RAISED}; border: 1px solid {LINE_STRONG}; border-radius: 5px; padding: 4px 11px;
}}
QPushButton:hover, QToolButton:hover {{ border-color: {ACCENT}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {LINE}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {ACCENT}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {TEXT_FAINT}; background: {PANEL}; border-color: {LINE}; }}
QToolButton:checked, QPushButton:checked {{ background: {ACCENT_DEEP}; border-color: {ACCENT}; color: white; }}
QToolButton::menu-indicator {{ image: none; }}
QToolButton#small {{ padding: 1px 3px; font-size: 8.5pt; border-radius: 4px; }}
QPushButton#primary, QToolButton#primary {{
    background: {ACCENT_DEEP}; border-color: {ACCENT}; color: white; font-weight: 600;
}}
QPushButton#primary:hover, QToolButton#primary:hover {{ background: {ACCENT}; color: {GROUND}; }}
QPushButton#primary:disabled, QToolButton#primary:disabled {{
    background: {PANEL}; border-color: {LINE}; color: {TEXT_FAINT};
}}
QPushButton[verdict] {{ font-size: 11pt; font-weight: 600; padding: 5px 16px; border-radius: 6px; }}
QPushButton[verdict="accept"] {{ background: {GREEN_DEEP}; border-color: {GREEN_DEEP}; color: white; }}
QPushButton[verdict="reject"] {{ background: {RED_DEEP}; border-color: {RED_DEEP}; color: white; }}
QPushButton[verdict="unsure"] {{ background: {LINE_STRONG}; border-color: {LINE_STRONG}; color: white; }}
QPushButton[verdict]:hover {{ border-color: {TEXT}; }}
QPushButton[verdict]:checked {{ border: 2px solid white; padding: 4px 15px; }}
QPushButton[verdict]:disabled {{ background: {PANEL}; border-color: {LINE}; color: {TEXT_FAINT}; }}
QPushButton#primary:focus, QToolButton#primary:focus, QPushButton:checked:focus, QToolButton:checked:focus,
QPushButton[verdict]:focus {{ border-color: {TEXT}; }}
QPushButton[verdict]:checked:focus {{ border-color: {ACCENT}; }}
QFileDialog QToolButton {{ padding: 3px; }}
QLineEdit {{
    background: {GROUND}; border: 1px solid {LINE_STRONG}; border-radius: 5px; padding: 4px 8px;
    selection-background-color: {ACCENT_DEEP};
}}
QLineEdit:focus {{ border-color: {ACCENT}; }}
QLineEdit:disabled {{ color: {TEXT_FAINT}; border-color: {LINE}; }}
QComboBox {{
    background: {RAISED}; border: 1px solid {LINE_STRONG}; border-radius: 5px; padding: 3px 8px;
}}
QComboBox:focus {{ border-color: {ACCENT}; }}
QComboBox:disabled {{ color: {TEXT_FAINT}; background: {PANEL}; border-color: {LINE}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url({DOWN_ARROW}); width: 10px; height: 10px; }}
QComboBox QAbstractItemView {{ background: {RAISED}; selection-background-color: {ACCENT_DEEP}; }}
QCheckBox {{ spacing: 8px; }}
QCheckBox::indicator {{
    width: 14px; height: 14px; border: 1px solid {LINE_STRONG}; border-radius: 3px; background: {GROUND};
}}
QCheckBox::indicator:hover {{ border-color: {ACCENT}; }}
QCheckBox::indicator:checked {{ background: {ACCENT}; border-color: {ACCENT}; image: url({CHECK_MARK}); }}
QSlider::groove:horizontal {{ height: 4px; background: {LINE_STRONG}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {ACCENT}; border-radius: 2px; }}
QSlider::handle:horizontal {{
    background: {TEXT}; width: 12px; height: 12px; margin: -4px 0; border-radius: 6px;
}}
QSlider::handle:horizontal:focus {{ background: {ACCENT}; border: 2px solid {TEXT}; margin: -6px 0; }}
QProgressBar {{ background: {LINE}; border: none; border-radius: 3px; height: 6px; }}
QProgressBar::chunk {{ background: {ACCENT}; border-radius: 3px; }}
QTabBar::tab {{
    background: {GROUND}; color: {TEXT_SOFT}; padding: 5px 14px; border: 1px solid {LINE}; border-bottom: none;
}}
QTabBar::tab:selected {{ background: {PANEL}; color: {TEXT}; border-top: 2px solid {ACCENT}; }}
QTabBar::tab:hover {{ color: {TEXT}; }}
QTabBar {{ qproperty-drawBase: 0; }}
QTreeView {{ background: {PANEL}; border: none; outline: none; alternate-background-color: {RAISED}; }}
QTreeView::item {{ padding: 2px 4px; }}
QTreeView::item:selected {{ background: {ACCENT_DEEP}; color: white; }}
QTableView {{
    background: {PANEL}; border: 1px solid {LINE}; outline: none; selection-background-color: {ACCENT_DEEP};
    selection-color: white;
}}
QTableView::item {{ padding: 2px 5px; }}
QTableView:focus, QTreeView:focus, QTextBrowser:focus {{ border: 1px solid {ACCENT}; }}
QTextBrowser {{ background: {PANEL}; border: 1px solid {LINE}; }}
QCheckBox:focus, QRadioButton:focus {{ color: {ACCENT}; }}
QCheckBox::indicator:focus, QRadioButton::indicator:focus {{ border: 2px solid {ACCENT}; }}
QRadioButton {{ spacing: 8px; }}
QRadioButton::indicator {{
    width: 12px; height: 12px; border: 2px solid {LINE_STRONG}; border-radius: 8px; background: {GROUND};
}}
QRadioButton::indicator:checked {{ background: {ACCENT}; border-color: {TEXT}; }}
QTabBar::tab:focus {{ color: {ACCENT}; border-top: 2px solid {TEXT}; }}
QTabWidget::pane {{ border: 1px solid {LINE}; }}
QHeaderView::section {{
    background: {PANEL}; color: {TEXT_FAINT}; border: none; border-bottom: 1px solid {LINE}; padding: 3px 4px;
}}
QScrollArea {{ border: none; background: transparent; }}
QScrollBar:vertical {{ background: {PANEL}; width: 10px; }}
QScrollBar::handle:vertical {{ background: {LINE_STRONG}; border-radius: 4px; min-height: 24px; }}
QScrollBar:horizontal {{ background: {PANEL}; height: 10px; }}
QScrollBar::handle:horizontal {{ background: {LINE_STRONG}; border-radius: 4px; min-width: 24px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
"""
