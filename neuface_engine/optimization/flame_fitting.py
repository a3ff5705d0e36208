"""FLAME fitting, the baseline: Eq. (5) minimised over the face parameters themselves (Eq. 6)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from neuface_engine.encoders import Encoder
from neuface_engine.errors import ConfigError
from neuface_engine.face_model import FaceParameters
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.encoder_query import predict
from neuface_engine.optimization.losses import Losses, jaw_prior, rotation_prior
from neuface_engine.optimization.objective import Evidence, Objective, Prediction
from neuface_engine.optimization.run import Run
from neuface_engine.optimization.targets import Targets
from neuface_engine.optimization.variables import UNITS, Variables, in_units

COARSE = frozenset({"rotation", "scale", "shift"})
FINE = frozenset({"rotation", "jaw", "shape", "expression"})


@dataclass(frozen=True)
class FlameFittingConfig(NeuFaceConfig):
    """The losses and weights are those of `NeuFaceConfig`; these differ.

    learning_rate     of Adam on the parameters, in units of `UNITS`
    multiview_weight  lambda_view, chosen by NeuFace's rule: the least CVD at which the landmarks are still fitted.
                      With the weight of NeuFace, free parameters under a held camera leave them (docs/method.md)
    photometric_weight  as Eq. (5) has no such term it is off (what it does here: docs/method.md)
    identity_prior    off as well: the fitted parameters know nothing of the image but its landmarks
    rotation_weight   lambda_r of Eq. (5), on the squared angle of the head [rad^2]
    jaw_weight        lambda_theta of Eq. (5), on the squared angle of the jaw [rad^2]
    coarse_share      of the iterations, in which only camera and head orientation move
    refine_camera     whether the camera goes on moving after that; the paper holds it
    """

    iterations: int = 300
    learning_rate: float = 0.02
    final_rate: float = 0.02
    multiview_weight: float = 200.0
    photometric_weight: float = 0.0
    identity_prior: bool = False
    rotation_weight: float = 0.0
    jaw_weight: float = 1.0
    coarse_share: float = 0.2
    refine_camera: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.coarse_share <= 1:
            raise ConfigError(
                f"coarse_share is {self.coarse_share:g}; give a share of the iterations, 0 to 1"
            )

    @classmethod
    def like(cls, config: NeuFaceConfig, encoder: Encoder) -> FlameFittingConfig:
        """Whatever in `config` is not NeuFace's own default with this encoder, over the defaults of this method."""
        config, standard = (c.for_encoder(encoder) for c in (config, NeuFaceConfig(variant=config.variant)))
        given = {f.name: getattr(config, f.name) for f in fields(NeuFaceConfig)}
        return cls(**{n: v for n, v in given.items() if v != getattr(standard, n) or n == "variant"})

    def stage(self, iteration: int) -> frozenset[str]:
        """Names of the variables that M-step `iteration` (from 0) moves: coarse to fine, as the paper has it."""
        if iteration < self.coarse_share * self.iterations:
            return COARSE
        return frozenset(UNITS) if self.refine_camera else FINE


class FlameFitting(Run):
    """The variables are Theta and p of every frame and view, from the encoder's prediction on.

    Same losses, targets and EM as NeuFace; an update knows nothing of the image but its landmarks (Eq. 6).
    `config`: a FlameFittingConfig; of a NeuFaceConfig what differs from NeuFace's defaults is taken over.
    """

    method = "flame-fitting"
    config: FlameFittingConfig
    variables: FreeParameters

    def _config(self, config: NeuFaceConfig | None) -> FlameFittingConfig:
        if config is None:
            return FlameFittingConfig()
        return (
            config
            if isinstance(config, FlameFittingConfig)
            else FlameFittingConfig.like(config, self.pretrained)
        )

    def _make_objective(self, evidence: Evidence) -> Objective:
        return FittingObjective(self.head, evidence, self.config, self.identity)

    def _make_variables(self) -> FreeParameters:
        encoder = copy.deepcopy(self.pretrained).to(self.device).eval()
        return FreeParameters(
            predict(encoder, self.sequence, self.config, self.device, reserved=self._mesh_bytes())
        )

    def _move(self) -> None:
        self.variables.free = self.config.stage(len(self.history) - 1)
        super()._move()


class FreeParameters(Variables):
    """Theta and p as leaves, each in units of `UNITS`; `free`: the names of those that move."""

    def __init__(self, initial: FaceParameters) -> None:
        self.warnings = []
        self.free = frozenset(UNITS)
        self._fixed = initial
        self._variables = {name: value.clone().requires_grad_() for name, value in in_units(initial).items()}

    def tensors(self) -> dict[str, Tensor]:
        return self._variables

    def query(self) -> FaceParameters:
        v = {name: UNITS[name] * variable.detach() for name, variable in self._variables.items()}
        return self._fixed.replace(
            shape=v["shape"],
            expression=v["expression"],
            pose=torch.cat([v["rotation"], v["jaw"]], -1),
            camera=torch.cat([v["scale"], v["shift"]], -1),
        )

    def backward(self, gradients: dict[str, Tensor]) -> None:
        by_name = {
            "shape": gradients["shape"],
            "expression": gradients["expression"],
            "rotation": gradients["pose"][..., :3],
            "jaw": gradients["pose"][..., 3:],
            "scale": gradients["camera"][..., :1],
            "shift": gradients["camera"][..., 1:],
        }
        for name, variable in self._variables.items():
            variable.grad = UNITS[name] * by_name[name] if name in self.free else None


@dataclass(frozen=True)
class FittingLosses(Losses):
    """With the priors of Eq. (5) that NeuFace does not have."""

    rotation: float = 0.0
    jaw: float = 0.0


class FittingObjective(Objective):
    """Eq. (5): Eq. (1) and the priors on the head's and the jaw's angle."""

    config: FlameFittingConfig
    losses = FittingLosses

    def terms(self, prediction: Prediction, targets: Targets, draw: int) -> dict[str, Tensor]:
        valid = self.evidence.valid
        return {
            **super().terms(prediction, targets, draw),
            "rotation": rotation_prior(prediction.parameters, valid),
            "jaw": jaw_prior(prediction.parameters, valid),
        }
