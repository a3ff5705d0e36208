"""How many crops may pass the encoder at once, and what to do when memory runs out."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neuface_engine.encoders import Encoder
from neuface_engine.errors import ConfigError, OutOfMemoryError
from neuface_engine.face_model import FaceParameters
from neuface_engine.optimization.config import NeuFaceConfig

TOP_SHARE = 8
"""The top layers hold less than an eighth of the whole network's activations."""
MARGIN = 2.0
"""Over what autograd keeps: gradients on their way back and the kernels' work space (measured on the open encoder)."""
MB = 1_000_000
CODE_BYTES = 60 * MB
"""What torch loads only with the first real step."""


@dataclass
class BatchSize:
    """Crops at once: through the whole network, and through its top layers alone."""

    whole: int
    top: int

    @classmethod
    def of(
        cls, config: NeuFaceConfig, encoder: Encoder, crop: Tensor, device: torch.device, *, reserved: int
    ) -> BatchSize:
        """`max_batch`, or less where `max_memory_mb` demands it.

        crop [1, 3, S, S] float, one of those to come; reserved: bytes that everything but the encoder will take.
        Raises ConfigError where not even one crop at a time stays within the bound.
        """
        limit = cls(config.max_batch, TOP_SHARE * config.max_batch)
        if config.max_memory_mb is None:
            return limit
        whole = MARGIN * graph_bytes(lambda: encoder(crop), encoder)
        top = whole
        if config.trainable == "top":
            with torch.no_grad():
                features = encoder.features(crop)
            top = MARGIN * graph_bytes(lambda: encoder.decode(features), encoder)
            whole = MARGIN * largest_layer_bytes(encoder, crop)
        gradient_and_moments = 3 * sum(p.nbytes for p in encoder.parameters() if p.requires_grad)
        reserved += CODE_BYTES + gradient_and_moments
        in_use = resident_bytes(device)  # after a first pass, which loads code
        room = config.max_memory_mb * MB - in_use - reserved
        needed = in_use + reserved + max(whole, top)
        if room < max(whole, top):
            raise ConfigError(
                f"max_memory_mb is {config.max_memory_mb:g}; this footage takes at least {needed / MB:.0f}: "
                "give that, or fewer frames or views"
            )
        return cls(min(int(room / whole), limit.whole), min(int(room / top), limit.top))

    def halve(self) -> bool:
        """False where there is nothing left to halve."""
        if self.whole == 1 and self.top == 1:
            return False
        self.whole, self.top = max(1, self.whole // 2), max(1, self.top // 2)
        return True


def graph_bytes(work: Callable[[], FaceParameters | Tensor], module: nn.Module) -> int:
    """Bytes that autograd keeps of `work` for its backward pass (which is done), the weights of `module` aside."""
    known = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = work()
    outputs = [result] if isinstance(result, Tensor) else [t for _, t in result.items()]
    sum(t.sum() for t in outputs).backward()  # type: ignore[union-attr]
    module.zero_grad()
    return sum(kept.values())


@torch.no_grad()
def largest_layer_bytes(encoder: Encoder, crop: Tensor) -> int:
    """Bytes of input and output of the layer that has most of them: what a pass without gradient takes."""
    sizes = [0]

    def measure(_: nn.Module, given: tuple[Any, ...], result: Any) -> None:
        tensors = [t for t in (*given, result) if isinstance(t, Tensor)]
        sizes.append(sum(t.nbytes for t in tensors))

    handles = [m.register_forward_hook(measure) for m in encoder.modules() if not list(m.children())]
    try:
        encoder.features(crop)
    finally:
        for handle in handles:
            handle.remove()
    return 2 * max(sizes)  # two branches of a residual block at a time


def resident_bytes(device: torch.device) -> int:
    """Memory in use now: of torch on a graphics card, otherwise of this process (its peak where not Linux)."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


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
