"""The optimisation: losses, E-step targets, EM over the encoder's weights or the parameters themselves, history."""

from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.flame_fitting import FlameFitting, FlameFittingConfig
from neuface_engine.optimization.history import History, Iteration
from neuface_engine.optimization.losses import Losses
from neuface_engine.optimization.neuface import NeuFace
from neuface_engine.optimization.run import Run
from neuface_engine.optimization.targets import Targets

__all__ = [
    "FlameFitting",
    "FlameFittingConfig",
    "History",
    "Iteration",
    "Losses",
    "NeuFace",
    "NeuFaceConfig",
    "Run",
    "Targets",
]
