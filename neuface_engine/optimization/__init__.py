"""The NeuFace optimisation: losses, E-step targets, EM over the encoder's weights, history."""

from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.history import History, Iteration
from neuface_engine.optimization.losses import Losses
from neuface_engine.optimization.neuface import NeuFace
from neuface_engine.optimization.targets import Targets

__all__ = ["History", "Iteration", "Losses", "NeuFace", "NeuFaceConfig", "Targets"]
