"""What looks at sequences one by one stays bounded: the learned order, histograms and limits of a large project."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from neuface_engine.review import Filter, Project
from neuface_engine.review import index as index_module
from neuface_engine.review.flagging import learn_from, learned_names, set_thresholds, spread_of
from neuface_engine.review.suspicion import ordered
from neuface_engine.review.thresholds import Thresholds

COUNT, JUDGED = 600, 120


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Failures have a large landmark error, of which suspicion knows nothing."""
    dice = np.random.default_rng(4)
    error = np.exp(dice.normal(size=COUNT))
    with Project.create(tmp_path_factory.mktemp("many") / "lab") as project:
        (project.folder / "tracks").mkdir()
        names = [f"{number:04d}" for number in range(COUNT)]
        for name in names[:JUDGED]:
            (project.folder / "tracks" / f"{name}.npz").write_bytes(b"track")
        project.add_sequences({"name": name} for name in names)
        project.record_many(
            (name, {"nme_percent": float(error[i]), "cvd_mm": float(dice.random())}, [], float(dice.random()))
            for i, name in enumerate(names)
        )
        for i, name in enumerate(names[:JUDGED]):
            project.judge(name, "reject" if error[i] > 1.5 else "accept", "anna")
        yield project


def test_a_small_project_is_ranked_whole(project: Project) -> None:
    learned = learn_from(project)
    rows = ordered(project.index.rows(), "learned", learned=learned)
    assert learned.usable
    assert learned_names(project, learned) == [row.name for row in rows]


def test_of_a_large_one_the_most_suspicious_and_some_at_random_are_ranked_and_nobody_is_left_out(
    project: Project,
) -> None:
    learned = learn_from(project)
    by_suspicion = project.index.names(order="suspicion")
    found = learned_names(project, learned, among=200)
    assert sorted(found) == sorted(by_suspicion)
    names, figures = project.index.values(learned.features)
    chance = dict(zip(names, learned.chances(figures).tolist(), strict=True))
    ranked = next(i for i in range(1, COUNT) if chance[found[i]] > chance[found[i - 1]])
    assert 150 < ranked < 250, "about as many as were asked for"
    assert set(by_suspicion[:100]) <= set(found[:ranked])
    assert found[ranked:] == [name for name in by_suspicion if name not in set(found[:ranked])]
    assert found == learned_names(project, learned, among=200), "the same every time"


def test_a_histogram_of_very_many_is_drawn_from_a_sample_and_says_so(project: Project) -> None:
    whole, drawn = spread_of(project, "nme_percent"), spread_of(project, "nme_percent", among=300)
    assert (whole.sampled, whole.of, sum(whole.counts)) == (0, 0, COUNT)
    assert drawn.of == COUNT and 230 < drawn.sampled < 370 and sum(drawn.counts) == drawn.sampled
    shares = [np.array(h.counts)[:8].sum() / sum(h.counts) for h in (whole, drawn)]
    assert abs(shares[0] - shares[1]) < 0.2
    assert spread_of(project, "nme_percent", among=300) == drawn


def test_a_share_of_the_sequences_is_the_same_every_time_and_grows(project: Project) -> None:
    tenth, half = (set(project.index.names(Filter(share=share))) for share in (0.1, 0.5))
    assert tenth < half and 30 < len(tenth) < 95 and 240 < len(half) < 360


def test_limits_are_set_a_part_at_a_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_PART", 64)
    assert len(list(project.index.measured())) == COUNT
    before = project.index.flag_counts()
    changed = set_thresholds(project, Thresholds.default().changed("off the face", 2.0))
    high = sum(row.measures["nme_percent"] > 2 for row in project.index.rows())
    assert 0 < high <= changed and project.index.flag_counts() != before
