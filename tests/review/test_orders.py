"""Orders of the queue: suspicion, learned with its reasons, random by seed; neighbours and brushed histograms."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from neuface_engine.errors import ConfigError
from neuface_engine.review.histograms import histogram
from neuface_engine.review.learned import ENOUGH, auc_interval, learn
from neuface_engine.review.neighbours import embed, nearest
from neuface_engine.review.suspicion import learned_from, ordered


@dataclass(frozen=True)
class Row:
    name: str
    suspicion: float = 0.0
    verdict: str | None = None
    stale: bool = False
    measures: dict[str, float] = field(default_factory=dict)


def project(
    count: int, seed: int = 0, *, judged: int = 0, noise: float = 0.5
) -> tuple[list[Row], np.ndarray]:
    """Failures have a large landmark error and frozen lips; the other measures are noise."""
    random = np.random.default_rng(seed)
    failed = random.random(count) < 0.3
    rows = []
    for i in range(count):
        measures = {
            "nme_percent": float(np.exp(0.8 + 0.5 * failed[i] + noise * random.normal())),
            "lip_aperture_ratio": float(np.exp(-0.6 * failed[i] + noise * random.normal())),
            "cvd_mm": float(np.exp(random.normal())),
            "msi_landmark": math.nan if i % 7 == 0 else float(np.exp(random.normal())),
            "parameter_shape_0": float(random.normal()),
        }
        verdict = None if i >= judged else "reject" if failed[i] else "accept"
        rows.append(Row(f"clip {i:03d}", float(random.random()), verdict, measures=measures))
    return rows, failed


def found_early(rows: list[Row], failed: dict[str, bool], share: float = 0.25) -> int:
    return sum(failed[row.name] for row in rows[: int(len(rows) * share)])


def test_by_suspicion_by_name_and_at_random_by_seed() -> None:
    rows = [Row("b", 1.0), Row("a", 1.0), Row("c", 5.0)]
    assert [row.name for row in ordered(rows, "suspicion")] == ["c", "a", "b"]
    assert [row.name for row in ordered(rows, "name")] == ["a", "b", "c"]
    many = [Row(f"{i}") for i in range(50)]
    once = [row.name for row in ordered(many, "random", seed=3)]
    assert once == [row.name for row in ordered(many[::-1], "random", seed=3)] and sorted(once) != once
    assert once != [row.name for row in ordered(many, "random", seed=4)]
    fewer = [row.name for row in ordered(many[:30], "random", seed=3)]
    assert fewer == [name for name in once if int(name) < 30], "others in the project change nothing"
    with pytest.raises(ConfigError, match="knows no order 'luck'"):
        ordered(rows, "luck")


def test_the_learned_order_beats_chance_on_tracks_it_has_not_seen() -> None:
    rows, failed = project(400, judged=80)
    truth = {row.name: bool(bad) for row, bad in zip(rows, failed, strict=True)}
    learned = learned_from(rows)
    assert learned.usable and learned.verdicts == 80 and learned.failures == int(failed[:80].sum())
    unseen = rows[80:]
    by_learned = found_early(ordered(unseen, "learned", learned=learned), truth)
    at_random = np.mean([found_early(ordered(unseen, "random", seed=s), truth) for s in range(20)])
    assert by_learned > 1.6 * at_random
    assert [row.name for row in ordered(rows, "learned")][:5] == [
        row.name for row in ordered(rows[::-1], "learned", learned=learned)
    ][:5]


def test_the_reasons_are_the_measures_that_mattered_with_their_signs() -> None:
    rows, _ = project(300, judged=200)
    reasons = {reason.measure: reason for reason in learned_from(rows).reasons}
    assert {r.measure for r in learned_from(rows).reasons[:2]} == {"nme_percent", "lip_aperture_ratio"}
    assert reasons["nme_percent"].weight > 0 > reasons["lip_aperture_ratio"].weight
    assert reasons["nme_percent"].text.startswith("landmark error (NME): more is worse (+")
    assert "parameter_shape_0" not in reasons


def test_it_says_when_there_is_not_enough_or_it_is_no_better_than_chance() -> None:
    rows, _ = project(200, judged=ENOUGH - 1)
    few = learned_from(rows)
    assert not few.usable and few.message.startswith(f"Not enough to learn from: {ENOUGH - 1} verdicts")
    assert ordered(rows, "learned") == ordered(rows, "suspicion")
    only_good = learn([row.measures for row in rows], [False] * len(rows))
    assert not only_good.usable and "0 of them failures" in only_good.message
    random = np.random.default_rng(1)
    luck = learn([row.measures for row in rows], random.random(200) < 0.3)
    assert not luck.usable and luck.message.startswith("No better than chance yet: AUC 0.")
    assert luck.auc_low < 0.5 < luck.auc_high
    same = learn([{"cvd_mm": 1.0}] * 60, [i % 2 == 0 for i in range(60)])
    assert not same.usable and "all alike" in same.message
    assert few.probability([row.measures for row in rows[:3]]).tolist() == [0.5] * 3


def test_unsure_counts_as_a_failure_and_a_stale_verdict_not_at_all() -> None:
    rows, _ = project(100, judged=100)
    unsure = [
        Row(r.name, r.suspicion, "unsure" if r.verdict == "reject" else r.verdict, False, r.measures)
        for r in rows
    ]
    assert learned_from(unsure).failures == learned_from(rows).failures
    stale = [Row(r.name, r.suspicion, r.verdict, True, r.measures) for r in rows]
    assert learned_from(stale).verdicts == 0


def test_the_interval_of_an_auc_is_that_of_the_paper() -> None:
    """Hanley and McNeil 1982, table II: area 0.893 with 51 abnormal and 58 normal cases, standard error 0.032."""
    low, high = auc_interval(0.893, 51, 58)
    assert (high - low) / (2 * 1.96) == pytest.approx(0.032, abs=0.001)
    assert auc_interval(1.0, 10, 10) == (1.0, 1.0)


def test_the_neighbours_of_a_reject_fail_as_it_does() -> None:
    random = np.random.default_rng(2)
    names, measures = [], []
    for i in range(60):
        kind = i % 3
        names.append(f"{i}")
        measures.append(
            {
                "residual_lips_percent": 2 + 6 * (kind == 1) + 0.2 * random.normal(),
                "parameter_yaw_deg": 60.0 * (kind == 2) + random.normal(),
                "cvd_mm": 2 + 0.1 * random.normal(),
                "no_face_share": 0.0,
            }
        )
    for own in ("1", "2"):
        found = nearest(own, names, measures, count=12)
        assert [int(n.name) % 3 for n in found] == [int(own)] * 12 and own not in [n.name for n in found]
        assert [n.distance for n in found] == sorted(n.distance for n in found)
    scaled = [{**m, "parameter_yaw_deg": m["parameter_yaw_deg"] * 1000} for m in measures]
    np.testing.assert_allclose(embed(scaled), embed(measures), atol=1e-9, err_msg="units do not matter")
    assert nearest("nobody", names, measures) == [] and nearest("a", ["a"], [{}]) == []


def test_a_histogram_counts_every_known_value_once_and_its_brush_finds_them_again() -> None:
    values = [*np.random.default_rng(3).normal(5, 1, 500).tolist(), 1e6, math.nan]
    shown = histogram("cvd_mm", [{"cvd_mm": value} for value in values] + [{}])
    assert sum(shown.counts) == 501 and shown.unknown == 2 and len(shown.edges) == len(shown.counts) + 1
    assert shown.edges[-1] < 20 and shown.highest == 1e6, "one wild track does not flatten the rest"
    assert shown.limit == 8.0 and shown.side == "above"
    low, high = shown.brushed(10, 19)
    assert sum(low <= value <= high for value in values) == sum(shown.counts[10:20])
    assert shown.brushed(0, len(shown.counts) - 1) == (-math.inf, math.inf)
    assert histogram("nothing", [{}]).counts == () and sum(histogram("a", [{"a": 1.0}] * 3).counts) == 3
