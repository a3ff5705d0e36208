"""Whole campaigns with known failures: through a project's log against a computation of its own, and many in memory."""

from __future__ import annotations

import hashlib
import json
import math
from math import comb

import numpy as np
import pytest

from neuface_engine.review import Project
from neuface_engine.review.proof import (
    Item,
    Plan,
    certify,
    draw_audit,
    gather,
    plant_event,
    population_hash,
    readout,
    verify,
)
from neuface_engine.review.proof.audit import Audit, settled
from neuface_engine.review.proof.certificate import certified_bound

from .conftest import GLANCED, says
from .test_bounds import holds

POPULATION, SEED = 5000, "a seed of our own"
FAILING = set(range(0, POPULATION, 250))  # 20 of 5,000: 0.4 %


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory):
    """5,000 sequences judged by two reviewers; some verdicts do not count, some clips are repaired afterwards."""
    items = [Item(f"{i:04d}", f"{i:064x}", "") for i in range(POPULATION)]
    project = Project.create(tmp_path_factory.mktemp("campaign") / "lab")
    plan = Plan(limit=0.01, target=0.004, plants=64)
    audit = draw_audit(project, reviewer="anna", plan=plan, items=items, seed=SEED)
    rng = np.random.default_rng(1)
    half = len(audit.draws) // 2
    events = []
    for number, item in enumerate(audit.draws):
        reviewer = "anna" if rng.random() < 0.5 else "bert"
        failing = int(item.name) in FAILING
        word = ("reject", "unsure")[number % 2] if failing else "accept"
        if rng.random() < 0.05:
            events.append(says(item, "accept", reviewer, coverage=GLANCED))
        events.append(says(item, word, reviewer))
        if failing:
            repaired = Item(item.name, "f" * 64)
            events.append(says(repaired, "accept", reviewer))
        if number == half:
            project.log.append(*events)
            events = []
            half_way = readout(project)
    for number, plant in enumerate(audit.plants):
        events.append(plant_event(plant, "accept" if number in (5, 40) else "reject", "anna"))
    project.log.append(*events)
    yield project, half, half_way
    project.close()


