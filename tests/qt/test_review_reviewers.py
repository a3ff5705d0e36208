"""Several reviewers in the window: blind double review, disputes, leases in a team's project, the certificate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_engine.review import Project
from neuface_engine.review.assignment import held
from neuface_engine.review.coverage import Coverage
from neuface_engine.review.events import Assigned
from neuface_engine.review.proof import Plan, agreement, draw_audit, load_audit
from neuface_studio.queue_filter import Wanted
from neuface_studio.queue_model import NAME, STATE
from neuface_studio.reviewing.certificates import check_certificate, write_certificate
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.widgets.review_agreement import agreement_lines
from neuface_studio.widgets.review_double import DoubleReviewSheet
from tests.review.postgres import server

from .test_review_panels import arrived, opened, project_of, tiny, track

__all__ = ["project_of", "tiny", "track"]  # fixtures

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with server() as url:
        yield url


def row_text(window: MainWindow, name: str) -> str:
    """What the queue says of a sequence's state."""
    number = window.queue.model.number_of(name)
    assert number is not None and window.queue.model.row(number) is not None, "its page is read now"
    return str(window.queue.model.index(number, 0).data())


def test_a_double_review_is_blind_and_a_dispute_is_settled_with_the_last_word(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    folder = project_of(4)
    with Project.open(folder) as project:
        project.log.append(Assigned(("clip 000", "clip 002"), 2, "lead", blind=True))
        for name, verdict in (("clip 000", "reject"), ("clip 001", "accept"), ("clip 002", "accept")):
            project.judge(name, verdict, "bob", reasons=("lips",) if verdict == "reject" else ())
    opened(window, folder, qtbot, "clip 001")
    desk, panels = window.desk, window.review_panels
    desk.reviewer_name = "ann"
    QTest.keyClick(window, Qt.Key.Key_G, CONTROL | SHIFT)
    assert row_text(window, "clip 001") == "✓  accepted"
    queue = window.queue.model
    queue.sort(STATE)
    names = [queue.row(number).name for number in range(4)]
    rows = sorted(
        desk.project.index.rows(), key=lambda row: (row.name != "clip 001", row.suspicion, row.name)
    )
    assert names == [row.name for row in rows], "what bob judged and she may not know is among the tracked"
    assert "tracked" in str(queue.index(1, NAME).data(Qt.ItemDataRole.ToolTipRole))
    queue.sort(NAME)
    QTest.keyClick(window, Qt.Key.Key_PageDown, CONTROL)
    arrived(window, qtbot, "clip 002")  # it is hers to judge too, but not to know what bob said
    assert window.session.judgement is None and row_text(window, "clip 002") == "●  tracked"
    assert panels.verdicts.rows.topLevelItemCount() == 0
    QTest.keyClick(window, Qt.Key.Key_1)
    arrived(window, qtbot, "clip 003")
    QTest.keyClick(window, Qt.Key.Key_1)
    arrived(window, qtbot, "clip 000")
    assert row_text(window, "clip 000") == "●  tracked", "bob's reject is not for her to know"
    assert window.session.judgement is None and desk.disputes() == []
    queue.set_wanted(Wanted(state="reject"))
    assert queue.rowCount() == 0 and desk.going.left() == 1, "nor that there is one"
    queue.set_wanted(Wanted(reviewer="bob"))
    assert [queue.row(number).name for number in range(queue.rowCount())] == ["clip 001"]
    queue.set_wanted(Wanted())
    QTest.keyClick(window, Qt.Key.Key_1, SHIFT)
    assert desk.disputes() == [("clip 000", "bob: reject, ann: accept")]
    assert panels.disputes.rows.topLevelItem(0).text(0) == "clip 000"
    assert panels.verdicts.rows.topLevelItemCount() == 2, "all have judged: everything is in sight"
    assert "lips" in panels.verdicts.rows.topLevelItem(0).text(1)
    assert panels.agreement.rows.topLevelItemCount() == 4

    desk.reviewer_name = "eve"
    desk.going.open_name("clip 003")
    arrived(window, qtbot, "clip 003")
    QTest.keyClick(window, Qt.Key.Key_J, CONTROL | SHIFT)
    arrived(window, qtbot, "clip 000")
    assert desk.adjudicating and "last word" in window.review_bar.standing.full_text()
    QTest.keyClick(window, Qt.Key.Key_2)
    standing = desk.project.verdict("clip 000")
    assert (standing.kind, standing.verdict, standing.reviewer) == ("adjudication", "reject", "eve")
    assert desk.disputes() == [] and not desk.adjudicating, "the last one ends it"
    assert "no dispute is left" in window.notices.text.full_text()
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: panels.disputes.rows.topLevelItemCount() == 1)


