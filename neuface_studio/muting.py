"""Parameter groups put to neutral in what is drawn, to hunt the source of a jitter. The result is never touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch

from neuface_engine.face_model import FaceParameters
from neuface_studio.model import IterationRecord

GROUPS: dict[str, str] = {
    "rotation": "the head facing each camera",
    "jaw": "the jaw closed",
    "expression": "a neutral expression",
    "shape": "the mean identity",
    "camera": "each view's mean camera",
}
"""Group -> what its neutral is, in words."""


def muted_record(record: IterationRecord, muted: Iterable[str]) -> IterationRecord:
    """The record as it is drawn, with the groups at neutral."""
    groups = frozenset(muted)
    if not groups or record.given is not None:
        return record
    return replace(record, parameters=neutralised(record.parameters, groups), muted=groups)


def neutralised(parameters: FaceParameters, muted: Iterable[str]) -> FaceParameters:
    """Parameters [F, V, ...] with groups of `GROUPS` at neutral.

    rotation, jaw, expression (with eyes and lids) and shape: zero. camera: the mean over the frames of each view, in
    crop units; a camera of zero would show nothing. Raises KeyError for a group that does not exist.
    """
    changes: dict[str, torch.Tensor] = {}
    pose = parameters.pose.clone()
    for group in muted:
        if group == "rotation":
            pose[..., :3] = 0.0
        elif group == "jaw":
            pose[..., 3:] = 0.0
        elif group == "expression":
            for name in ("expression", "eyes", "eyelids"):
                tensor = getattr(parameters, name)
                if tensor is not None:
                    changes[name] = torch.zeros_like(tensor)
        elif group == "shape":
            changes["shape"] = torch.zeros_like(parameters.shape)
        elif group == "camera":
            camera = parameters.camera
            changes["camera"] = camera.mean(dim=0, keepdim=True).expand_as(camera).clone()
        else:
            raise KeyError(group)
    return parameters.replace(**{**changes, "pose": pose})


def muted_text(muted: Iterable[str]) -> str:
    """What the window says while something is muted; empty where nothing is."""
    names = [group for group in GROUPS if group in set(muted)]
    return f"MUTED: {', '.join(names)}" if names else ""
