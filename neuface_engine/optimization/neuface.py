"""NeuFace: Eq. (1) minimised over the encoder's weights by EM (Eq. 7)."""

from __future__ import annotations

import copy

from neuface_engine.optimization.encoder_query import EncoderQuery
from neuface_engine.optimization.run import Run


class NeuFace(Run):
    """The variables are the weights of a copy of the encoder: w <- w - alpha (dL/dTheta . dTheta/dw), Eq. (7)."""

    method = "neuface"

    def _make_variables(self) -> EncoderQuery:
        self.encoder = copy.deepcopy(self.pretrained).to(self.device).eval()
        return EncoderQuery(self.encoder, self.sequence, self.config, self.device)
