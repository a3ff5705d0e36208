"""CelebV-HQ (Zhu et al. 2022): 35,666 clips of 15,653 people from the web, one view, with labels.

    celebvhq_info.json
    M2Ohb0FAaJU_1.mp4            <id of the video>_<number>.mp4, beside the json or up to two folders below it

The json maps, under "clips", the stem of each file to {ytb_id, duration {start_sec, end_sec}, bbox {top, bottom,
left, right in 0..1}, attributes {appearance, action, emotion}}; "meta_info" names the attributes. Clips that are not
there (videos that have gone from the web) are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuface_engine.errors import MediaError
from neuface_engine.video.patterns import natural_key
from neuface_engine.video.reader import VIDEO_SUFFIXES
from neuface_engine.video.sources import SequenceSource, ViewFiles

NAME = "celebvhq"
INFO = "celebvhq_info.json"
_FOLDERS = ("", "*", "*/*")


def recognises(root: Path) -> bool:
    """A folder with celebvhq_info.json, or one of those below it that hold the clips."""
    return _info(root) is not None


def find(root: Path) -> list[SequenceSource]:
    """One sequence for each clip that is there. Raises MediaError where the json is missing or damaged."""
    clips, labels = _read(_info(root) or root / INFO)
    files = {
        file.stem: file
        for folder in _FOLDERS
        for file in root.glob(f"{folder}/*" if folder else "*")
        if file.is_file() and file.suffix.lower() in VIDEO_SUFFIXES and not file.name.startswith(".")
    }
    return [
        _source(files[stem], clips.get(stem, {}), labels)
        for stem in sorted(files, key=natural_key)
        if stem in clips or "_" in stem
    ]


def _info(root: Path) -> Path | None:
    places = [root, *root.resolve().parents[: len(_FOLDERS) - 1]]
    return next((place / INFO for place in places if (place / INFO).is_file()), None)


def _source(file: Path, clip: Mapping[str, Any], labels: Mapping[str, list[str]]) -> SequenceSource:
    video = clip.get("ytb_id")
    identity = video if isinstance(video, str) and video else file.stem.rsplit("_", 1)[0]
    details: dict[str, Any] = {"video": identity}
    for key in ("duration", "bbox"):
        if isinstance(clip.get(key), dict):
            details[key] = clip[key]
    attributes = clip.get("attributes")
    if isinstance(attributes, dict):
        for kind, names in labels.items():
            chosen = attributes.get(kind)
            if isinstance(chosen, list):
                details[kind] = [name for name, on in zip(names, chosen, strict=False) if on]
        if isinstance(attributes.get("emotion"), dict):
            details["emotion"] = attributes["emotion"].get("labels")
    return SequenceSource(
        name=file.stem,
        path=file,
        views=(ViewFiles(file.stem, (file,)),),
        identity=identity,
        layout=NAME,
        details=details,
    )


def _read(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); put it beside the clips") from None
    except (ValueError, RecursionError):
        raise MediaError(f"{path}: not json, or damaged; download it again") from None
    clips = content.get("clips") if isinstance(content, dict) else None
    if not isinstance(clips, dict):
        raise MediaError(f'{path}: has no "clips"; give celebvhq_info.json of CelebV-HQ')
    meta = content.get("meta_info")
    meta = meta if isinstance(meta, dict) else {}
    labels = {
        kind: [str(name) for name in names]
        for kind in ("appearance", "action")
        if isinstance(names := meta.get(f"{kind}_mapping"), list)
    }
    return {str(k): v for k, v in clips.items() if isinstance(v, dict)}, labels
