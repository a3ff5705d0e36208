"""NeuFace: Eq. (1) minimised over the encoder's weights by EM (Eq. 7)."""

from __future__ import annotations

import copy

from neuface_engine.optimization.encoder_query import EncoderQuery
from neuface_engine.optimization.run import Run


class NeuFace(Run):
    """The variables are the weights of a copy of the encoder: w <- w - alpha (dL/dTheta . dTheta/dw), Eq. (7)."""

    method = "neuface"
    variables: EncoderQuery

    def _make_variables(self) -> EncoderQuery:
        self.encoder = copy.deepcopy(self.pretrained).to(self.device).eval()
        return EncoderQuery(
            self.encoder, self.sequence, self.config, self.device, reserved=self._mesh_bytes()
        )

    def _move(self) -> None:
        """As in every run; where the variant has chunks, one step of Adam on each, at the weights that the one before
        left."""
        chunks = self.objective.chunks()
        if len(chunks) == 1:
            super()._move()
            return
        first = (len(self.history) - 1) * len(chunks)
        for number, (frames, objective) in enumerate(chunks):
            theta = self.variables.query(frames).map(lambda t: t.detach().requires_grad_())
            prediction = objective.decode(theta)
            targets = objective.expectation(prediction, None)
            self._descend(objective.evaluate(prediction, targets, first + number))