def test_the_window_draws_a_double_review(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    opened(window, project_of(4), qtbot, "clip 000")
    window.actions_by_id["assign_double"].trigger()
    sheet = window.findChild(DoubleReviewSheet)
    sheet.share.setText("50")
    QTest.mouseClick(sheet.draw, Qt.MouseButton.LeftButton)
    rows = window.desk.project.index.rows()
    assert sorted(row.wanted for row in rows) == [1, 1, 2, 2] and sum(row.blind for row in rows) == 2


def test_two_windows_on_one_database_get_different_clips_and_see_each_others_verdicts(
    make_window: Callable[..., MainWindow], project_of: Callable[[int], Path], qtbot: QtBot, postgres_url: str
) -> None:
    local = project_of(4)
    team = local.parent / "team"
    with Project.open(local) as project:
        entries = project.index.entries(project.index.names())
        tracks = {name: project.track_file(name).read_bytes() for name in entries}
    with Project.create(team, database=postgres_url) as project:
        project.add_sequences({"name": name, "source": str(local.parent / "shared.mp4")} for name in entries)
        for name, data in tracks.items():
            project.track_file(name).parent.mkdir(exist_ok=True)
            project.track_file(name).write_bytes(data)
        project.index.check_tracks()
    ann, bob = make_window(), make_window()
    for window, name in ((ann, "ann"), (bob, "bob")):
        window.desk.reviewer_name = name
    opened(ann, team, qtbot, "clip 000")
    bob.open_path(team)
    bob.desk.going.go_on()
    qtbot.waitUntil(lambda: bob.session.newest is not None, timeout=20_000)
    assert bob.session.sequence_name == "clip 001", "the first one is in ann's hand"
    assert {(name, who) for name, who, _ in held(ann.desk.project.index)} == {
        ("clip 000", "ann"),
        ("clip 001", "bob"),
    }
    ann.desk.going.go_on()
    arrived(ann, qtbot, "clip 002")
    free = {name for name, _, _ in held(bob.desk.project.index)}
    assert "clip 000" not in free, "what was left without a verdict is free again"
    ann.review_bar.judge("reject", stay=True)
    heard = []
    bob.desk.holding.others_spoke.connect(lambda: heard.append(row_text(bob, "clip 002")))
    bob.desk.holding.look()
    qtbot.waitUntil(lambda: row_text(bob, "clip 002") == "✕  rejected")
    assert heard
    ann.desk.going.go_on()
    arrived(ann, qtbot, "clip 003")
    bob.queue.open_row(bob.queue.model.number_of("clip 003"))
    arrived(bob, qtbot, "clip 003")
    assert "ann has clip 003 in hand" in bob.notices.text.full_text()
    bob.close()
    assert {who for _, who, _ in held(ann.desk.project.index)} == {"ann"}


def test_the_certificate_is_written_and_checked_and_a_changed_one_is_told(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []

    def tell(level: str, words: str) -> None:
        said.append((level, words))

    with Project.create(tmp_path / "lab") as project:
        project.add_sequences({"name": f"clip {number}"} for number in range(12))
        for number in range(12):
            path = project.track_file(f"clip {number}")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bytes([number]))
        project.index.check_tracks()
        paper = tmp_path / "paper.json"
        assert not write_certificate(project, paper, tell) and "no audit is drawn" in said[-1][1]
        draw_audit(project, reviewer="ann", plan=Plan(limit=0.3, target=0.05))
        audit = load_audit(project)
        assert audit is not None
        whole = Coverage(4, ("front",), seconds=3.0)
        for frame in range(4):
            whole.show(frame, ("front",))
        for item in audit.draws:
            project.judge(item.name, "accept", "ann", coverage=whole)
        assert write_certificate(project, paper, tell)
        assert said[-1][0] == "good" and "fewer than 30 % fail" in said[-1][1]
        assert paper.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
        assert check_certificate(project, paper, tell) and "holds" in said[-1][1]
        content = json.loads(paper.read_text())
        content["bound"]["rate"] /= 2
        paper.write_text(json.dumps(content))
        assert not check_certificate(project, paper, tell)
        assert said[-1][0] == "error" and "bound.rate" in said[-1][1]


def test_agreement_is_told_with_its_intervals_and_nothing_where_nobody_judged_twice(tmp_path: Path) -> None:
    assert agreement_lines(agreement([])) == []
    with Project.create(tmp_path / "lab") as project:
        project.add_sequences({"name": name} for name in "abcd")
        for name, other in zip("abcd", ("accept", "accept", "reject", "unsure"), strict=True):
            path = project.track_file(name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name.encode())
            project.judge(name, "accept" if name != "c" else "reject", "ann")
            project.judge(name, other, "bob")
        lines = agreement_lines(agreement(project.index.events("verdict", "adjudication", "undo")))
    words = {title: figures for title, figures, _ in lines}
    assert words["on failures"].startswith("67 %") and words["on passes"].startswith("80 %")
    assert words["they differ on"] == "1 of 4, 1 not settled"
