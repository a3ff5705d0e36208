"""What an EM iteration costs beside the encoder, and what keeping the frozen part's features saves.

    python benchmarks/iteration_cost.py [--json] [--frames 4] [--views 7] [--repeats 5] [--scaling] [--threads N]

A ResNet-50 in DECA's layout with random weights, 28 crops of 224 px, the open head, all on the CPU in one process.
The arrangements that are compared take turns, and of each part the fastest of the repeats counts: whatever else the
machine does can only add to it.

overhead_ratio            all of an iteration but the encoder's own forward and backward pass, over these two;
                          every weight is trained (the paper's setting)
overhead_ratio_one_view   the same with as many frames of a single view
cache_speedup             an iteration that runs the whole network forward and backward and steps the last stage and
                          the two layers after it, over one that trains the same weights on cached features
cache_speedup_frozen      the same where autograd is told that the rest is frozen and leaves its backward pass out
cache_difference          largest difference of the parameters between cached and uncached after all iterations
cost                      (--scaling) seconds an iteration beside the encoder against frames and views
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

import neuface_engine as nf
from neuface_engine.encoders import DecaEncoder
from neuface_engine.video import Sequence
from neuface_engine.video.store import FrameStore

SIZE = 224


class AnyHead(DecaEncoder):
    """Random weights are of no release of FLAME, so that the open head does."""

    def check_head(self, head: nf.FaceModel) -> None:
        pass


def random_encoder() -> DecaEncoder:
    """DECA's network with random weights that says: a nearly neutral face, filling the crop."""
    torch.manual_seed(0)
    encoder = AnyHead()
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.endswith("bn3.weight"):
                parameter.fill_(0.3)
        encoder.layers[2].weight.mul_(0.1)
        encoder.layers[2].bias.zero_()
        encoder.layers[2].bias[206] = 8.0
    return encoder


def footage(head: nf.FaceModel, frames: int, views: int, size: int = SIZE) -> Sequence:
    """Crops of noise with the landmarks of a face that turns from view to view."""
    random = torch.Generator().manual_seed(1)
    truth = nf.FaceParameters.neutral(frames, views)
    truth.pose[..., 1] = torch.linspace(-0.8, 0.8, views) if views > 1 else 0.0
    truth.pose[..., 0] += 0.05 * torch.randn(frames, views, generator=random)

    def seen(kind: Any) -> torch.Tensor:
        return nf.project_depth(head.landmarks(truth, kind=kind), truth.camera)

    return Sequence(
        name="noise",
        path=Path("noise"),
        views=tuple(f"view{v}" for v in range(views)),
        fps=30.0,
        frames=FrameStore(views),
        frame_indices=np.arange(frames),
        image_sizes=((size, size),) * views,
        landmarks=seen("dynamic")[..., :2].contiguous(),
        landmarks_dense=seen("mediapipe"),
        confidence=torch.ones(frames, views),
        detected=torch.ones(frames, views, dtype=torch.bool),
        crops=torch.randint(0, 256, (frames, views, 3, size, size), generator=random, dtype=torch.uint8),
        crop_transforms=np.tile(np.eye(3)[:2], (frames, views, 1, 1)),
        content_hash="noise",
        detector="none",
    )


