"""The settings: where it computes, with which models, how a run goes, where things are kept, how it looks."""

from __future__ import annotations

import os

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from neuface_studio import preferences as prefs
from neuface_studio.model_choices import encoders, heads
from neuface_studio.preferences import TEXT_SIZES, WEIGHTS, Settings
from neuface_studio.session import Session
from neuface_studio.widgets.common import NumberField, TextField, soft
from neuface_studio.widgets.help_sheets import Sheet


class SettingsSheet(Sheet):
    """Every change holds at once; there is nothing to confirm."""

    def __init__(self, settings: Settings, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Settings", parent)
        self._settings, self._session = settings, session
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Parts of the settings")
        self.tabs.addTab(self._computing(), "Computing")
        self.tabs.addTab(self._runs(), "Runs")
        self.tabs.addTab(self._storage(), "Storage")
        self.tabs.addTab(self._window(), "Window")
        self.tabs.setMinimumSize(620, 400)
        self.body.addWidget(self.tabs, 1)
        self.body.addWidget(
            soft(
                "Changes hold at once; runs and footage that are open keep what they began with.",
                name="faint",
            )
        )
        self.finish()

    # Pages

    def _computing(self) -> QWidget:
        page, grid = _page()
        now = self._settings.now
        self.device = _choice("Device", [(name, name) for name in prefs.devices()], now.device)
        self.device.activated.connect(self._device_chosen)
        _row(grid, 0, "Device", self.device, "auto takes the graphics card where there is one.")
        self.threads = NumberField(0, 256)
        self.threads.setAccessibleName("Threads of the optimiser")
        self.threads.setFixedWidth(80)
        self.threads.set_number(now.threads)
        self.threads.number_changed.connect(lambda number: self._settings.set(threads=number))
        cores = os.cpu_count() or 1
        _row(grid, 1, "Threads", self.threads, f"0: one less than there are cores ({cores} here).")
        self.encoder = _choice("Encoder", encoders(), now.encoder)
        self.encoder.activated.connect(self._models_chosen)
        _row(
            grid, 2, "Encoder", self.encoder, "The network that is optimised, for footage opened from now on."
        )
        self.head = _choice("Head", heads(), now.head)
        self.head.activated.connect(self._models_chosen)
        _row(
            grid,
            3,
            "Head",
            self.head,
            "The face model that it predicts. More under File > Models and assets.",
        )
        return page

    def _runs(self) -> QWidget:
        from neuface_engine.optimization import NeuFaceConfig

        page, grid = _page()
        now = self._settings.now
        self.iterations = NumberField(1, 10_000)
        self.iterations.setAccessibleName("EM iterations of a run")
        self.iterations.setFixedWidth(80)
        self.iterations.set_number(now.iterations)
        self.iterations.number_changed.connect(self._iterations_changed)
        _row(grid, 0, "EM iterations", self.iterations, "Where a run ends, here and in Optimise all.")
        defaults, weights = NeuFaceConfig(), dict(now.weights)
        self.weights: dict[str, TextField] = {}
        for place, name in enumerate(WEIGHTS, start=1):
            field = TextField("" if name not in weights else f"{weights[name]:g}")
            field.setPlaceholderText(f"{getattr(defaults, name):g}")
            field.setAccessibleName(f"Weight of the {name.removesuffix('_weight')} loss")
            field.setFixedWidth(80)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setObjectName(name)
            field.editingFinished.connect(self._weight_changed)
            self.weights[name] = field
            title = name.removesuffix("_weight").capitalize() + " weight"
            _row(grid, place, title, field, "Empty: as it came." if place == 1 else "")
        return page

    def _storage(self) -> QWidget:
        page, grid = _page()
        self.folder = QLabel()
        self.folder.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.folder.setWordWrap(True)
        choose, default = QPushButton("Choose…"), QPushButton("The usual one")
        choose.setToolTip("Keep detections, crops and thumbnails in another folder.")
        choose.clicked.connect(self._choose_folder)
        default.clicked.connect(self._default_folder)
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in (choose, default):
            row.addWidget(button)
        row.addStretch(1)
        grid.addWidget(QLabel("Cache"), 0, 0)
        grid.addWidget(self.folder, 0, 1, 1, 2)
        grid.addLayout(row, 1, 1, 1, 2)
        self.cache_size = QLabel()
        self.clear_button = QPushButton("Clear")
        self.clear_button.setAccessibleName("Clear the cache")
        self.clear_button.setToolTip(
            "Remove what can be worked out again. Projects, tracks and verdicts stay."
        )
        self.clear_button.clicked.connect(self._clear)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.cache_size)
        row.addWidget(self.clear_button)
        row.addStretch(1)
        grid.addWidget(QLabel("In it now"), 2, 0)
        grid.addLayout(row, 2, 1, 1, 2)
        self.limit = NumberField(64, 1_000_000)
        self.limit.setAccessibleName("Largest size of the cache in MB")
        self.limit.setFixedWidth(80)
        self.limit.set_number(self._settings.now.cache_mb)
        self.limit.number_changed.connect(lambda number: self._settings.set(cache_mb=number))
        _row(grid, 3, "Limit, MB", self.limit, "What was used longest ago goes first.")
        self._show_cache()
        return page

    def _window(self) -> QWidget:
        page, grid = _page()
        now = self._settings.now
        self.real_time = QRadioButton("in real time; frames that come too late are left out")
        self.every_frame = QRadioButton("every frame, however long it takes")
        (self.every_frame if now.every_frame else self.real_time).setChecked(True)
        self.every_frame.toggled.connect(lambda on: self._settings.set(every_frame=on))
        grid.addWidget(QLabel("Playback"), 0, 0)
        grid.addWidget(self.real_time, 0, 1, 1, 2)
        grid.addWidget(self.every_frame, 1, 1, 1, 2)
        self.text_size = _choice(
            "Size of the text",
            [(name, str(points)) for name, points in TEXT_SIZES.items()],
            str(now.text_points),
        )
        self.text_size.activated.connect(self._text_size_chosen)
        _row(grid, 2, "Text", self.text_size, "Of everything in the window.")
        return page

    # What is chosen

    @Slot()
    def _device_chosen(self) -> None:
        self._settings.set(device=str(self.device.currentData()))

    @Slot()
    def _models_chosen(self) -> None:
        self._settings.set(encoder=str(self.encoder.currentData()), head=str(self.head.currentData()))

    @Slot(int)
    def _iterations_changed(self, number: int) -> None:
        self._settings.set(iterations=number)
        if self._session.footage is None:
            self._session.set_target(number)

    @Slot()
    def _weight_changed(self) -> None:
        field = self.sender()
        if not isinstance(field, TextField):
            return
        name, text = field.objectName(), field.text().strip().replace(",", ".")
        try:
            value = float(text) if text else None
        except ValueError:
            value = None
        if value is None or not prefs.is_weight(value):
            if text:
                self._session.notify(
                    "warning", f"A weight is a number from 0 on, not “{text}”: the default counts."
                )
            value = None
            field.clear()
        self._settings.set_weight(name, value)

    @Slot()
    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "A folder for the cache", self._settings.now.cache)
        if name:
            self._settings.set(cache=name)
            self._show_cache()

    @Slot()
    def _default_folder(self) -> None:
        self._settings.set(cache="")
        self._show_cache()

    @Slot()
    def _clear(self) -> None:
        freed = prefs.clear_cache(prefs.cache_folder())
        self._show_cache()
        self._session.notify("good", f"{megabytes(freed)} freed. What is needed again is worked out again.")

    def _show_cache(self) -> None:
        folder = prefs.cache_folder()
        self.folder.setText(str(folder))
        self.cache_size.setText(megabytes(prefs.folder_bytes(folder)))

    @Slot()
    def _text_size_chosen(self) -> None:
        self._settings.set(text_points=float(self.text_size.currentData()))


def megabytes(size: int) -> str:
    """Bytes as a person says them."""
    return f"{size / 2**20:.1f} MB" if size < 2**30 else f"{size / 2**30:.2f} GB"


def _page() -> tuple[QWidget, QGridLayout]:
    page = QWidget()
    column = QVBoxLayout(page)
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(9)
    grid.setColumnStretch(2, 1)
    column.addLayout(grid)
    column.addStretch(1)
    return page, grid


def _row(grid: QGridLayout, place: int, title: str, field: QWidget, words: str) -> None:
    label = QLabel(title)
    label.setBuddy(field)
    grid.addWidget(label, place, 0)
    grid.addWidget(field, place, 1)
    grid.addWidget(soft(words, name="faint"), place, 2)


def _choice(name: str, entries: list[tuple[str, str]], current: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    for words, value in entries:
        box.addItem(words, value)
    place = box.findData(current)
    if place < 0:
        box.addItem(f"{current} (not there)", current)
        place = box.count() - 1
    box.setCurrentIndex(place)
    return box
