"""What a run of the NeuFace optimisation can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from neuface_engine.errors import ConfigError
from neuface_engine.optimization.options import Options, check_numbers

if TYPE_CHECKING:
    from neuface_engine.encoders import Encoder

_OF_VARIANT: Any = None
DEFAULTS: dict[str, dict[str, Any]] = {
    "paper": {
        "iterations": 350,
        "learning_rate": None,  # the encoder's own: `Encoder.learning_rate`
        "final_rate": 0.1,
        "warm_up": 10,
        "landmark_weight": 30.0,
        "temporal_weight": 46.0,
        "multiview_weight": 750.0,
        "dense_weight": 14.0,
        "shape_weight": 0.8,
        "expression_weight": 0.3,
        "size_weight": 10.0,
        "aperture_weight": 40.0,
        "photometric_weight": 4.0,
        "temporal_window": 7,
        "temporal_order": 2,
        "visibility_interval": 10,
        "trainable": "top",
    },
    "released": {
        "iterations": 100,
        "learning_rate": 2e-5,
        "final_rate": 1.0,
        "warm_up": 0,
        "landmark_weight": 10.0,
        "temporal_weight": 100.0,
        "multiview_weight": 200.0,
        "dense_weight": 0.0,
        "shape_weight": 0.0,
        "expression_weight": 0.0,
        "size_weight": 0.0,
        "aperture_weight": 0.0,
        "photometric_weight": 0.0,
        "temporal_window": 4,
        "temporal_order": 0,
        "visibility_interval": 10,
        "trainable": "all",
    },
}
"""What a field is where it is not given: the paper's numbers were chosen on several clips (docs/method.md), those of
the released code are its authors' (docs/released.md)."""


