"""Events: what they refuse, what stands after undo and redo, and who has the last word."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuface_engine.review import Adjudication, Note, Other, Repair, Shown, Undo, Verdict
from neuface_engine.review.events import Added, Assigned, Measured, Relinked, Removed, from_record, to_record
from neuface_engine.review.notes import place
from neuface_engine.review.standing import active, disputed, standing_verdicts

EVERY_KIND = [
    Verdict("001", "reject", "a" * 64, "anna", "so", ("lips", "jaw"), {"frames": 0.97, "sufficient": True}),
    Adjudication("001", "accept", "a" * 64, "carla"),
    Undo("x" * 32, "anna"),
    Note("001", "drifts", "anna", (12, 30), ("left",), ("lips",), "a" * 64),
    Note("001", "all of it", "anna"),
    Shown("001", "a" * 64, "anna", {"left": ((0, 9), (20, 24))}, 25, ("left", "right"), 3.5),
    Repair("001", "mute", "anna", {"landmark": 31, "frames": [0, 4]}),
    Added(({"name": "001", "track": "tracks/001.npz"},)),
    Removed(("001",), "anna"),
    Relinked(({"name": "001", "source": {"path": "../a.mp4"}},)),
    Measured(({"name": "001", "measures": {"cvd_mm": 1.0}, "flags": ["jitter"], "suspicion": 1.0},)),
    Assigned(("001", "002"), 2, "carla", seed=3, reviewers=("anna", "bob")),
    Other("drawn", "carla", data={"seed": 5}),
]


@pytest.mark.parametrize("event", EVERY_KIND, ids=lambda event: event.kind)
def test_every_kind_is_the_same_after_json(event: object) -> None:
    assert from_record(json.loads(json.dumps(to_record(event)))) == event


@pytest.mark.parametrize(
    "make",
    [
        lambda: Verdict("", "accept", "", "anna"),
        lambda: Verdict("001", "accept", "", "anna", reasons=("ugly",)),
        lambda: Verdict("001", "accept", "", 5),
        lambda: Note("001", "", "anna"),
        lambda: Note("001", "x", "anna", frames=(5, 2)),
        lambda: Note("001", "x", "anna", frames=(-1, 2)),
        lambda: Shown("001", "", "anna", {}, 10, ("left",), float("nan")),
        lambda: Assigned(("001",), 0, "anna"),
        lambda: Added(({"track": "x"},)),
        lambda: Other("verdict", "anna"),
    ],
)
def test_what_means_nothing_is_refused(make: object) -> None:
    with pytest.raises(ValueError):
        make()


def test_an_undo_stands_unless_a_standing_undo_takes_it_back() -> None:
    verdict = Verdict("001", "accept", "", "anna", id="v")
    chain = [verdict, Undo("v", "anna", id="u1"), Undo("u1", "anna", id="u2"), Undo("u2", "anna", id="u3")]
    for length in range(1, len(chain) + 1):
        expected = [verdict] if length % 2 else []
        for order in itertools.permutations(chain[:length]):
            assert active(order) == expected, "the order in which logs are read must not matter"


def test_a_very_long_row_of_undo_and_redo_is_no_trouble() -> None:
    events: list = [Verdict("001", "accept", "", "anna", id="0")]
    events += [Undo(str(n), "anna", id=str(n + 1)) for n in range(5000)]
    assert active(events) == events[:1]
    assert active(events[:-1]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(("accept", "reject", "undo"))), max_size=12))
def test_replay_agrees_with_a_pile_of_verdicts(steps: list[tuple[str, str]]) -> None:
    """A reviewer's undo of the last standing verdict takes the top of the pile away, whatever came before."""
    events, piles = [], {"a": [], "b": []}
    for name, what in steps:
        if what == "undo":
            if piles[name]:
                events.append(Undo(piles[name].pop().id, "anna"))
        else:
            verdict = Verdict(name, what, "", "anna")
            events.append(verdict)
            piles[name].append(verdict)
    assert standing_verdicts(events) == {name: pile[-1] for name, pile in piles.items() if pile}


def test_reviewers_who_differ_on_the_same_bytes_are_in_dispute_until_somebody_decides() -> None:
    anna, bob = Verdict("001", "accept", "h", "anna"), Verdict("001", "reject", "h", "bob")
    assert not disputed([anna])
    assert disputed([anna, bob])
    assert not disputed([anna, bob, Verdict("001", "reject", "h", "anna")]), "she changed her mind"
    assert not disputed([anna, Verdict("001", "reject", "other bytes", "bob")])
    decided = [anna, Adjudication("001", "accept", "h", "carla"), bob]
    assert not disputed(decided)
    assert standing_verdicts(decided)["001"].reviewer == "carla", "even against a later verdict"
    repaired = [*decided, Verdict("001", "reject", "new bytes", "bob")]
    assert standing_verdicts(repaired)["001"].reviewer == "bob", "but not on other bytes"


def test_a_note_is_about_a_range_of_frames_views_and_regions() -> None:
    note = Note("001", "drifts", "anna", (12, 30), ("left",), ("lips",))
    assert place(note) == "frames 12-30, left, lips"
    assert place(Note("001", "x", "anna")) == "everywhere"
