"""Going on without a window: what comes next in each order, what is passed over, what is put first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from neuface_engine.review import Project
from neuface_engine.review.flags import raise_flags, suspicion
from neuface_engine.review.proof import Plan, draw_audit
from neuface_engine.review.queue import Filter
from neuface_studio.reviewing.going_on import GoingOn


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Ten tracked sequences; the third and the seventh are flagged."""
    with Project.create(tmp_path / "project") as project:
        names = [f"clip {number}" for number in range(10)]
        project.add_sequences({"name": name} for name in names)
        for number, name in enumerate(names):
            path = project.track_file(name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name.encode())
            measures = {"lip_aperture_ratio": {3: 0.1, 7: 0.3}.get(number, 1.0), "cvd_mm": 2 + number / 10}
            flags = raise_flags(measures)
            project.record_measures(name, measures, [flag.name for flag in flags], suspicion(flags))
        yield project


@pytest.fixture
def going(project: Project, qapp: object) -> GoingOn:
    """A review that opens at once what it asks for, and begins at clip 0."""
    session = SimpleNamespace(sequence_name="clip 0", notify=lambda *words: pytest.fail(str(words)))
    going = GoingOn(session, lambda: project, lambda: "ann")
    going.opened = []  # type: ignore[attr-defined]

    def opened(item: object, row: object) -> None:
        session.sequence_name = item.sequence  # type: ignore[attr-defined]
        going.opened.append(item)  # type: ignore[attr-defined]

    going.wanted.connect(opened)
    return going


def walked(going: GoingOn, steps: int, direction: int = 1) -> list[int]:
    """The numbers of the clips that the next steps open."""
    going.opened.clear()
    for _ in range(steps):
        going.go_on(direction)
    return [int(item.sequence.split()[1]) for item in going.opened]


def test_as_the_queue_is_listed_in_both_directions_without_an_end(going: GoingOn) -> None:
    assert walked(going, 3) == [1, 2, 3]
    assert walked(going, 4, -1) == [2, 1, 0, 9]
    going.listed = lambda: (Filter(), "measure:cvd_mm", True)
    going.renew()
    assert walked(going, 2) == [8, 7], "down from where the reviewer is"
    going.listed = lambda: (Filter(flags=("frozen lips",)), "name", False)
    going.renew()
    assert walked(going, 3) == [3, 7, 3]


def test_what_has_a_verdict_is_passed_over_until_its_track_changes(going: GoingOn, project: Project) -> None:
    for number in (1, 2, 4):
        project.judge(f"clip {number}", "accept", "bob")
    assert walked(going, 3) == [3, 5, 6]
    assert going.left() == 7
    project.track_file("clip 8").write_bytes(b"other")
    project.judge("clip 7", "reject", "bob")
    project.track_file("clip 7").write_bytes(b"repaired")
    project.index.check_tracks()
    assert walked(going, 2) == [7, 8]


def test_another_order_is_gone_through_from_its_beginning(going: GoingOn) -> None:
    walked(going, 5)
    going.set_order("suspicion")
    assert walked(going, 2) == [3, 7]
    going.set_order("random", seed=4)
    once = walked(going, 9)
    going.set_order("random", seed=4)
    assert walked(going, 1)[0] == once[0] and once != sorted(once)
    going.set_order("learned")
    assert walked(going, 1) == [3] and "Not enough" in going.learned.message


def test_look_alikes_come_first_and_are_the_nearest(going: GoingOn) -> None:
    assert [int(n.name.split()[1]) for n in going.like("clip 5")][:2] in ([4, 6], [6, 4])
    going.put_first(["clip 9", "clip 6"])
    assert walked(going, 3) == [9, 6, 7]


def test_practice_comes_first_and_draws_and_plants_come_unmarked(going: GoingOn, project: Project) -> None:
    draw_audit(project, reviewer="ann", plan=Plan(limit=0.8, target=0.1, plants=32), seed="1")
    going.renew()
    for _ in range(16):
        assert going.go_on() and going.current.plant.practice
        going.plant_done(going.current.plant.id)
    kinds = set()
    for _ in range(42):
        assert going.go_on()
        item = going.current
        kinds.add(item.source)
        if item.plant is not None:
            assert not item.plant.practice
            going.plant_done(item.plant.id)
        else:
            project.judge(item.sequence, "accept", "ann")
    assert {"audit", "plant"} <= kinds
    assert not going.go_on(), "everything was judged"
