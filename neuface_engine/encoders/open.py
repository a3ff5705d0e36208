"""The open encoder: MediaPipe's face-mesh network and a head trained on the open head model."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from neuface_engine import resources
from neuface_engine.encoders.base import Encoder, Trainable
from neuface_engine.encoders.head import ParameterHead
from neuface_engine.encoders.identity import IdentityModel
from neuface_engine.errors import AssetError
from neuface_engine.face_model import FaceParameters
from neuface_engine.landmarks.face_mesh import CROP_SIZE, FaceMesh
from neuface_engine.weights import load_weights, use_channels_last

SPLIT = 16
"""Under trainable="top" the stages down to this resolution are frozen."""
IDENTITY_SPLIT = 4
"""Resolution of the maps that tell most of whose head it is."""


class OpenEncoder(Encoder):
    """Crop -> 478 landmarks (backbone) -> FaceParameters of the open head (head). Trained by build_open_encoder.py."""

    name = "open"
    input_size = CROP_SIZE
    crop_scale = 1.65

    def __init__(self, *, head_fingerprint: str | None = None) -> None:
        super().__init__()
        self.head_fingerprint = head_fingerprint
        self.backbone = FaceMesh()
        self.head = ParameterHead()
        # The presence score is the detector's business.
        self.backbone.presence.requires_grad_(False)

    @classmethod
    def load(cls, checkpoint: Path | str | None = None) -> OpenEncoder:
        """The embedded weights, or those in the safetensors file ``checkpoint``; raises AssetError.

        Its model of identity belongs to the embedded weights alone.
        """
        path = Path(checkpoint) if checkpoint else resources.path("open_encoder.safetensors")
        encoder = cls()
        modules = {"backbone": encoder.backbone, "head": encoder.head}
        metadata = load_weights(path, modules, rebuild="tools/build_open_encoder.py")
        if metadata.get("name") != cls.name or not metadata.get("head_fingerprint"):
            raise AssetError(f"{path}: not an open encoder file; rebuild it with tools/build_open_encoder.py")
        encoder.head_fingerprint = metadata["head_fingerprint"]
        if checkpoint is None:
            encoder.identity = IdentityModel.load(
                resources.path("open_identity.safetensors"), encoder_fingerprint=encoder.fingerprint
            )
        use_channels_last(encoder)
        return encoder.eval()

    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        return (self.backbone.trunk(crops.contiguous(memory_format=torch.channels_last), SPLIT),)

    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        return self.head(self.landmarks(features))

    def identity_maps(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.backbone.trunk(crops.contiguous(memory_format=torch.channels_last), IDENTITY_SPLIT)
        local = self.backbone.decode_landmarks(self.backbone.top(maps, IDENTITY_SPLIT))
        return maps.flatten(1), self.head(_in_crop(local)).head_rotation

    def landmarks(self, features: tuple[Tensor, ...]) -> Tensor:
        """The backbone's landmarks ``[B, 478, 3]`` in crop coordinates -1..1 (z alike, away from the camera)."""
        return _in_crop(self.backbone.decode_landmarks(self.backbone.top(features[0], SPLIT)))

    def trainable_parameters(self, trainable: Trainable) -> list[nn.Parameter]:
        if trainable == "all":
            return [p for p in self.parameters() if p.requires_grad]
        top = [
            stage for name, stage in self.backbone.stages.items() if int(name.removeprefix("stage")) < SPLIT
        ]
        return [p for module in (*top, self.backbone.landmarks, self.head) for p in module.parameters()]


def _in_crop(local: Tensor) -> Tensor:
    """Crop px -> -1..1, z without a shift."""
    return local * (2.0 / CROP_SIZE) - local.new_tensor([1.0, 1.0, 0.0])