class Clock:
    """Seconds by name; what is timed inside of something timed is taken off that."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[float] = []

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        self._open.append(0.0)
        try:
            yield
        finally:
            whole = time.perf_counter() - start
            self.seconds[name] += whole - self._open.pop()
            if self._open:
                self._open[-1] += whole

    def wrap(self, owner: Any, attribute: str, name: str) -> None:
        """Every call of owner.attribute counts as `name`."""
        function: Callable[..., Any] = getattr(owner, attribute)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.time(name):
                return function(*args, **kwargs)

        setattr(owner, attribute, timed)


ENCODER = ("encoder forward", "encoder backward")


class Arrangement:
    """A run whose iterations are taken apart."""

    def __init__(self, sequence: Sequence, encoder: DecaEncoder, head: nf.FaceModel, **settings: Any) -> None:
        config = nf.NeuFaceConfig(iterations=10_000, **settings)
        self.run = nf.NeuFace(sequence, encoder, head, config=config, device="cpu")
        self.clock = Clock()
        self.iterations: list[dict[str, float]] = []
        clock, run = self.clock, self.run
        clock.wrap(run.encoder, "features", ENCODER[0])
        clock.wrap(run.encoder, "decode", ENCODER[0])
        clock.wrap(run.variables, "backward", ENCODER[1])
        clock.wrap(run.objective, "decode", "face model")
        clock.wrap(run.objective, "expectation", "targets")
        clock.wrap(run.objective, "evaluate", "losses")
        clock.wrap(run, "_descend", "gradient of the losses")
        clock.wrap(run, "_record", "history and metrics")
        clock.wrap(run._optimizer, "step", "Adam")

    def step(self) -> None:
        self.clock.seconds.clear()
        with self.clock.time("rest"):
            self.run.step()
        if len(self.run.sequence.views) > 1:
            # Computed every few iterations only: here every time, by itself, and counted with its share.
            start = time.perf_counter()
            self.run.objective.visibility(self.run._pending.prediction)
            share = (time.perf_counter() - start) / self.run.config.visibility_interval
            self.clock.seconds["visibility"] = share
        self.iterations.append(dict(self.clock.seconds))

    def parts(self) -> dict[str, float]:
        """Fastest seconds of each part."""
        return {name: min(i[name] for i in self.iterations) for name in self.iterations[0]}

    def seconds(self) -> float:
        return sum(self.parts().values())

    def beside_encoder(self) -> float:
        return sum(seconds for name, seconds in self.parts().items() if name not in ENCODER)

    def overhead_ratio(self) -> float:
        return self.beside_encoder() / sum(self.parts()[name] for name in ENCODER)


def take_turns(arrangements: list[Arrangement], repeats: int) -> None:
    for arrangement in arrangements:
        arrangement.step()  # the first one warms up
        arrangement.iterations.clear()
    for _ in range(repeats):
        for arrangement in arrangements:
            arrangement.step()


class WholeNetwork(AnyHead):
    """Trains what trainable="top" trains, without being told that the rest is frozen."""

    def trainable_parameters(self, trainable: Any) -> list[torch.nn.Parameter]:
        return super().trainable_parameters("top")


def uncached(sequence: Sequence, encoder: DecaEncoder, head: nf.FaceModel, *, frozen: bool) -> Arrangement:
    twin = WholeNetwork()
    twin.load_state_dict(encoder.state_dict())
    arrangement = Arrangement(sequence, twin, head, trainable="all")
    if not frozen:
        for parameter in DecaEncoder.trainable_parameters(arrangement.run.encoder, "all"):
            parameter.requires_grad_(True)
    return arrangement


def measure(frames: int, views: int, repeats: int) -> dict[str, Any]:
    head = nf.FaceModel.load("open")
    encoder = random_encoder()
    sequence = footage(head, frames, views)
    paper = Arrangement(sequence, encoder, head, trainable="all")
    one_view = Arrangement(footage(head, frames * views, 1), encoder, head, trainable="all")
    take_turns([paper, one_view], repeats)
    cached = Arrangement(sequence, encoder, head, trainable="top")
    whole = uncached(sequence, encoder, head, frozen=False)
    frozen = uncached(sequence, encoder, head, frozen=True)
    take_turns([cached, whole, frozen], repeats)
    difference = max(
        float((a - b).abs().max())
        for other in (whole, frozen)
        for (_, a), (_, b) in zip(
            cached.run.history.parameters(repeats + 1).items(),
            other.run.history.parameters(repeats + 1).items(),
            strict=True,
        )
    )
    return {
        "overhead_ratio": paper.overhead_ratio(),
        "overhead_ratio_one_view": one_view.overhead_ratio(),
        "cache_speedup": whole.seconds() / cached.seconds(),
        "cache_speedup_frozen": frozen.seconds() / cached.seconds(),
        "cache_difference": difference,
        "seconds_per_iteration": {
            "all": paper.seconds(),
            "all, one view": one_view.seconds(),
            "top, cached": cached.seconds(),
            "top, whole network": whole.seconds(),
            "top, whole network, rest frozen": frozen.seconds(),
        },
        "parts": {
            "all": paper.parts(),
            "all, one view": one_view.parts(),
            "top, cached": cached.parts(),
        },
        "crops": frames * views,
        "crop_px": SIZE,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def scaling(repeats: int) -> list[dict[str, float]]:
    """Seconds an iteration of a small encoder's top takes beside the encoder, for growing numbers of crops."""
    head, encoder = nf.FaceModel.load("open"), nf.load_encoder("open")
    sizes = [(f, v) for v in (1, 2, 4, 8) for f in (4, 8, 16)]
    rows = []
    for frames, views in sizes:
        sequence = footage(head, frames, views, encoder.input_size)
        arrangement = Arrangement(sequence, encoder, head, trainable="top")
        take_turns([arrangement], repeats)
        beside = arrangement.beside_encoder()
        rows.append(
            {
                "frames": frames,
                "views": views,
                "seconds": beside,
                "ms_per_crop": 1e3 * beside / (frames * views),
            }
        )
    return rows


def report(result: dict[str, Any]) -> None:
    for name in ("overhead_ratio", "overhead_ratio_one_view", "cache_speedup", "cache_speedup_frozen"):
        print(f"{name:26s} {result[name]:.3f}")
    print(f"{'cache_difference':26s} {result['cache_difference']:.1e}")
    for name, seconds in result["seconds_per_iteration"].items():
        print(f"  {name:34s} {seconds:8.3f} s")
    for name, parts in result["parts"].items():
        print(name)
        for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
            print(f"  {part:34s} {1e3 * seconds:8.1f} ms")
    for row in result.get("cost", ()):
        print(
            f"  {row['frames']:3d} frames x {row['views']} views {1e3 * row['seconds']:8.1f} ms "
            f"{row['ms_per_crop']:6.2f} ms/crop"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--views", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--scaling", action="store_true", help="also the cost against frames and views")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    result = measure(options.frames, options.views, options.repeats)
    if options.scaling:
        result["cost"] = scaling(options.repeats)
    print(json.dumps(result)) if options.json else report(result)


if __name__ == "__main__":
    main()
