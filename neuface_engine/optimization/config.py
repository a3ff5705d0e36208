"""What a run of the NeuFace optimisation can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from neuface_engine.errors import ConfigError

WARM_UP_ITERATIONS = 10


@dataclass(frozen=True)
class NeuFaceConfig:
    """Weights and settings of Eq. (1); the defaults were chosen on several clips (docs/method.md).

    iterations            EM iterations
    learning_rate         of Adam on the encoder's weights; after 10 iterations of warm-up it falls along a cosine to
                          `final_rate` of it
    landmark_weight       of L_2D, Eq. (2)
    temporal_weight       lambda_temp of L_temporal, Eq. (3)
    multiview_weight      lambda_view of L_multiview, Eq. (4); without effect where there is one view
    dense_weight          of L_2D over all 478 landmarks of the detector (beyond the paper: keeps the regions between
                          the 68 landmarks from drifting; without effect where head or detector has no such landmarks)
    shape_weight          of the prior on the shape, lambda_beta of Eq. (5) (beyond the paper's Eq. 1)
    expression_weight     of the prior on the expression, lambda_psi of Eq. (5) (beyond the paper's Eq. 1)
    size_weight           of the prior that keeps the head as large as the pre-trained encoder says (beyond the paper)
    temporal_window       frames in the moving average of the head orientation, odd
    visibility_interval   EM iterations between two computations of the vertices' visibility
    trainable             "top": the encoder's last layers, over cached features; "all": every weight (the paper)
    max_batch             crops that pass the whole encoder at once, eight times as many its top alone; more are
                          accumulated, with the same result
    """

    iterations: int = 100
    learning_rate: float = 2e-4
    final_rate: float = 0.1
    landmark_weight: float = 20.0
    temporal_weight: float = 45.0
    multiview_weight: float = 330.0
    dense_weight: float = 14.0
    shape_weight: float = 0.3
    expression_weight: float = 0.3
    size_weight: float = 10.0
    temporal_window: int = 5
    visibility_interval: int = 10
    trainable: Literal["all", "top"] = "top"
    variant: Literal["paper"] = "paper"
    max_batch: int = 48
    seed: int = 0

    def __post_init__(self) -> None:
        if self.iterations < 0:
            raise ConfigError(f"iterations is {self.iterations}; give 0 or more")
        if self.temporal_window < 1 or self.temporal_window % 2 == 0:
            raise ConfigError(f"temporal_window is {self.temporal_window}; give an odd number of frames")
        if self.learning_rate <= 0:
            raise ConfigError(f"learning_rate is {self.learning_rate}; give a positive number")
        if self.trainable not in ("all", "top"):
            raise ConfigError(f"trainable is {self.trainable!r}; give 'all' or 'top'")
        if self.variant != "paper":
            raise ConfigError(f"variant {self.variant!r} is unknown; this version has 'paper'")
        if self.max_batch < 1 or self.visibility_interval < 1:
            raise ConfigError("max_batch and visibility_interval are counts; give 1 or more")

    def rate(self, iteration: int) -> float:
        """Learning rate of M-step `iteration` (from 0): a short warm-up, because Adam's first steps have full length
        whatever the gradient, then a cosine; past the last one it stays low."""
        warm_up = min((iteration + 1) / WARM_UP_ITERATIONS, 1.0)
        progress = min(iteration / max(self.iterations, 1), 1.0)
        share = self.final_rate + (1 - self.final_rate) * (1 + math.cos(math.pi * progress)) / 2
        return self.learning_rate * warm_up * share
