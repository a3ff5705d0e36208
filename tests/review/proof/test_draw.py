"""The draw is uniform, on record, and anybody can make it again."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from neuface_engine.errors import ConfigError, ProjectError
from neuface_engine.review import Undo
from neuface_engine.review.proof import (
    KINDS,
    SEVERITIES,
    Item,
    Plan,
    draw_audit,
    draw_order,
    draw_plants,
    interleave,
    load_audit,
    population_hash,
    practice_plants,
)
from neuface_engine.review.proof.draw import balance, items_from_bytes, population_bytes
from neuface_engine.track_header import FACES_FORMAT, MESHES_FORMAT

from .conftest import says

SEED = "0123456789abcdef"


def test_the_order_is_that_of_sha256_of_seed_and_name(items: list[Item]) -> None:
    by_hand = sorted(items, key=lambda i: hashlib.sha256(f"{SEED}\nclip\n{i.name}".encode()).hexdigest())
    assert draw_order(items, SEED) == by_hand
    assert draw_order(items[::-1], SEED) == by_hand  # whatever order the list comes in
    assert draw_order(items, SEED + "0") != by_hand


def test_every_sequence_is_as_likely_to_be_drawn_first() -> None:
    items = [Item(f"{i}", "") for i in range(8)]
    first = Counter(draw_order(items, f"seed {i}")[0].name for i in range(4000))
    assert chisquare([first[item.name] for item in items]).pvalue > 1e-3


def test_everybody_has_a_turn_before_anybody_has_a_second(items: list[Item]) -> None:
    order = draw_order(items, SEED, "identity")
    for start in range(0, 120, 30):
        assert len({item.identity for item in order[start : start + 30]}) == 30
    assert sorted(order, key=lambda i: i.name) == items


def test_who_has_more_clips_has_no_earlier_turn() -> None:
    items = [Item(f"{i}", "", "many") for i in range(30)] + [Item("a", "", "a"), Item("b", "", "b")]
    places = Counter(
        [item.identity for item in draw_order(items, f"{i}", "identity")[:3]].index("many")
        for i in range(3000)
    )
    assert chisquare([places[i] for i in range(3)]).pvalue > 1e-3


def test_without_identities_rounds_are_the_plain_draw() -> None:
    items = [Item(f"{i}", "") for i in range(40)]
    assert len(draw_order(items, SEED, "identity")) == 40
    assert balance(items, 13) == 1


def test_the_balance_is_the_least_share_over_the_mean_share(items: list[Item]) -> None:
    assert balance(items, 30) == pytest.approx(1)
    assert balance(items, 45) == pytest.approx(1)  # half of them have a second turn, at random
    uneven = [Item(f"{i}", "", "x" if i < 8 else f"{i}") for i in range(10)]
    assert balance(uneven, 3) == pytest.approx((1 / 8) / (3 / 10))
    assert balance(uneven, 10) == 1


def test_the_share_of_failures_drawn_is_at_least_balance_times_that_of_the_list() -> None:
    items = [Item(f"{i}", "", "x" if i < 8 else f"{i}") for i in range(16)]
    failing = {f"{i}" for i in range(8)}  # the worst case: the person with most clips
    drawn = [
        np.mean([item.name in failing for item in draw_order(items, f"{i}", "identity")[:9]])
        for i in range(1000)
    ]
    assert np.mean(drawn) == pytest.approx(balance(items, 9) * 0.5, rel=0.02)


def test_a_list_is_named_by_all_its_bytes(items: list[Item]) -> None:
    assert items_from_bytes(population_bytes(items)) == tuple(items)
    assert population_hash(items) == population_hash(items[::-1])
    assert population_hash(items) != population_hash([replace(items[0], track_hash="x"), *items[1:]])


def test_the_audit_is_on_record_and_comes_back_as_it_was_drawn(project, items) -> None:
    project.log.append(says(items[0]))
    audit = draw_audit(project, reviewer="anna", plan=Plan(limit=0.05, target=0.01, plants=70), items=items)
    again = load_audit(project)
    assert again == audit
    assert [item.name for item in again.draws] == [item.name for item in audit.draws]
    assert again.plants == audit.plants
    assert audit.verdicts_before == 1
    assert len(audit.seed) == 32
    record = json.loads((project.folder / "log" / "anna.jsonl").read_text().splitlines()[-1])
    assert record["event"] == "audit_drawn"
    assert record["data"]["seed"] == audit.seed


def test_a_draw_that_was_taken_back_is_none(project, items) -> None:
    assert load_audit(project) is None
    audit = draw_audit(project, reviewer="anna", plan=Plan(limit=0.05, target=0.01), items=items)
    project.log.append(Undo(audit.id, "anna"))
    assert load_audit(project) is None


def test_only_sequences_with_a_track_are_drawn(filled) -> None:
    project = filled(30)
    project.add_sequence("no track yet")
    audit = draw_audit(project, reviewer="anna", plan=Plan(limit=0.2, target=0.04), seed=SEED)
    assert len(audit.items) == 30
    assert {item.identity for item in audit.items} == {f"person {n}" for n in range(10)}
    assert audit.items[0].track_hash == hashlib.sha256(b"track 0").hexdigest()


def test_a_project_without_tracks_is_told_so(project) -> None:
    with pytest.raises(ProjectError, match="no sequence has a track"):
        draw_audit(project, reviewer="anna")


@pytest.mark.parametrize(("meshes", "said"), [(1, "1 (the first: 000) of 9"), (9, "all of 9")])
def test_failures_are_not_planted_in_meshes_and_nothing_is_drawn(filled, meshes: int, said: str) -> None:
    project = filled(9)
    for number in range(9):
        words = {"format": MESHES_FORMAT if number < meshes else FACES_FORMAT}
        path = project.folder / "tracks" / f"{number:03d}.npz"
        np.savez(path, header=json.dumps(words), frame_indices=np.arange(2))
    planted = Plan(limit=0.5, target=0.1, plants=32)
    with pytest.raises(ConfigError, match="meshes without face parameters") as caught:
        draw_audit(project, reviewer="anna", plan=planted)
    assert said in str(caught.value) and "without planted failures" in str(caught.value)
    assert load_audit(project) is None, "nothing is on record"
    draw_audit(project, reviewer="anna", plan=replace(planted, plants=0))


@pytest.mark.parametrize("damage", ["gone", "changed", "rubbish"])
def test_a_list_that_is_not_the_one_drawn_from_is_noticed(project, items, damage: str) -> None:
    draw_audit(project, reviewer="anna", plan=Plan(limit=0.05, target=0.01), items=items)
    (path,) = (project.folder / "audit").iterdir()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(population_bytes(items[:-1]) if damage == "changed" else b"\xff" + path.read_bytes())
    with pytest.raises(ProjectError, match=r"population-.*restore it"):
        load_audit(project)


def test_plants_cover_every_kind_and_severity_alike(items: list[Item]) -> None:
    plants = draw_plants(items, SEED, 96)
    assert set(Counter((plant.kind, plant.severity) for plant in plants).values()) == {3}
    assert len({plant.id for plant in plants}) == 96
    assert plants == draw_plants(items, SEED, 96)
    assert plants[:10] == draw_plants(items, SEED, 10)
    assert {plant.severity for plant in draw_plants(items, SEED, 40, severities=(2, 3))} == {2, 3}
    assert len(KINDS) * len(SEVERITIES) == 32


def test_plants_are_put_where_the_audit_looks_last(items: list[Item]) -> None:
    order = draw_order(items, SEED)
    assert not {plant.sequence for plant in draw_plants(order, SEED, 50)} & {i.name for i in order[:70]}


def test_practice_is_apart(items: list[Item]) -> None:
    practice = practice_plants(items, SEED)
    assert all(plant.practice and plant.severity >= 3 for plant in practice)
    assert {plant.kind for plant in practice} == set(KINDS)
    assert not {p.id for p in practice} & {p.id for p in draw_plants(items, SEED, 100)}


def test_the_mixed_queue_keeps_orders_and_hides_plants_among_them(items: list[Item]) -> None:
    audit = [item.name for item in items[:60]]
    suspicion = [item.name for item in items[50:110]]
    plants = draw_plants(items, SEED, 8)
    stream = list(interleave(audit, plants, suspicion, seed=SEED))
    assert [item.sequence for item in stream if item.source == "audit"] == audit
    assert [item.sequence for item in stream if item.source == "suspicion"] == suspicion[10:]
    assert [item.plant for item in stream if item.source == "plant"] == list(plants)
    assert stream == list(interleave(audit, plants, suspicion, seed=SEED))
    first_half = [item.source for item in stream[:50]]
    assert first_half.count("suspicion") > 10
    assert first_half.count("audit") > 10


def test_the_mixed_queue_asks_for_no_more_suspects_than_are_looked_at(items: list[Item]) -> None:
    asked = []

    def suspects():
        for number in itertools.count():
            asked.append(number)
            yield f"suspect {number}"

    plants = draw_plants(items, SEED, 4)
    stream = interleave([item.name for item in items], plants, suspects(), seed=SEED)
    first = list(itertools.islice(stream, 60))
    assert {item.source for item in first} == {"audit", "plant", "suspicion"} and len(asked) < 60


def test_plants_are_5_to_10_percent_and_their_places_cannot_be_guessed(items: list[Item]) -> None:
    audit = [f"{i}" for i in range(1000)]
    stream = list(interleave(audit, draw_plants(items, SEED, 75), (), seed=SEED))
    places = [number for number, item in enumerate(stream) if item.source == "plant"]
    assert 0.05 <= len(places) / (max(places) + 1) <= 0.1
    assert len(set(np.diff(places))) > 5
    crowded = list(interleave(audit[:20], draw_plants(items, SEED, 30), (), seed=SEED))
    assert sum(item.source == "plant" for item in crowded) == 30
