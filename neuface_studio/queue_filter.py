"""What is typed over the queue, as a condition: words of the name, ``state:new``, ``flag:jitter``, ``reason:lips``,
``is:disputed``, ``cvd>1.5``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from neuface_engine.review.events import REASONS
from neuface_studio.queue_model import COLUMNS, STATES

MEASURES = {
    column.title.lower(): column.order.removeprefix("measure:")
    for column in COLUMNS
    if column.digits is not None
}
_BOUND = re.compile(r"^([a-z_]+)([<>])=?(.*)$")


@dataclass(frozen=True)
class Wanted:
    """Which rows are shown; empty fields let everything pass. A bound is (measure, "<" or ">", value).

    ``brushed`` bounds come from the histogram, not from what is typed.
    """

    text: str = ""
    state: str = ""
    flag: str = ""
    reason: str = ""
    reviewer: str = ""
    disputed: bool = False
    bounds: tuple[tuple[str, str, float], ...] = ()
    brushed: tuple[tuple[str, str, float], ...] = ()


def parse(text: str, *, state: str = "") -> tuple[Wanted, str]:
    """The condition, and a sentence on what was not understood (empty where all was)."""
    words: list[str] = []
    keyed = {"state": state, "flag": "", "reason": "", "reviewer": ""}
    disputed = False
    bounds: list[tuple[str, str, float]] = []
    problem = ""
    for token in text.split():
        key, colon, value = token.partition(":")
        bound = _BOUND.match(token.lower())
        if token.lower() == "is:disputed":
            disputed = True
        elif colon and key.lower() in keyed:
            keyed[key.lower()] = value
        elif bound and bound[1] in MEASURES:
            try:
                bounds.append((MEASURES[bound[1]], bound[2], float(bound[3])))
            except ValueError:
                problem = f"“{token}” lacks its number: {bound[1]}{bound[2]}1.5"
        elif colon and key.isalpha():
            conditions = ", ".join(f"{name}:" for name in keyed)
            problem = f"“{token}” is no condition; there are {conditions} and is:disputed"
        elif bound:
            problem = f"“{bound[1]}” is no column; there are {', '.join(MEASURES)}"
        else:
            words.append(token)
    known = state_named(keyed["state"])
    if known is None:
        names = ", ".join(look.word for look in STATES.values())
        problem = f"“{keyed['state']}” is no state; there are {names}"
    reason = reason_named(keyed["reason"])
    if reason is None:
        problem = f"“{keyed['reason']}” is no reason; there are {', '.join(REASONS)}"
    wanted = Wanted(
        " ".join(words),
        known or "",
        keyed["flag"],
        reason or "",
        keyed["reviewer"],
        disputed=disputed,
        bounds=tuple(bounds),
    )
    return wanted, problem


def reason_named(word: str) -> str | None:
    """The reason of a verdict that a word means, as the log or the window writes it; None for an unknown one."""
    if not word:
        return ""
    plain = word.lower().replace("-", "_")
    return next((r for r, said in REASONS.items() if plain in (r, said.replace(" ", "_"))), None)


def state_named(word: str) -> str | None:
    """The state that a word means: its own name or the one that is shown; "" for none, None for an unknown one."""
    if not word:
        return ""
    for state, look in STATES.items():
        if word.lower() in (state, look.word, look.word.replace(" ", "-"), look.word.replace(" ", "")):
            return state
    return None
