"""Blind A/B: two methods side by side on the same clip and camera, sides at random, and some pairs of twins."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scipy.stats import binomtest

from neuface_engine.errors import ConfigError, ProjectError
from neuface_engine.review.events import Event, Other
from neuface_engine.review.proof.draw import key, new_seed
from neuface_engine.review.proof.exact import wilson
from neuface_engine.review.standing import active

if TYPE_CHECKING:
    from neuface_engine.review.project import Project

AB_DRAWN, AB_JUDGED = "ab_drawn", "ab_judged"
CHOICES = ("left", "right", "tie")
SAME_SHARE = 0.1
_SUSPECT = 0.01


@dataclass(frozen=True)
class Trial:
    """One comparison. Only `sequence` may be named to the reviewer; left and right are methods (A = A: the same)."""

    id: str
    sequence: str
    left: str
    right: str

    @property
    def same(self) -> bool:
        return self.left == self.right


@dataclass(frozen=True)
class Comparison:
    """wins_a, wins_b, ties     over the true trials
    rate, low, high     of A among the trials that showed a difference, with its Wilson interval (95 %)
    p_value     of such a split where both are as good (sign test)
    same_left, same_right, same_ties     choices where both sides were the same
    lefts, choices     how often the left was chosen over all trials that were no tie
    side_p_value     of such a preference for one side where there is none; small: the reviewer does not look
    """

    a: str
    b: str
    wins_a: int
    wins_b: int
    ties: int
    same_left: int
    same_right: int
    same_ties: int
    lefts: int
    choices: int
    left: int

    @property
    def rate(self) -> float:
        decided = self.wins_a + self.wins_b
        return self.wins_a / decided if decided else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.wins_a, self.wins_a + self.wins_b)

    @property
    def p_value(self) -> float:
        return _even(self.wins_a, self.wins_a + self.wins_b)

    @property
    def same_interval(self) -> tuple[float, float]:
        """Of the share of lefts where both sides are the same and one was chosen: it should hold 0.5."""
        return wilson(self.same_left, self.same_left + self.same_right)

    @property
    def side_p_value(self) -> float:
        return _even(self.lefts, self.choices)

    @property
    def sound(self) -> bool:
        """No preference for a side, neither where both are the same nor at large."""
        same = _even(self.same_left, self.same_left + self.same_right)
        return min(same, self.side_p_value) >= _SUSPECT

    def to_json(self) -> dict[str, Any]:
        low, high = self.interval
        return {
            "a": self.a,
            "b": self.b,
            "wins_a": self.wins_a,
            "wins_b": self.wins_b,
            "ties": self.ties,
            "win_rate_a": self.rate,
            "low": low,
            "high": high,
            "p_value": self.p_value,
            "same": {"left": self.same_left, "right": self.same_right, "ties": self.same_ties},
            "lefts": self.lefts,
            "choices": self.choices,
            "side_p_value": self.side_p_value,
            "sound": self.sound,
            "trials_left": self.left,
        }


def draw_trials(
    names: Sequence[str], a: str, b: str, seed: str, *, same_share: float = SAME_SHARE
) -> list[Trial]:
    """One trial a sequence, in a random order; of all trials `same_share` show one method on both sides."""
    if not 0 <= same_share < 1:
        raise ConfigError(f"A = A trials: a share of {same_share:g}; give one from 0 to below 1")
    dice = random.Random(f"{seed} ab")
    same = round(len(names) * same_share / (1 - same_share))
    pairs = [(name, (a, b) if dice.random() < 0.5 else (b, a)) for name in names]
    pairs += [(dice.choice(names), (dice.choice((a, b)),) * 2) for _ in range(same if names else 0)]
    dice.shuffle(pairs)
    return [
        Trial(key(seed, "trial", str(number))[:32], name, *sides)
        for number, (name, sides) in enumerate(pairs)
    ]


def compare(trials: Sequence[Trial], choices: Mapping[str, str], a: str, b: str) -> Comparison:
    """What the choices ({trial id: left, right or tie}) say; trials without one are counted as left to do."""
    counts = dict.fromkeys(("a", "b", "tie", "same left", "same right", "same tie"), 0)
    lefts = decided = judged = 0
    for trial in trials:
        choice = choices.get(trial.id)
        if choice not in CHOICES:
            continue
        judged += 1
        lefts += choice == "left"
        decided += choice != "tie"
        if trial.same:
            counts[f"same {choice}"] += 1
        elif choice == "tie":
            counts["tie"] += 1
        else:
            counts["a" if (trial.left if choice == "left" else trial.right) == a else "b"] += 1
    return Comparison(
        a,
        b,
        counts["a"],
        counts["b"],
        counts["tie"],
        counts["same left"],
        counts["same right"],
        counts["same tie"],
        lefts,
        decided,
        len(trials) - judged,
    )


def draw_ab(
    project: Project,
    a: str,
    b: str,
    *,
    reviewer: str,
    names: Sequence[str] | None = None,
    seed: str | None = None,
    count: int | None = None,
    same_share: float = SAME_SHARE,
) -> list[Trial]:
    """Draws a blind comparison and puts it on record. Raises ProjectError, ConfigError.

    names   the sequences (default: all of the project); count: so many of them at random (default: all)
    """
    names = project.index.names() if names is None else list(names)
    if not names:
        raise ProjectError(f"{project.folder}: no sequences to compare; add some")
    if a == b:
        raise ConfigError(f"A/B: {a!r} against itself; give two methods")
    seed = new_seed() if seed is None else seed
    if count is not None:
        names = sorted(names, key=lambda name: key(seed, "ab", name))[: max(count, 1)]
    trials = draw_trials(names, a, b, seed, same_share=same_share)
    data = {"a": a, "b": b, "seed": seed, "same_share": same_share, "names": list(names)}
    project.log.append(Other(AB_DRAWN, reviewer, data=data))
    return trials


def load_ab(events: Iterable[Event]) -> tuple[list[Trial], str, str] | None:
    """The comparison drawn last: its trials and methods; None where none was."""
    drawn = [event for event in active(events) if isinstance(event, Other) and event.name == AB_DRAWN]
    if not drawn:
        return None
    data = drawn[-1].data
    try:
        a, b = str(data["a"]), str(data["b"])
        names = [str(name) for name in data["names"]]
        trials = draw_trials(names, a, b, str(data["seed"]), same_share=float(data["same_share"]))
    except (KeyError, TypeError, ValueError):
        raise ProjectError(f"the A/B draw of {drawn[-1].time} in the log is damaged; draw it anew") from None
    return trials, a, b


def judge_trial(project: Project, trial: Trial, choice: str, reviewer: str) -> None:
    """Puts a choice on record. Raises ValueError for another word."""
    if choice not in CHOICES:
        raise ValueError(f"choice {choice!r} is none of {', '.join(CHOICES)}")
    project.log.append(Other(AB_JUDGED, reviewer, data={"trial": trial.id, "choice": choice}))


def open_trials(project: Project, reviewer: str) -> list[Trial]:
    """The trials that this reviewer has still to judge, in their order."""
    events = project.index.events(AB_DRAWN, AB_JUDGED, "undo")
    drawn = load_ab(events)
    done = set(_choices(events, reviewer))
    return [] if drawn is None else [trial for trial in drawn[0] if trial.id not in done]


def ab_results(project: Project) -> dict[str, Comparison]:
    """{reviewer: comparison} of the comparison drawn last; empty where none was."""
    events = project.index.events(AB_DRAWN, AB_JUDGED, "undo")
    drawn = load_ab(events)
    if drawn is None:
        return {}
    names = sorted({event.reviewer for event in events if event.kind == AB_JUDGED})
    return {name: compare(drawn[0], _choices(events, name), *drawn[1:]) for name in names}


def _choices(events: Iterable[Event], reviewer: str) -> dict[str, str]:
    return {
        str(event.data.get("trial")): str(event.data.get("choice"))
        for event in active(events)
        if isinstance(event, Other) and event.name == AB_JUDGED and event.reviewer == reviewer
    }


def _even(successes: int, trials: int) -> float:
    """p-value of a fair coin, two-sided; 1 without trials."""
    return float(binomtest(successes, trials, 0.5).pvalue) if trials else 1.0
