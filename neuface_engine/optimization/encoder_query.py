"""The encoder as a function of its weights, on all crops of a sequence, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from neuface_engine.encoders import Encoder
from neuface_engine.face_model import FaceParameters
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.memory import BatchSize, free_memory, is_out_of_memory, out_of_memory
from neuface_engine.optimization.variables import Variables
from neuface_engine.video.face_crops import shots

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

T = TypeVar("T")


class EncoderQuery(Variables):
    """Theta, p = Phi_w(I) for every crop, and dL/dw from dL/dTheta (Eq. 7).

    With trainable="top" the frozen trunk runs once and its features are kept (freeze-and-cache: exact). What fits
    one batch keeps its graph; otherwise batches run again in `backward`, which gives the same gradient. Where the
    memory does not suffice the batch is halved and the work done again; a line in `warnings` says so.
    An encoder with a temporal context gets runs of frames of one view, with those before and after them; at the ends
    of a shot its last frame again.
    reserved: bytes that the rest of the run will take, for `max_memory_mb`.
    Raises OutOfMemoryError where not even one crop fits.
    """

    def __init__(
        self,
        encoder: Encoder,
        sequence: Sequence,
        config: NeuFaceConfig,
        device: torch.device,
        *,
        reserved: int = 0,
    ) -> None:
        self.encoder, self._device = encoder, device
        self._shape = sequence.crops.shape[:2]
        self._frames = slice(0, self._shape[0])
        self._name = str(sequence.path)
        self.warnings = []
        trainable = encoder.trainable_parameters(config.trainable)
        encoder.requires_grad_(False)
        for parameter in trainable:
            parameter.requires_grad_(True)
        self._crops = sequence.crops.flatten(0, 1)
        self._cached = config.trainable == "top"
        self._context = encoder.temporal_context
        self._shots = shots(self._shape[0], sequence.cuts)
        sample = self._crops[:1].expand(1 + 2 * self._context, -1, -1, -1)
        self.batch = BatchSize.of(config, encoder, to_float(sample, device), device, reserved=reserved)
        self._features: tuple[Tensor, ...] = (self._crops,)
        if self._cached:
            self._features = self._until_it_fits(self._trunk)
        self._graphs: list[FaceParameters] = []

    def tensors(self) -> dict[str, Tensor]:
        return {name: p for name, p in self.encoder.named_parameters() if p.requires_grad}

    def query(self, frames: slice | None = None) -> FaceParameters:
        """Theta, p [F, V, ...] of all frames or of some; `backward` then belongs to these."""
        self._frames = frames or slice(0, self._shape[0])
        return self._until_it_fits(self._query)

    def backward(self, gradients: dict[str, Tensor]) -> None:
        self._until_it_fits(lambda: self._backward(gradients))

    @torch.no_grad()
    def _trunk(self) -> tuple[Tensor, ...]:
        parts = [
            self.encoder.features(to_float(crops, self._device))
            for crops in self._crops.split(self.batch.whole)
        ]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def _query(self) -> FaceParameters:
        batches = self._batches()
        keep = sum(map(len, batches)) <= self._batch_size()
        with torch.set_grad_enabled(keep):
            outputs = [self._run(rows) for rows in batches]
        self._graphs = outputs if keep else []
        found, views = FaceParameters.cat(outputs).detach(), self._shape[1]
        if self._context:
            return found.map(lambda t: t.unflatten(0, (views, -1)).transpose(0, 1).contiguous())
        return found.unflatten(-1, views)

    def _backward(self, gradients: dict[str, Tensor]) -> None:
        for parameter in self.tensors().values():
            parameter.grad = None
        ordered = {n: g.transpose(0, 1) if self._context else g for n, g in gradients.items()}
        flat = {name: g.flatten(0, 1) for name, g in ordered.items()}
        start = 0
        for number, rows in enumerate(self._batches()):
            output = self._graphs[number] if self._graphs else self._run(rows)
            end = start + len(output.shape)
            # Where parts of the network are held, what they alone say has no gradient.
            moved = {n: t for n in flat if (t := getattr(output, n)).requires_grad}
            torch.autograd.backward(list(moved.values()), [flat[n][start:end] for n in moved])
            start = end
        self._graphs = []

    def _batch_size(self) -> int:
        return self.batch.top if self._cached else self.batch.whole

    def _batches(self) -> list[range | Tensor]:
        """Rows of the features that pass together."""
        size = self._batch_size()
        if self._context:
            return self._runs(max(1, size - 2 * self._context))
        first, last = (frame * self._shape[1] for frame in (self._frames.start, self._frames.stop))
        return [range(start, min(start + size, last)) for start in range(first, last, size)]

    def _runs(self, size: int) -> list[range | Tensor]:
        """Up to `size` frames of one view and shot, one view after the other, with the frames around them."""
        views = self._shape[1]
        runs: list[range | Tensor] = []
        for view in range(views):
            for first, end in self._shots:
                low, high = max(first, self._frames.start), min(end, self._frames.stop)
                for start in range(low, high, size):
                    around = torch.arange(start - self._context, min(start + size, high) + self._context)
                    runs.append(around.clamp(first, end - 1) * views + view)
        return runs

    def _run(self, rows: range | Tensor) -> FaceParameters:
        chosen = slice(rows.start, rows.stop) if isinstance(rows, range) else rows
        batch = tuple(feature[chosen] for feature in self._features)
        return self.encoder.decode(batch) if self._cached else self.encoder(to_float(batch[0], self._device))

    def _until_it_fits(self, work: Callable[[], T]) -> T:
        """Runs `work`, with half the batch each time that memory runs out."""
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # What the failed work holds is only given back once this block is left.
            self._graphs = []
            if not self.batch.halve():
                raise out_of_memory(self._name, "a single crop") from None
            free_memory(self._device)
            self.warnings.append(f"memory ran out; going on with batches of {self.batch.whole} crops")


@torch.no_grad()
def predict(
    encoder: Encoder, sequence: Sequence, config: NeuFaceConfig, device: torch.device, *, reserved: int = 0
) -> FaceParameters:
    """Theta, p of every crop from an encoder that stays as it is: [F, V, ...]."""
    return EncoderQuery(encoder, sequence, config, device, reserved=reserved).query()


def to_float(crops: Tensor, device: torch.device) -> Tensor:
    """[B, 3, S, S] on the device as float32 in [0, 1], which they may be already; uint8 is divided by 255."""
    crops = crops.to(device)
    return crops.float().div_(255) if crops.dtype == torch.uint8 else crops
