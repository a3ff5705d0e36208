"""What counts as clean, what as a failure, and what does not count."""

from __future__ import annotations

import time

from neuface_engine.review import Adjudication, Undo, Verdict
from neuface_engine.review.proof import Plan, draw_audit, gather, judge_plant, readout, review_stream
from neuface_engine.review.proof.readout import percent, percent_down

from .conftest import GLANCED, WATCHED, says


def drawn(project, items, **more):
    return draw_audit(project, reviewer="anna", plan=Plan(limit=0.05, target=0.01, **more), items=items)


def state(audit, *events) -> str:
    return gather(audit, events).states[0]


def test_accepted_by_somebody_who_watched_is_clean(project, items) -> None:
    audit = drawn(project, items)
    first = audit.draws[0]
    assert state(audit) == "waiting"
    assert state(audit, says(first)) == "clean"
    assert state(audit, says(first, "reject")) == "failure"
    assert state(audit, says(first, "unsure")) == "failure"


def test_accepted_without_watching_does_not_count_but_rejected_does(project, items) -> None:
    audit = drawn(project, items)
    first = audit.draws[0]
    assert state(audit, says(first, coverage=GLANCED)) == "unwatched"
    assert state(audit, says(first, coverage={})) == "unwatched"
    assert state(audit, says(first, coverage={**WATCHED, "views": ["front"]})) == "unwatched"
    assert state(audit, says(first, coverage={**WATCHED, "seconds": 1.0})) == "unwatched"
    assert state(audit, says(first, "reject", coverage=GLANCED)) == "failure"
    assert gather(audit, [says(first, coverage=GLANCED)]).outcomes == []


def test_a_failure_repaired_later_still_counts_for_the_lot_as_released(project, items) -> None:
    audit = drawn(project, items)
    first = audit.draws[0]
    repaired = Verdict(first.name, "accept", "f" * 64, "anna", coverage=WATCHED)
    assert state(audit, says(first, "reject"), repaired) == "failure"
    assert state(audit, repaired) == "waiting"


def test_who_changes_their_mind_on_the_same_bytes_is_on_record(project, items) -> None:
    audit = drawn(project, items)
    first, second = audit.draws[:2]
    mistaken = says(second, "reject")
    evidence = gather(
        audit,
        [says(first, "reject"), says(first), mistaken, Undo(mistaken.id, "anna"), says(second)],
    )
    assert evidence.states[:2] == ("clean", "clean")
    assert evidence.corrected == 2


def test_one_reviewer_who_fails_it_is_enough_unless_it_is_adjudicated(project, items) -> None:
    audit = drawn(project, items)
    first = audit.draws[0]
    both = [says(first), says(first, "reject", "bert"), says(first)]
    assert state(audit, *both) == "failure"
    settled = Adjudication(first.name, "accept", first.track_hash, "carol")
    assert state(audit, *both, settled) == "clean"
    assert (
        state(audit, says(first), Adjudication(first.name, "reject", first.track_hash, "carol")) == "failure"
    )


def test_what_is_passed_over_is_a_failure_until_it_is_judged(project, items) -> None:
    audit = drawn(project, items)
    one, _, three = audit.draws[:3]
    assert gather(audit, [says(one), says(three)]).outcomes == [False, True, False]


def test_a_verdict_on_a_plant_is_none_on_its_sequence(project, items) -> None:
    audit = drawn(project, items, plants=70)
    plant = audit.plants[0]
    assert judge_plant(project, plant, "unsure", "anna") is True
    assert judge_plant(project, audit.plants[1], "accept", "anna") is False
    time.sleep(0.002)  # events of two logs are told apart by the millisecond
    caught = judge_plant(project, audit.plants[0], "accept", "bert")
    assert caught is False, "the first word on a plant counts"
    assert not project.verdicts()
    assert gather(audit, project.log.events).caught[:3] == (True, False, None)


def test_a_plant_counts_for_the_kind_that_was_really_shown(project, items) -> None:
    audit = drawn(project, items, plants=70)
    plant = audit.plants[0]
    other = "wrong_shape" if plant.kind != "wrong_shape" else "jaw"
    judge_plant(project, plant, "reject", "anna", kind=other, effect_mm=3.0)
    ((judged, caught),) = gather(audit, project.log.events).judged_plants
    assert caught
    assert (judged.kind, judged.id) == (other, plant.id)


def test_practice_does_not_count(project, items) -> None:
    audit = drawn(project, items, plants=70)
    stream = review_stream(project, reviewer="anna")
    assert [item.plant.practice for item in stream[:16]] == [True] * 16
    judge_plant(project, stream[0].plant, "accept", "anna")
    assert set(gather(audit, project.log.events).caught) == {None}
    assert len(review_stream(project, reviewer="anna")) == len(stream) - 1
    assert len(review_stream(project, reviewer="bert")) == len(stream)


def test_the_queue_holds_what_is_still_to_be_judged_in_an_order_that_stays(project, items) -> None:
    audit = drawn(project, items, plants=70)
    before = review_stream(project, [item.name for item in items])
    assert {item.source for item in before} == {"audit", "plant", "suspicion"}
    project.log.append(says(audit.draws[0]), says(audit.draws[1], coverage=GLANCED))
    judge_plant(project, audit.plants[0], "reject", "anna")
    after = review_stream(project, [item.name for item in items])
    gone = [item for item in before if item not in after]
    assert after == [item for item in before if item in after]
    assert {item.sequence if item.plant is None else item.plant.id for item in gone} == {
        audit.draws[0].name,
        audit.plants[0].id,
    }


def test_without_an_audit_nothing_is_proven(project) -> None:
    assert "nothing is proven" in readout(project).lines[0]
    assert [item.sequence for item in review_stream(project, ["b", "a"])] == ["b", "a"]


def test_the_read_out_says_what_is_proven_and_what_is_missing(project, items) -> None:
    audit = drawn(project, items)
    project.log.append(*[says(item) for item in audit.draws[:20]])
    now = readout(project)
    assert (now.judged, now.failures, now.final, now.passes) == (20, 0, False, False)
    assert now.lines[0].startswith("so far proven: at most")
    assert now.remaining == len(audit.draws) - 20
    project.log.append(*[says(item) for item in audit.draws[20:]])
    now = readout(project)
    assert now.final
    assert now.passes
    assert now.lines[0].startswith("proven: at most")
    assert now.remaining == 0
    failed = [says(item, "reject") for item in audit.draws[: audit.plan.allowed + 1]]
    project.log.append(*failed)
    now = readout(project)
    assert now.remaining is None
    assert any("cannot prove" in line for line in now.lines)


def test_a_bet_says_how_many_clean_draws_it_still_needs(project, items) -> None:
    audit = draw_audit(
        project, reviewer="anna", plan=Plan(kind="betting", limit=0.05, target=0.01), items=items
    )
    project.log.append(*[says(item, "accept" if i else "reject") for i, item in enumerate(audit.order[:10])])
    needed = readout(project).remaining
    project.log.append(*[says(item) for item in audit.order[10 : 10 + needed - 1]])
    assert not readout(project).passes
    project.log.append(says(audit.order[10 + needed - 1]))
    assert readout(project).passes


def test_percentages_are_never_rounded_down() -> None:
    assert percent(0.0010001) == "0.101 %"
    assert percent(0.001) == "0.1 %"
    assert percent(0.12345) == "12.4 %"
    assert percent(0.0) == "0 %"
    assert percent(1.0) == "100 %"
    assert percent_down(0.9659) == "96.5 %"
    assert percent_down(0.29) == "29 %"
