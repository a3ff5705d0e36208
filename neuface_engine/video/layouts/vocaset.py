"""VOCASET (Cudeiro et al. 2019): registered meshes in FLAME's topology, 60 fps, 12 people, 40 sentences each.

    unposedcleaneddata/FaceTalk_170728_03272_TA/sentence01/sentence01.000001.ply    5023 vertices, head motion removed
    images/FaceTalk_170728_03272_TA/sentence01/sentence01.000001.26_C.jpg           <sentence>.<frame>.<camera>.jpg

The pictures may also be videos, `<folder>/<person>/<sentence>.mp4` or `<folder>/<person>/<sentence>/<camera>.mp4`, in
any folder beside the meshes (images, imgs, video, videos). With the meshes there, `neuface metrics` and `track` give
the vertex error (MPVE) of heads in FLAME's topology; as head motion is removed from them, it is that of the canonical
mesh.
"""

from __future__ import annotations

from pathlib import Path

from neuface_engine.video.layouts.grouping import group
from neuface_engine.video.sources import SequenceSource

NAME = "vocaset"
FPS = 60.0
MESHES = "unposedcleaneddata"
_FOLDERS = ("images", "imgs", "video", "videos", "")
_KINDS = {"identity": r"FaceTalk_\d{6}_\d{5}_TA", "sentence": r"sentence\d+", "view": r"[^.]+"}
_PATTERNS = (
    "{identity}/{sentence}/{sentence}.{frame}.{view}.*",
    "{identity}/{sentence}/{sentence}.{frame}.*",
    "{identity}/{sentence}/{view}.mp4",
    "{identity}/{sentence}.mp4",
)


def recognises(root: Path) -> bool:
    """A folder with people named as in VOCASET, or one with such folders of meshes or pictures."""
    return any(
        next(root.glob(f"{f}/FaceTalk_*_TA" if f else "FaceTalk_*_TA"), None) for f in (MESHES, *_FOLDERS)
    )


def find(root: Path) -> list[SequenceSource]:
    """One sequence for each person and sentence that has pictures."""
    sources: dict[str, SequenceSource] = {}
    for folder in _FOLDERS:
        base = root / folder
        if not base.is_dir():
            continue
        for pattern in _PATTERNS:
            kinds = {**_KINDS, "view": r"\d+_[A-Z]"} if "{frame}" in pattern else _KINDS
            for found in group(base, pattern, kinds=kinds):
                person, sentence = found.fields["identity"], found.fields["sentence"]
                meshes = root / MESHES / person / sentence
                source = SequenceSource(
                    name=f"{person}_{sentence}",
                    path=found.locator,
                    views=found.views(),
                    identity=person,
                    fps=FPS,
                    ground_truth=meshes if meshes.is_dir() else None,
                    layout=NAME,
                    details={"sentence": sentence},
                )
                sources.setdefault(source.name, source)
    return list(sources.values())
