"""A planted failure is not told from a track and leaves nothing behind; FLAME fitting is compared with, not kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_engine.review import Project
from neuface_engine.review.proof import Plan, draw_audit, gather, judge_plant, load_audit
from neuface_studio.model import FIRST_RUN, RunState
from neuface_studio.queue_filter import Wanted, parse
from neuface_studio.queue_index import filter_of
from neuface_studio.reviewing.blind import FITTING
from neuface_studio.running import FLAME_FITTING
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.worker import Mailbox, Snapshot

from .test_review_panels import arrived, opened, project_of, tiny, track
from .test_review_reviewers import row_text

__all__ = ["project_of", "tiny", "track"]  # fixtures

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def caught(window: MainWindow, plant: str) -> bool | None:
    """What the log says of a plant."""
    project = window.desk.project
    audit = load_audit(project)
    assert audit is not None
    evidence = gather(audit, project.index.events("verdict", "adjudication", "undo", "plant_judged"))
    return dict(zip([p.id for p in audit.plants], evidence.caught, strict=True))[plant]


def test_nothing_tells_a_planted_failure_from_a_track(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    folder = project_of(20)
    with Project.open(folder) as project:
        audit = draw_audit(project, reviewer="ann", plan=Plan(limit=0.9, target=0.1, plants=32))
        for plant in audit.practice:
            judge_plant(project, plant, "reject", "ann")
    opened(window, folder, qtbot, "clip 001")
    desk = window.desk
    desk.reviewer_name = "ann"
    desk.going.renew()
    item = next(item for item in desk.going.stream() if item.plant is not None)
    row = desk.project.index.row(item.sequence)
    desk.going.open_item(item)
    qtbot.waitUntil(lambda: desk.planted.is_shown, timeout=20_000)
    qtbot.waitUntil(lambda: not desk.flagger.busy, timeout=20_000)
    assert not desk.planted.practising and desk.flagger.measures, "its figures are those of what is shown"
    assert desk.flagger.measures["nme_percent"] != row.measures["nme_percent"]
    assert desk.project.index.row(item.sequence).measures == row.measures, "and are not kept"
    assert desk.add_note("odd", (0, 1), (), ()) and [note.text for note in desk.notes()] == ["odd"]
    assert desk.project.notes(item.sequence) == []

    QTest.keyClick(window, Qt.Key.Key_2, SHIFT)
    assert window.notices.text.full_text().startswith("Rejected, iteration 150. Saved; Ctrl+Z takes it back.")
    assert "Rejected by ann" in window.review_bar.standing.full_text()
    assert row_text(window, item.sequence) == "✕  rejected" and caught(window, item.plant.id) is True
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert row_text(window, item.sequence) == "●  tracked" and caught(window, item.plant.id) is None
    assert window.session.judgement is None and desk.planted.is_shown
    QTest.keyClick(window, Qt.Key.Key_E, CONTROL | SHIFT)
    QTest.keyClick(window, Qt.Key.Key_1)
    assert caught(window, item.plant.id) is False
    assert row_text(window, item.sequence) == "✓  accepted", "also after it: it was a clip like any other"
    assert "caught is shown once all are judged" in window.review_panels.proof.lines.text()
    assert desk.project.verdicts() == {}
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: desk.planted.is_shown and desk.going.current == item, timeout=20_000)


@pytest.mark.parametrize("slow", [False, True])
def test_a_blind_comparison_with_flame_fitting_makes_the_fit_and_keeps_the_track(
    window: MainWindow,
    project_of: Callable[[int], Path],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    slow: bool,
) -> None:
    opened(window, project_of(1), qtbot, "clip 000")
    window.session.set_target(2)
    if slow:  # what becomes of the fitting is heard of only when it can already go on
        qtbot.waitUntil(lambda: window.session.run_state == RunState.READY, timeout=20_000)
        take, heard = Mailbox.take, []

        def late(mailbox: Mailbox) -> Snapshot | None:
            news = mailbox._slot
            if news is not None and news.opened and news.state == RunState.READY:
                heard.append(news)
            return take(mailbox) if heard else None

        monkeypatch.setattr(Mailbox, "take", late)
    file = window.desk.project.track_file("clip 000")
    before = file.read_bytes()
    blind = window.review_panels.blind
    blind.other.setCurrentIndex(blind.other.findData(FITTING))
    window.actions_by_id["blind_trial"].trigger()
    trials = window.trials
    assert not trials.ready and trials.on
    qtbot.waitUntil(lambda: trials.ready, timeout=60_000)
    comparison = window.session.comparison
    left, right = comparison.reference, comparison.blind
    runs = {trials.trial.left: (left.run, left.saved), trials.trial.right: (right.run, right.saved)}
    assert runs == {"neuface": (FIRST_RUN, True), FITTING: (FLAME_FITTING, False)}
    QTest.keyClick(window, Qt.Key.Key_1)
    assert window.desk.project.verdicts() == {}, "a verdict now would be on something else than the track"
    assert "Finished" not in window.notices.text.full_text(), "nothing tells that something was fitted"
    QTest.keyClick(window, Qt.Key.Key_5)
    (result,) = trials.results().values()
    assert (result.ties, result.left) == (1, 0) and not trials.on
    assert window.session.run_name == FIRST_RUN and trials.drawn_against == FITTING
    window.desk.going.open_name("clip 000")
    arrived(window, qtbot, "clip 000")
    window.close()
    assert file.read_bytes() == before


def test_the_filter_knows_reasons_and_disputes_and_adds_what_is_brushed() -> None:
    wanted, problem = parse("ann reason:lips is:disputed cvd>1.5 state:rejected")
    assert (problem, wanted.reason, wanted.disputed, wanted.state) == ("", "lips", True, "reject")
    assert parse("reason:mesh-off-the-face")[0].reason == "mesh_off_face"
    assert "“ears” is no reason" in parse("reason:ears")[1]
    both = Wanted(bounds=(("cvd_mm", ">", 1.5),), brushed=(("cvd_mm", ">", 1.0), ("cvd_mm", "<", 3.0)))
    assert filter_of(both, "ann").ranges == {"cvd_mm": (1.5, 3.0)}
    found = filter_of(wanted, "ann")
    assert found.reasons == ("lips",) and found.disputed and found.seen_by == "ann"
