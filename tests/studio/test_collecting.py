"""Garbage is collected in the window's thread, whoever made it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import ClassVar

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import QCoreApplication, QObject

from neuface_studio import collecting


class Knot:
    """Refers to itself; remembers which thread ended it."""

    ended_in: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        self.ended_in.append(threading.get_ident())


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[QObject]:
    application = QCoreApplication.instance() or QCoreApplication([])
    monkeypatch.setattr(collecting, "EVERY_MS", 5)
    monkeypatch.setattr(Knot, "ended_in", [])
    thresholds = gc.get_threshold()
    gc.set_threshold(100, 4, 4)
    yield application
    gc.set_threshold(*thresholds)
    gc.enable()


def busy(rounds: int) -> None:
    """Make so much garbage that Python would collect."""
    for _ in range(rounds):
        Knot()
        [[] for _ in range(10)]


def test_no_other_thread_collects(parent: QObject) -> None:
    collector = collecting.Collector(parent)
    worker = threading.Thread(target=busy, args=(5000,))
    worker.start()
    worker.join()
    assert not Knot.ended_in
    for _ in range(200):
        collector._collect()
        busy(10)
    assert set(Knot.ended_in) == {threading.get_ident()} and len(Knot.ended_in) > 5000
    collector.stop()


def test_an_old_generation_is_collected_too_and_stop_gives_it_back_to_python(parent: QObject) -> None:
    collector = collecting.Collector(parent)
    knot = Knot()
    gc.collect()  # survives, and is old by now
    seen = weakref.ref(knot)
    del knot
    thresholds = gc.get_threshold()
    for _ in range((thresholds[1] + 2) * (thresholds[2] + 2)):
        busy(thresholds[0])
        collector._collect()
    assert seen() is None
    collector.stop()
    assert gc.isenabled() and gc.get_freeze_count() == 0
