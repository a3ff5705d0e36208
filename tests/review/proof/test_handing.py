"""The next thing to look at is found without making everything that comes after it."""

from __future__ import annotations

from collections import Counter

import pytest

from neuface_engine.review import Filter, Project
from neuface_engine.review.index import Index
from neuface_engine.review.proof import Plan, draw_audit, load_audit, review_stream
from neuface_engine.review.proof.handing import candidates

from .conftest import GLANCED, says

COUNT = 500


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory):
    with Project.create(tmp_path_factory.mktemp("lab") / "lab") as project:
        (project.folder / "tracks").mkdir()
        for number in range(COUNT):
            (project.folder / "tracks" / f"{number:04d}.npz").write_bytes(b"%d" % number)
        project.add_sequences({"name": f"{number:04d}"} for number in range(COUNT))
        yield project


def test_who_asks_for_the_next_one_makes_neither_the_list_nor_the_stream(
    lab: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_audit(lab, reviewer="lead", plan=Plan(limit=0.1, target=0.01), seed="s")
    read = Counter()
    names = Index.names

    def counted(*arguments, **options):
        found = names(*arguments, **options)
        read["names"] += len(found)
        return found

    monkeypatch.setattr(Index, "names", counted)
    first = candidates(lab, "anna")
    assert next(first).source in ("audit", "suspicion")
    first.close()
    assert read["names"] <= 200


def test_what_comes_one_by_one_is_the_windows_stream(lab: Project) -> None:
    draw_audit(lab, reviewer="lead", plan=Plan(limit=0.1, target=0.01, plants=32), seed="s")
    audit = load_audit(lab)
    done = audit.draws[:3]
    lab.log.append(*[says(item) for item in done[:2]], says(done[2], coverage=GLANCED))
    stream = review_stream(lab, lab.index.names(Filter(share=0.1), order="suspicion"), reviewer="anna")
    found = list(candidates(lab, "anna", Filter(share=0.1)))
    unwatched = done[2].name
    assert found[-1].sequence == unwatched, "accepted without being watched: it comes again, at the end"
    # A suspect that was met as a plant before is not offered twice to somebody who passes everything over.
    met = {unwatched, *(item.sequence for item in stream if item.plant is not None)}
    assert [item for item in found if item.plant or item.sequence not in met] == [
        item for item in stream if item.plant or item.sequence not in met
    ]
    assert not {item.name for item in done[:2]} & {item.sequence for item in found if item.plant is None}
