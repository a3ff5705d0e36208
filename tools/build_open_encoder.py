"""Build resources/open_encoder.safetensors: MediaPipe's face mesh (Apache-2.0) and a head trained on the open head.

    python tools/build_open_encoder.py [--steps 1500] [--renders 1500] [--render-steps 1500] [--threads 1]

Needs resources/open_head.npz and resources/open_detector.safetensors, nothing from the network. Two stages:
1. faces drawn at random from the open head; the parameter head reads them from disturbed landmarks;
2. the same faces rendered, and the landmarks that the (frozen) backbone reports for the picture, mixed with the first
   kind, so that the backbone's own bias is taken up.
The backbone stays as MediaPipe trained it on real faces. Prints the error on held-out rendered heads.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from open_encoder.faces import FaceSampler
from open_encoder.renders import RenderedHeads
from open_encoder.sight import LandmarkSight
from open_encoder.training import Examples, Geometry, first_guess, loss, measure
from safetensors.torch import save
from synthetic_heads import SyntheticRenderer

from neuface_engine import resources
from neuface_engine.encoders.open import OpenEncoder
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.face_model.assets import read_open_head
from neuface_engine.landmarks.blazeface import BlazeFace
from neuface_engine.weights import load_weights

ROOT = Path(__file__).resolve().parents[1]
BATCH = 256
JITTER = 0.35
GUESS_EXAMPLES = 8192
HELD_OUT = 2048
RENDERED_HELD_OUT = 300
SEEDS = {"training": 1, "held out": 2, "renders": 3, "held-out renders": 4}


class Draw:
    """Examples of the first kind."""

    def __init__(self, geometry: Geometry, *, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.geometry = geometry
        self.faces = FaceSampler(geometry.head, generator)
        self.sight = LandmarkSight(geometry.landmarks(FaceParameters.neutral(1))[0][0], generator)

    @torch.no_grad()
    def __call__(self, count: int) -> Examples:
        truth = self.faces(count)
        canonical, posed = self.geometry.landmarks(truth)
        seen = self.sight.project(posed)
        truth = truth.replace(camera=torch.cat([torch.ones(count, 1), -posed.mean(1)[:, :2]], 1))
        return Examples(self.sight.disturb(seen), seen[..., :2], torch.ones(count), canonical, truth)


def train(
    encoder: OpenEncoder,
    geometry: Geometry,
    draw: Callable[[int], Examples],
    *,
    steps: int,
    rate: float,
    report: Callable[[], str],
) -> None:
    """Adam with one cycle of the learning rate; only the parameter head learns."""
    optimizer = torch.optim.AdamW(encoder.head.parameters(), rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.15)
    start = time.monotonic()
    for step in range(1, steps + 1):
        examples = draw(BATCH)
        value = loss(geometry, encoder.head(examples.seen), examples)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(encoder.head.parameters(), 20.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == steps:
            print(
                f"  step {step}: loss {value.item():.3f}, {report()}, {time.monotonic() - start:.0f} s",
                flush=True,
            )


def describe(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())


def load_head(path: Path | None) -> FaceModel:
    return FaceModel(read_open_head(path)) if path else FaceModel.load("open")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1500, help="steps of the first stage")
    parser.add_argument(
        "--renders", type=int, default=1500, help="rendered heads of the second stage (0 = none)"
    )
    parser.add_argument("--render-steps", type=int, default=1500, help="steps of the second stage")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--head", type=Path, help="another open head file (for development)")
    parser.add_argument("--output", type=Path, default=ROOT / "resources" / "open_encoder.safetensors")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    start = time.monotonic()

    head = load_head(arguments.head)
    face_vertices = torch.nonzero(head.regions["face"])[:, 0]
    geometry = Geometry(head, face_vertices)
    encoder = OpenEncoder(head_fingerprint=head.fingerprint)
    detector_file = resources.path("open_detector.safetensors")
    load_weights(
        detector_file,
        {"face_mesh": encoder.backbone, "blazeface": BlazeFace()},
        rebuild="tools/build_open_detector.py",
    )

    draw = Draw(geometry, seed=SEEDS["training"])
    held_out = Draw(geometry, seed=SEEDS["held out"])(HELD_OUT)

    def report() -> str:
        with torch.no_grad():
            return describe(measure(geometry, encoder.head(held_out.seen), held_out))

    first_guess(encoder.head, geometry, draw(GUESS_EXAMPLES))
    print(f"least squares: {report()}", flush=True)
    train(encoder, geometry, draw, steps=arguments.steps, rate=1e-3, report=report)
    numbers = {"sampled": measure(geometry, encoder.head(held_out.seen).detach(), held_out)}
    if arguments.renders:
        numbers["rendered"] = learn_from_renders(encoder, geometry, draw, arguments)

    write(encoder, head, arguments.output, numbers)
    print(
        f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s"
    )
    for kind, values in numbers.items():
        print(f"held out, {kind}: {describe(values)}")


def learn_from_renders(
    encoder: OpenEncoder, geometry: Geometry, draw: Draw, arguments: argparse.Namespace
) -> dict[str, float]:
    """The second stage; returns the error on renders of people and rooms that were held out."""
    renderer = SyntheticRenderer(arguments.head or resources.path("open_head.npz"))
    start = time.monotonic()
    rendered = RenderedHeads(encoder, geometry, renderer, seed=SEEDS["renders"]).examples(arguments.renders)
    held_out = RenderedHeads(encoder, geometry, renderer, seed=SEEDS["held-out renders"]).examples(
        RENDERED_HELD_OUT
    )
    print(
        f"rendered {len(rendered.seen)} + {len(held_out.seen)} heads in {time.monotonic() - start:.0f} s",
        flush=True,
    )

    def numbers() -> dict[str, float]:
        with torch.no_grad():
            return measure(geometry, encoder.head(held_out.seen), held_out)

    def mixed(count: int) -> Examples:
        half = draw(count // 2)
        chosen = rendered[
            torch.randint(len(rendered.seen), (count - count // 2,), generator=draw.sight.generator)
        ]
        return Examples.cat([half, _jittered(chosen, draw.sight)])

    print(f"before: {describe(numbers())}", flush=True)
    train(
        encoder, geometry, mixed, steps=arguments.render_steps, rate=5e-4, report=lambda: describe(numbers())
    )
    return numbers()


def _jittered(examples: Examples, sight: LandmarkSight) -> Examples:
    """A little of the first stage's error on top of the backbone's own, so that no picture is learned by heart."""
    metre = examples.metre[:, None, None]
    return replace(examples, seen=sight.disturb(examples.seen / metre, strength=JITTER) * metre)


def write(encoder: OpenEncoder, head: FaceModel, output: Path, numbers: dict[str, dict[str, float]]) -> None:
    """Backbone in float16, as its source; head in float32."""
    state = {
        name: tensor.half() if name.startswith("backbone.") else tensor
        for name, tensor in encoder.state_dict().items()
    }
    metadata = {
        "name": encoder.name,
        "version": "1",
        "head_fingerprint": head.fingerprint,
        "held_out": json.dumps(numbers),
        "licence": "backbone: Apache-2.0, Copyright Google LLC (MediaPipe); head: Apache-2.0, this project",
    }
    output.write_bytes(save({name: t.contiguous().clone() for name, t in state.items()}, metadata))


if __name__ == "__main__":
    main()
