"""The flags of a project's sequences, kept with it: measured once, raised anew whenever the limits change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from neuface_engine.review.flags import Flag, raise_flags, suspicion
from neuface_engine.review.learned import Learned, learn
from neuface_engine.review.thresholds import Thresholds

if TYPE_CHECKING:
    from neuface_engine.review.project import Project

PART = "flags"  # of the project's settings


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
    for row in project.index.rows(order="name"):
        if not row.measures:
            continue
        flags = raise_flags(row.measures, thresholds)
        names, score = tuple(flag.name for flag in flags), suspicion(flags)
        if names != row.flags or score != row.suspicion:
            changed.append((row.name, row.measures, names, score))
    project.record_many(changed)
    return len(changed)


def fit_to_project(project: Project) -> Thresholds:
    """Lets the project's own distribution set the limits that may (`Check.spread`), and flags anew."""
    thresholds = thresholds_of(project).fitted(row.measures for row in project.index.rows(order="name"))
    set_thresholds(project, thresholds)
    return thresholds


def learn_from(project: Project, *, seed: int = 0) -> Learned:
    """What the project's standing verdicts teach; unsure counts as a failure, stale verdicts do not count."""
    from neuface_engine.review.queue import Filter

    judged = [
        row for row in project.index.rows(Filter(states=("accept", "reject", "unsure"))) if row.measures
    ]
    return learn([row.measures for row in judged], [row.verdict != "accept" for row in judged], seed=seed)
