"""Do reviewers agree? Specific agreement on failures and on clean clips, Gwet's AC1, and where they differ.

Where failures are rare, plain agreement tells nothing of them: two reviewers who pass everything agree on 99.9 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from neuface_engine.review.events import VERDICTS, Adjudication, Event, Verdict
from neuface_engine.review.proof.exact import clopper_pearson
from neuface_engine.review.standing import active_verdicts

CLEAN = "accept"


@dataclass(frozen=True)
class Share:
    """An estimate with its two-sided 95 % interval; NaN and (0, 1) where nothing can be said."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Disagreement:
    """One track on which reviewers differ, and the word of each; `settled` by an adjudication, or empty."""

    sequence: str
    track_hash: str
    verdicts: Mapping[str, str]
    settled: str = ""


@dataclass(frozen=True)
class Agreement:
    """tracks        judged by two reviewers or more, on the same bytes
    on_failures      if one of two reviewers fails a clip, the chance that the other does too (unsure is a failure)
    on_clean         the same for passing it
    ac1              Gwet's AC1 of failure against clean, over all reviewers
    ac1_words        the same of the three words
    disagreements    where any two differ in whether it failed
    """

    tracks: int
    on_failures: Share
    on_clean: Share
    ac1: Share
    ac1_words: Share
    disagreements: tuple[Disagreement, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "tracks": self.tracks,
            "on_failures": self.on_failures.to_json(),
            "on_clean": self.on_clean.to_json(),
            "ac1": self.ac1.to_json(),
            "ac1_words": self.ac1_words.to_json(),
            "disagreements": [
                {"sequence": d.sequence, "verdicts": dict(d.verdicts), "settled": d.settled}
                for d in self.disagreements
            ],
        }


def agreement(events: Iterable[Event]) -> Agreement:
    """Of all double reviews among the events: each reviewer's last verdict on the same bytes of a track."""
    words: dict[tuple[str, str], dict[str, str]] = {}
    settled: dict[tuple[str, str], str] = {}
    for verdict in active_verdicts(events):
        where = (verdict.sequence, verdict.track_hash)
        if isinstance(verdict, Adjudication):
            settled[where] = verdict.verdict
        else:
            words.setdefault(where, {})[verdict.reviewer] = verdict.verdict
    doubles = {where: by for where, by in words.items() if len(by) > 1}
    counts = np.array(
        [[list(by.values()).count(word) for word in VERDICTS] for by in doubles.values()], dtype=np.float64
    ).reshape(-1, len(VERDICTS))
    clean = VERDICTS.index(CLEAN)
    binary = np.stack([counts[:, clean], counts.sum(1) - counts[:, clean]], axis=1)
    pairs = [list(by.values())[:2] for by in doubles.values()]
    failed = np.array([[word != CLEAN for word in pair] for pair in pairs], dtype=bool).reshape(-1, 2)
    return Agreement(
        tracks=len(doubles),
        on_failures=specific_agreement(failed),
        on_clean=specific_agreement(~failed),
        ac1=gwet_ac1(binary),
        ac1_words=gwet_ac1(counts),
        disagreements=tuple(
            Disagreement(*where, dict(by), settled.get(where, ""))
            for where, by in sorted(doubles.items())
            if len({word != CLEAN for word in by.values()}) > 1
        ),
    )


def specific_agreement(named: ArrayLike, confidence: float = 0.95) -> Share:
    """Of the pairs [n, 2] of reviewers who name a thing or not: 2a / (2a + b + c) (Dice; Fleiss, 1975).

    It is 2j / (1 + j) of j = a / (a + b + c), a share of the clips that at least one of them named, whose exact
    interval is carried over.
    """
    both, any_ = (np.asarray(test(np.asarray(named, bool), axis=1)).sum() for test in (np.all, np.any))
    if not any_:
        return Share(float("nan"), 0.0, 1.0)
    low, high = clopper_pearson(int(both), int(any_), confidence)
    value, low, high = (2 * j / (1 + j) for j in (both / any_, low, high))
    return Share(float(value), float(low), float(high))


def gwet_ac1(counts: ArrayLike, confidence: float = 0.95) -> Share:
    """AC1 of how many reviewers gave each category, [items, categories] (Gwet, 2008), two reviewers an item or more.

    The interval is that of the linearised variance over items (Gwet, "Handbook of inter-rater reliability", 2014).
    """
    r = np.asarray(counts, np.float64)
    raters = r.sum(1, keepdims=True)
    r, raters = r[raters[:, 0] > 1], raters[raters[:, 0] > 1]
    n, q = len(r), r.shape[1]
    if n == 0:
        return Share(float("nan"), 0.0, 1.0)
    shares = r / raters
    prevalence = shares.mean(0)
    agreed = (r * (r - 1)).sum(1) / (raters * (raters - 1))[:, 0]
    chance = float((prevalence * (1 - prevalence)).sum() / (q - 1))
    value = (float(agreed.mean()) - chance) / (1 - chance)
    if n == 1:
        return Share(value, -1.0, 1.0)
    chance_of = (shares * (1 - prevalence)).sum(1) / (q - 1)
    linear = (agreed - chance) / (1 - chance) - 2 * (1 - value) * (chance_of - chance) / (1 - chance)
    error = float(np.sqrt(((linear - value) ** 2).sum() / (n * (n - 1))))
    spread = float(student.ppf(0.5 + confidence / 2, n - 1)) * error
    return Share(value, max(-1.0, value - spread), min(1.0, value + spread))


__all__ = ["Agreement", "Disagreement", "Share", "Verdict", "agreement", "gwet_ac1", "specific_agreement"]