@dataclass(frozen=True)
class NeuFaceConfig(Options):
    """Weights and settings of Eq. (1). What is not given is the variant's own, see `DEFAULTS`; a config that is changed
    with `dataclasses.replace` keeps all its numbers, also under another variant. What goes beyond the paper and is off
    by default stands in `Options`.

    iterations            EM iterations (in chunks, where the variant has them: passes over all chunks)
    learning_rate         of Adam on the encoder's weights; None = the encoder's own (`Encoder.learning_rate`), which a
                          run fills in; after `warm_up` iterations it falls along a cosine to `final_rate` of it
    landmark_weight       of L_2D, Eq. (2)
    temporal_weight       lambda_temp of L_temporal, Eq. (3)
    multiview_weight      lambda_view of L_multiview, Eq. (4); without effect where there is one view
    dense_weight          of L_2D over all 478 landmarks of the detector (beyond the paper: keeps the regions between
                          the 68 landmarks from drifting; without effect where head or detector has no such landmarks)
    shape_weight          of the prior on the shape, lambda_beta of Eq. (5) (beyond the paper's Eq. 1)
    expression_weight     of the prior on the expression, lambda_psi of Eq. (5) (beyond the paper's Eq. 1)
    size_weight           of the prior that keeps the head as large as the pre-trained encoder says (beyond the paper)
    aperture_weight       of the openings of lids and lips (beyond the paper: a blink is a few landmarks of 68)
    photometric_weight    of the agreement of the views' pixels (beyond the paper: landmarks lie beside their places, in
                          every view otherwise); without effect where there is one view
    temporal_window       frames over which the head orientation is smoothed for qhat; an even window, which only the
                          variant "released" has, reaches one frame further back than ahead
    temporal_order        degree of the polynomial fitted in that window (`smoothed_orientation`): 0 is the moving
                          average of the paper, which holds a turning head still (docs/method.md)
    visibility_interval   EM iterations between two computations of the vertices' visibility; without effect under
                          "released", whose confidence belongs to every evaluation
    trainable             "top": the encoder's last layers, over cached features; "all": every weight (the paper)
    variant               "paper", or "released" for what the authors' code does (docs/released.md)
    identity_prior        the prior on the shape is about what the pre-trained encoder's maps say of the person over all
                          views, where the encoder has a model of that, instead of the mean head (docs/method.md);
                          settled when a run begins
    max_batch             crops that pass the whole encoder at once, eight times as many its top alone; more are
                          accumulated, with the same result
    max_memory_mb         bound on the memory of the process (of the graphics card, where it computes there) [MB]:
                          fewer crops at once where it asks for that, with the same result; None = no bound
    tolerance             a run has converged once neither loss nor parameters change by as much, relative, over ten
                          iterations (0.001 is a fair value); 0 = off: the learning rate falls until the last iteration
    """

    iterations: int = _OF_VARIANT
    learning_rate: float | None = _OF_VARIANT
    final_rate: float = _OF_VARIANT
    warm_up: int = _OF_VARIANT
    landmark_weight: float = _OF_VARIANT
    temporal_weight: float = _OF_VARIANT
    multiview_weight: float = _OF_VARIANT
    dense_weight: float = _OF_VARIANT
    shape_weight: float = _OF_VARIANT
    expression_weight: float = _OF_VARIANT
    size_weight: float = _OF_VARIANT
    aperture_weight: float = _OF_VARIANT
    photometric_weight: float = _OF_VARIANT
    temporal_window: int = _OF_VARIANT
    temporal_order: int = _OF_VARIANT
    visibility_interval: int = _OF_VARIANT
    trainable: Literal["all", "top"] = _OF_VARIANT
    variant: Literal["paper", "released"] = "paper"
    identity_prior: bool = True
    max_batch: int = 48
    max_memory_mb: float | None = None
    tolerance: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.variant not in DEFAULTS:
            raise ConfigError(f"variant {self.variant!r} is unknown; give {' or '.join(DEFAULTS)}")
        for name, value in DEFAULTS[self.variant].items():
            if getattr(self, name) is _OF_VARIANT:
                object.__setattr__(self, name, value)
        check_numbers(self, above_0=("learning_rate", "max_batch", "visibility_interval", "max_memory_mb"))
        even = self.temporal_window % 2 == 0
        if self.temporal_window < 1 or (even and self.variant == "paper"):
            raise ConfigError(f"temporal_window is {self.temporal_window}; give an odd number of frames")
        if not 0 <= self.temporal_order < self.temporal_window:
            raise ConfigError(
                f"temporal_order is {self.temporal_order}; give 0 (moving average) up to temporal_window - 1"
            )
        if self.trainable not in ("all", "top"):
            raise ConfigError(f"trainable is {self.trainable!r}; give 'all' or 'top'")
        if self.final_rate > 1:
            raise ConfigError(f"final_rate is {self.final_rate:g}; give a share of learning_rate, 0 to 1")
        if self.tolerance >= 1:
            raise ConfigError(f"tolerance is {self.tolerance:g}; give 0 (off) or a small relative change")
        self.check_options()
        if self.one_shape and self.variant == "released":
            raise ConfigError(
                "one_shape: the variant 'released' shares the shape in its own way; leave it out"
            )

    def for_encoder(self, encoder: Encoder) -> Self:
        """The settings of a run on this encoder: its learning rate, where none is given."""
        return replace(self, learning_rate=encoder.learning_rate) if self.learning_rate is None else self

    def rate(self, iteration: int) -> float:
        """Learning rate of M-step `iteration` (from 0): a short warm-up, because Adam's first steps have full length
        whatever the gradient, then a cosine; past the last one it stays low.

        Raises ConfigError where it is the encoder's and not filled in yet (`for_encoder`).
        """
        if self.learning_rate is None:
            raise ConfigError("learning_rate is the encoder's here; read it from run.config, or give it")
        warm_up = min((iteration + 1) / max(self.warm_up, 1), 1.0)
        progress = min(iteration / max(self.iterations, 1), 1.0)
        share = self.final_rate + (1 - self.final_rate) * (1 + math.cos(math.pi * progress)) / 2
        return self.learning_rate * warm_up * share
