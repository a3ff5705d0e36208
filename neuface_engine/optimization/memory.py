"""How many crops may pass the encoder at once, and what to do when memory runs out."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import torch
from torch import Tensor

from neuface_engine.encoders import Encoder
from neuface_engine.errors import OutOfMemoryError
from neuface_engine.optimization.config import NeuFaceConfig

TOP_SHARE = 8
"""The top layers hold less than an eighth of the whole network's activations."""
MB = 1_000_000


@dataclass
class BatchSize:
    """Crops at once: through the whole network, and through its top layers alone."""

    whole: int
    top: int

    @classmethod
    def of(cls, config: NeuFaceConfig, encoder: Encoder, crops: Tensor, device: torch.device) -> BatchSize:
        """`max_batch`, or less where `max_memory_mb` demands it. crops uint8 [B, 3, S, S]."""
        return cls(config.max_batch, TOP_SHARE * config.max_batch)

    def halve(self) -> bool:
        """False where there is nothing left to halve."""
        if self.whole == 1 and self.top == 1:
            return False
        self.whole, self.top = max(1, self.whole // 2), max(1, self.top // 2)
        return True


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or numpy failed for want of memory (torch says so in the text alone on a CPU)."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "defaultcpuallocator" in words)


def out_of_memory(source: str, what: str) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"{source}: memory does not suffice for {what}; take fewer frames (--max-frames) or views (--views)"
    )


def free_memory(device: torch.device) -> None:
    """Gives back what torch keeps for later."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
