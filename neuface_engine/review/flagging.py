"""The flags of a project's sequences, kept with it: measured once, raised anew whenever the limits change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from neuface_engine.review.flags import Flag, raise_flags, suspicion
from neuface_engine.review.histograms import Histogram, histogram
from neuface_engine.review.learned import Learned, learn
from neuface_engine.review.queue import Filter
from neuface_engine.review.thresholds import CHECKS, Thresholds

if TYPE_CHECKING:
    from neuface_engine.review.project import Project

PART = "flags"  # of the project's settings
AMONG = 50_000  # sequences that are looked at one by one where the whole project would take too long
TEACHERS = 5_000  # of each kind of verdict
_FITTED = tuple(check.measure for check in CHECKS if check.spread is not None)


def thresholds_of(project: Project) -> Thresholds:
    """The limits that count in this project. Raises ConfigError for settings that mean nothing."""
    return Thresholds.of(project.settings.get(PART, {}))


def record(project: Project, name: str, measures: Mapping[str, float]) -> tuple[Flag, ...]:
    """Keeps a track's measures with the flags that they raise; the flags. Raises ProjectError."""
    flags = raise_flags(measures, thresholds_of(project))
    project.record_measures(name, measures, [flag.name for flag in flags], suspicion(flags))
    return flags


def set_thresholds(project: Project, thresholds: Thresholds) -> int:
    """Keeps other limits and raises the flags of all measured sequences anew; how many changed. Raises ProjectError."""
    project.set_settings(PART, thresholds.to_settings())
    changed = []
    for name, measures, before, score_before in project.index.measured():
        flags = raise_flags(measures, thresholds)
        names, score = tuple(flag.name for flag in flags), suspicion(flags)
        if names != before or score != score_before:
            changed.append((name, measures, names, score))
    project.record_many(changed)
    return len(changed)


def fit_to_project(project: Project) -> Thresholds:
    """Lets the project's own distribution set the limits that may (`Check.spread`), and flags anew."""
    thresholds = thresholds_of(project).fitted(
        _limited(measures) for _, measures, _, _ in project.index.measured()
    )
    set_thresholds(project, thresholds)
    return thresholds


def _limited(measures: Mapping[str, float]) -> dict[str, float]:
    """Those that a limit may be fitted to: of very many sequences no more is kept in memory."""
    return {name: measures[name] for name in _FITTED if name in measures}


def learn_from(project: Project, *, seed: int = 0, seen_by: str | None = None) -> Learned:
    """What the project's standing verdicts teach; unsure counts as a failure, stale verdicts do not count.

    Of more than `TEACHERS` failures, or as many accepts, a random choice teaches: more would hardly change it.
    seen_by: only from verdicts that this reviewer may know of.
    """
    judged = [
        row
        for states in (("reject", "unsure"), ("accept",))
        for row in project.index.rows(
            Filter(states=states, seen_by=seen_by), order="random", seed=seed, limit=TEACHERS
        )
        if row.measures
    ]
    judged.sort(key=lambda row: row.name)
    return learn([row.measures for row in judged], [row.verdict != "accept" for row in judged], seed=seed)


def learned_names(
    project: Project, learned: Learned, where: Filter | None = None, *, among: int = AMONG
) -> list[str]:
    """The sequences that pass the filter, the likeliest failure first; equals by name.

    Where more than `among` pass, the most suspicious half of so many and about as many at random are ranked; the rest
    follow by suspicion. While nothing was learned: all by suspicion.
    """
    index, where = project.index, where or Filter()
    if not learned.usable:
        return index.names(where, order="suspicion")
    total = index.count(where)
    if total <= among:
        names, figures = index.values(learned.features, where)
    else:
        names, figures = index.values(learned.features, where, order="suspicion", limit=among // 2)
        known = set(names)
        more, theirs = index.values(learned.features, replace(where, share=among / 2 / total))
        fresh = [place for place, name in enumerate(more) if name not in known]
        names, figures = names + [more[place] for place in fresh], np.concatenate([figures, theirs[fresh]])
    ranks = np.lexsort((np.array(names, dtype=object).astype(str), -learned.chances(figures)))
    first = [names[place] for place in ranks.tolist()]
    if total <= among:
        return first
    done = set(first)
    return first + [name for name in index.names(where, order="suspicion") if name not in done]


def spread_of(project: Project, measure: str, *, among: int = AMONG) -> Histogram:
    """How a measure is spread over the project; from a random sample where it has more than `among` sequences."""
    total = project.index.count()
    share = min(1.0, among / total) if total else 1.0
    _, values = project.index.values([measure], Filter(share=share))
    rows = [{measure: value} for value in values[:, 0].tolist()]
    found = histogram(measure, rows, thresholds=thresholds_of(project))
    return found if share == 1 else replace(found, sampled=len(values), of=total)
