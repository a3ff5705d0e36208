"""MEAD (Wang et al. 2020): seven synchronous views of 48 actors speaking in eight emotions at three levels.

    M003/video/{front,down,top,left_30,left_60,right_30,right_60}/{emotion}/level_{k}/001.mp4   as downloaded
    M003/video/{view}/{emotion}/level_{k}/001/0001.jpg                                          frames of a clip
    M003/images/{emotion}/level_{k}/001/img_0001_{view}.jpg                                     frames of all views

`video` may be called `videos`. The downloaded clips run at 30 fps. Some actors lack views; what is there is taken.
Besides the whole, one actor's folder can be given, its `video` or `images`, and the folder of one take's frames.
"""

from __future__ import annotations

import re
from pathlib import Path

from neuface_engine.video.layouts.grouping import Group, group
from neuface_engine.video.patterns import natural_key
from neuface_engine.video.sources import SequenceSource

NAME = "mead"
FPS = 30.0
VIEWS = ("front", "down", "top", "left_30", "left_60", "right_30", "right_60")
_KINDS = {
    "identity": r"[MW]\d{3}",
    "view": "|".join(VIEWS),
    "level": r"level_\d",
    "take": r"\d+",
}
_MEDIA = ("video", "videos", "images")
_TAKE = "img_{frame}_{view}.*"
_ACTOR = (
    "video/{view}/{emotion}/{level}/{take}.mp4",
    "videos/{view}/{emotion}/{level}/{take}.mp4",
    "video/{view}/{emotion}/{level}/{take}/{frame}.*",
    "videos/{view}/{emotion}/{level}/{take}/{frame}.*",
    "images/{emotion}/{level}/{take}/img_{frame}_{view}.*",
)


def recognises(root: Path) -> bool:
    """A folder of actors, or of one actor, with MEAD's views or frames, or the frames of one take."""
    return (
        _is_take(root)
        or any(
            (folder / name / view).is_dir()
            for folder in _actors(root)
            for name in ("video", "videos")
            for view in VIEWS
        )
        or any(next(folder.glob("images/*/level_*"), None) is not None for folder in _actors(root))
    )


def find(root: Path) -> list[SequenceSource]:
    """One sequence for each actor, emotion, level and take."""
    if _is_take(root):
        return [_source(found, _actor_of(root)) for found in group(root, _TAKE, kinds=_KINDS)]
    return [_source(found, actor.resolve().name) for actor in _actors(root) for found in _takes(actor)]


def _takes(actor: Path) -> list[Group]:
    return [found for pattern in _ACTOR for found in group(actor, pattern, kinds=_KINDS)]


def _actors(root: Path) -> list[Path]:
    pattern = re.compile(_KINDS["identity"])
    inside = [entry for entry in root.iterdir() if entry.is_dir() and pattern.fullmatch(entry.name)]
    if inside:
        return sorted(inside, key=lambda entry: natural_key(entry.name))
    whole = root.resolve()
    if whole.name in _MEDIA and pattern.fullmatch(whole.parent.name):
        return [whole.parent]
    return [root] if pattern.fullmatch(whole.name) else []


def _is_take(root: Path) -> bool:
    """Whether these are the frames of all views of a take."""
    return next(root.glob("img_[0-9]*_*.*"), None) is not None and bool(group(root, _TAKE, kinds=_KINDS))


def _actor_of(take: Path) -> str | None:
    """Of M003/images/{emotion}/level_{k}/001; None in another place."""
    above = take.resolve().parents
    name = above[3].name if len(above) > 3 else ""
    return name if re.fullmatch(_KINDS["identity"], name) else None


def _source(found: Group, actor: str | None) -> SequenceSource:
    below = found.locator.resolve().parts[-4:-1]  # of one take's frames, whose fields are the folders above
    named = dict(zip(("emotion", "level", "take"), below if actor else ("", "", below[-1]), strict=True))
    details = {k: found.fields.get(k, v) for k, v in named.items()}
    return SequenceSource(
        name="_".join(filter(None, [actor, *details.values()])),
        path=found.locator,
        views=found.views(),
        identity=actor,
        fps=FPS,
        layout=NAME,
        details=details,
    )