def by_hand(project: Project) -> dict:
    """The campaign worked out again from the bytes of the logs, with nothing of the package."""
    records = [
        json.loads(line)
        for path in (project.folder / "log").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    drawn = next(record for record in records if record["event"] == "audit_drawn")
    names = [f"{i:04d}" for i in range(POPULATION)]
    order = sorted(names, key=lambda n: hashlib.sha256(f"{SEED}\nclip\n{n}".encode()).hexdigest())
    sample = order[: drawn["data"]["plan"]["draws"]]
    released = {name: f"{int(name):064x}" for name in names}
    passed, failed = set(), set()
    for record in records:
        if record["event"] == "verdict" and record["track_hash"] == released[record["sequence"]]:
            if record["verdict"] != "accept":
                failed.add(record["sequence"])
            elif record["coverage"]["sufficient"]:
                passed.add(record["sequence"])
    plants = [record["data"] for record in records if record["event"] == "plant_judged"]
    return {
        "sample": sample,
        "failures": [name for name in sample if name in failed],
        "clean": [name for name in sample if name in passed - failed],
        "caught": sum(plant["verdict"] != "accept" for plant in plants),
        "planted": len(plants),
    }


def least_sensitivity(caught: int, planted: int, alpha: float) -> float:
    """Clopper & Pearson's lower bound by halving intervals, from whole binomial sums."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        tail = sum(
            comb(planted, k) * middle**k * (1 - middle) ** (planted - k) for k in range(caught, planted + 1)
        )
        low, high = (middle, high) if tail < alpha else (low, middle)
    return low


def most_failing(seen: int, draws: int, sensitivity: float, alpha: float) -> int:
    """The largest number of failures not refuted, by trying them one after the other, in exact whole numbers."""
    failing = seen
    while True:
        following = failing + 1
        total = comb(POPULATION, draws)
        risk = 0.0
        for drawn in range(following + 1):
            ways = comb(following, drawn) * comb(POPULATION - following, draws - drawn)
            seen_of_them = sum(
                comb(drawn, k) * sensitivity**k * (1 - sensitivity) ** (drawn - k)
                for k in range(min(seen, drawn) + 1)
            )
            risk += ways / total * seen_of_them
        if risk < alpha:
            return failing
        failing = following


def test_the_certificate_is_what_one_works_out_from_the_bytes_of_the_log(campaign) -> None:
    project, _, _ = campaign
    certificate, hand = certify(project), by_hand(project)
    assert certificate["draws"]["planned"] == len(hand["sample"])
    assert certificate["draws"]["failing"] == hand["failures"]
    assert set(hand["failures"]) == {n for n in hand["sample"] if int(n) in FAILING}
    assert certificate["draws"]["failures"] == len(hand["failures"]) > 0
    assert certificate["draws"]["clean"] == len(hand["clean"])
    assert certificate["final"]
    assert (hand["caught"], hand["planted"]) == (62, 64)
    sensitivity = least_sensitivity(62, 64, 0.025)
    most = most_failing(len(hand["failures"]), len(hand["sample"]), sensitivity, 0.025)
    assert certificate["bound"]["sensitivity_at_least"] == pytest.approx(sensitivity, rel=1e-9)
    assert certificate["bound"]["failing"] == most
    assert certificate["bound"]["rate"] == most / POPULATION
    assert certificate["passes"] == (most < 0.01 * POPULATION)
    assert most >= len(FAILING)
    assert verify(project, certificate).holds


def test_the_read_out_half_way_is_what_one_works_out_by_hand(campaign) -> None:
    project, half, half_way = campaign
    hand = by_hand(project)
    failed = [name in hand["failures"] for name in hand["sample"][: half + 1]]
    assert (half_way.judged, half_way.failures) == (half + 1, sum(failed))
    assert half_way.bound.sensitivity == 0  # no plant was judged yet: nothing is known of the reviewers
    assert half_way.bound.failing == POPULATION
    # The same draws in a plan without plants, bet against one number of failures after the other.
    items = [Item(f"{i:04d}", f"{i:064x}", "") for i in range(POPULATION)]
    plan = Plan(limit=0.01, target=0.004, population=POPULATION, draws=len(hand["sample"]))
    audit = Audit(plan, SEED, tuple(items), population_hash(items), "anna", "", "", "")
    events = [
        says(items[int(n)], "reject" if f else "accept") for n, f in zip(hand["sample"], failed, strict=False)
    ]
    most, ratio = 0, 0.4
    for failing in range(POPULATION):
        stake, best, found = 1.0, 1.0, 0
        for number, is_failure in enumerate(failed):
            share = max(failing - found, 0) / (POPULATION - number)
            stake *= ratio if is_failure else (1 - ratio * share) / (1 - share)
            best, found = max(best, stake), found + is_failure
        if best >= 20:
            break
        most = failing
    from neuface_engine.review.proof.readout import readout_of

    assert readout_of(gather(audit, events)).bound.failing == most


@pytest.mark.parametrize("kind", ["fixed", "betting"])
@pytest.mark.parametrize("failing", [4, 6])
def test_repeated_campaigns_keep_the_promise(kind: str, failing: int) -> None:
    """200 sequences, "below 2 %" where 2 % or 3 % fail: accepted in at most 5 % of the campaigns."""
    items = tuple(Item(f"{i:03d}", f"{i:064x}") for i in range(200))
    plan = settled(Plan(kind=kind, limit=0.02, target=0.004, population=200), items, order="sequence")
    repeats = 60
    accepted = right = 0
    for campaign in range(repeats):
        audit = Audit(plan, f"campaign {campaign}", items, "", "anna", "", "", "")
        judged = audit.draws
        events = [says(item, "reject" if int(item.name) < failing else "accept") for item in judged]
        bound = certified_bound(gather(audit, events[: 120 if kind == "betting" else None]))
        accepted += bound.passes
        right += bound.failing >= failing
    assert holds(right / repeats, repeats=repeats)
    assert accepted / repeats <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)


def test_a_good_set_passes_as_often_as_the_plan_says() -> None:
    items = tuple(Item(f"{i:03d}", f"{i:064x}") for i in range(300))
    plan = settled(Plan(limit=0.03, target=0.004, population=300), items, order="sequence")
    passed = 0
    for campaign in range(30):
        audit = Audit(plan, f"campaign {campaign}", items, "", "anna", "", "", "")
        events = [says(item, "reject" if item.name == "000" else "accept") for item in audit.draws]
        passed += certified_bound(gather(audit, events)).passes
    assert passed / 30 >= 0.9
