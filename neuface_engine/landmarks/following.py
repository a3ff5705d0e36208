"""Following one of several faces by its position, so that a track does not jump from one person to another."""

from __future__ import annotations

from neuface_engine.landmarks.roi import Roi
from neuface_engine.landmarks.scene import Pick, Rule

NEAR = 0.5
"""Faces this near to each other (in units of their size) are taken for the same one in neighbouring frames."""
_REACH_PER_FRAME = 0.05
_LARGEST_REACH = 2.0
_SAME_SIZE = 2.0


class Follower:
    """Of the faces seen in one view, the one to go on with.

    While other faces have been seen beside the wanted one (rivals), a lost face is found again only near the place
    where it was last seen, in about its old size, and nearer to that place than to a rival's. A face that was always
    alone may come back anywhere.
    """

    def __init__(self, rule: Rule = "main", pick: Pick | None = None) -> None:
        self.rule, self.pick = rule, pick
        self.begin()

    def begin(self, frame: int = 0) -> None:
        """A new shot, entered at `frame`: nothing is known of who stands where, but for a pick in this frame."""
        self.place: Roi | None = None
        if self.pick is not None and frame == self.pick.frame:
            self.place = Roi(self.pick.x, self.pick.y, 1.0, 0.0)
        self.last: Roi | None = None
        self.frames_lost = 0
        self.rivals: list[Roi] = []

    def seen(self, roi: Roi | None) -> None:
        """The wanted face of this frame; None = lost."""
        if roi is None:
            self.frames_lost += 1
        else:
            self.last, self.frames_lost = roi, 0

    def candidates(self, rois: list[Roi], width: int, height: int) -> list[Roi]:
        """Which faces of this frame may be the wanted one, best first; the others are remembered as rivals."""
        if self.last is None:
            order = self._first(rois, width, height)
        else:
            order = self._again(rois, self.last, width, height)
        if order:
            self.meet([roi for roi in rois if roi is not order[0]])
        return order

    def meet(self, others: list[Roi]) -> None:
        """Faces that are not the wanted one: rivals move to where they are now, new ones join."""
        for roi in others:
            if self.last is not None and self.last.distance(roi) < NEAR:
                continue
            near = [k for k, rival in enumerate(self.rivals) if rival.distance(roi) < NEAR]
            if near:
                self.rivals[near[0]] = roi
            else:
                self.rivals.append(roi)

    def _first(self, rois: list[Roi], width: int, height: int) -> list[Roi]:
        place = self.place
        if place is None:
            return self._ranked(rois, width, height)
        at_place = [roi for roi in rois if _pixels(roi, place) < 0.5 * roi.size]
        return sorted(at_place, key=lambda roi: _pixels(roi, place))

    def _again(self, rois: list[Roi], last: Roi, width: int, height: int) -> list[Roi]:
        near = sorted((roi for roi in rois if last.distance(roi) < NEAR), key=last.distance)
        if not self.rivals:
            return near[:1] + [r for r in self._ranked(rois, width, height) if r not in near[:1]]
        reach = min(NEAR + _REACH_PER_FRAME * self.frames_lost, _LARGEST_REACH)
        return [
            roi
            for roi in sorted(rois, key=last.distance)
            if last.distance(roi) < reach
            and 1 / _SAME_SIZE < roi.size / last.size < _SAME_SIZE
            and all(last.distance(roi) <= rival.distance(roi) for rival in self.rivals)
        ]

    def _ranked(self, rois: list[Roi], width: int, height: int) -> list[Roi]:
        centre = Roi(width / 2, height / 2, float(max(height, width)), 0.0)
        off = {id(roi): min(1.0, 2 * centre.distance(roi)) for roi in rois}
        if self.rule == "largest":
            return sorted(rois, key=lambda roi: -roi.size)
        if self.rule == "central":
            return sorted(rois, key=lambda roi: _pixels(roi, centre))
        return sorted(rois, key=lambda roi: -roi.size * (1 - 0.5 * off[id(roi)]))


def _pixels(a: Roi, b: Roi) -> float:
    return float(((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5)
