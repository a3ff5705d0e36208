"""What a detector is told about the footage: the names of the views, where shots begin, and whose face is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from neuface_engine.errors import ConfigError

Rule = Literal["main", "largest", "central"]
RULES: tuple[Rule, ...] = ("main", "largest", "central")
_PICK = re.compile(
    r"(?:(?P<view>[^=]+)=)?(?:(?P<frame>\d+):)?(?P<x>\d+(?:\.\d+)?),(?P<y>\d+(?:\.\d+)?)", re.ASCII
)


@dataclass(frozen=True)
class Pick:
    """The face at (x, y) pixels of frame `frame` of a view (None = of every view)."""

    x: float
    y: float
    frame: int = 0
    view: str | None = None


@dataclass(frozen=True)
class FaceChoice:
    """Which of several faces is wanted; it is then followed by its position.

    rule    main: large and central, one at the rim counts half; largest; central
    picks   faces that were pointed at; they go before the rule
    """

    rule: Rule = "main"
    picks: tuple[Pick, ...] = ()

    @classmethod
    def parse(cls, texts: str | FaceChoice | Iterable[str]) -> FaceChoice:
        """From "main", "largest", "central", "X,Y", "FRAME:X,Y" or "VIEW=FRAME:X,Y", or several of these.

        Raises ConfigError.
        """
        if isinstance(texts, FaceChoice):
            return texts
        rule: Rule = "main"
        picks = []
        for text in [texts] if isinstance(texts, str) else texts:
            known = next((known for known in RULES if known == text.strip()), None)
            if known is not None:
                rule = known
                continue
            match = _PICK.fullmatch(text.strip())
            if match is None:
                raise ConfigError(
                    f"face {text!r} means nothing; give {', '.join(RULES)}, or a place in pixels: X,Y or FRAME:X,Y "
                    "or VIEW=FRAME:X,Y"
                )
            picks.append(
                Pick(float(match["x"]), float(match["y"]), int(match["frame"] or 0), match["view"] or None)
            )
        return cls(rule, tuple(picks))

    def pick(self, view: str) -> Pick | None:
        """The pick for a view, its own one before the common one."""
        own = next((p for p in self.picks if p.view == view), None)
        return own or next((p for p in self.picks if p.view is None), None)

    def texts(self) -> tuple[str, ...]:
        """What `parse` reads."""
        picks = (f"{p.view + '=' if p.view else ''}{p.frame}:{p.x:g},{p.y:g}" for p in self.picks)
        return (self.rule, *picks)

    def __str__(self) -> str:
        """In one line: part of the cache's keys."""
        return " ".join(self.texts())


@dataclass(frozen=True)
class Scene:
    """views: their names; shots: for each view the frames at which a shot begins (0 not among them); face."""

    views: tuple[str, ...] = ()
    shots: tuple[tuple[int, ...], ...] = ()
    face: FaceChoice = FaceChoice()

    def name(self, v: int) -> str:
        return self.views[v] if v < len(self.views) else f"view{v}"

    def cuts(self, v: int) -> frozenset[int]:
        """The frames of view v at which the face is sought anew."""
        return frozenset(self.shots[v]) if v < len(self.shots) else frozenset()

    def view(self, v: int) -> Scene:
        """The scene of one view alone."""
        return Scene((self.name(v),), (tuple(sorted(self.cuts(v))),), self.face)
