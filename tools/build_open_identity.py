"""Build resources/open_identity.safetensors: what the open encoder's maps tell of a person's identity.

    python tools/build_open_identity.py [--people 8000] [--processes 2] [--keep build/identity]

Needs resources/open_head.npz and resources/open_encoder.safetensors, nothing from the network. People are drawn at
random and rendered as they speak before seven cameras, 0.7 s each on one core; a linear Gaussian model of the
network's maps is fitted to them (neuface_engine/encoders/identity.py). Whoever is kept in the folder from another run
is not rendered again. Prints the error on people who were held out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from pathlib import Path

import torch
from open_identity.fitting import errors, fit
from open_identity.people import People, Rig
from safetensors.torch import save

from neuface_engine.encoders.identity import IdentityModel
from neuface_engine.encoders.open import OpenEncoder
from neuface_engine.face_model import FaceModel
from neuface_engine.weights import weights_fingerprint

ROOT = Path(__file__).resolve().parents[1]
FIRST_SEED = 31
HELD_OUT = 300
EMBEDDED = ROOT / "resources" / "open_encoder.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--keep", type=Path, default=ROOT / "build" / "identity", help="folder for the people"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "resources" / "open_identity.safetensors")
    arguments = parser.parse_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    each = arguments.people // arguments.processes
    jobs = [(FIRST_SEED + n, each, arguments.keep) for n in range(arguments.processes)]
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        parts = [People.load(path) for path in pool.starmap(rendered, jobs, chunksize=1)]
    # The last ones of each process are held out.
    out = HELD_OUT // len(parts)
    learnt = [People(p.shape[:-out], p.maps[:-out], p.rotation[:-out]) for p in parts]
    head = FaceModel.load("open")
    model = fit(learnt)
    numbers = {
        name: sum(millimetres) / len(parts)
        for name, millimetres in _by_name([dict(errors(model, _last(p, out), head)) for p in parts]).items()
    }
    write(model, OpenEncoder.load(EMBEDDED), arguments.output, numbers, sum(map(len, learnt)))
    print(
        f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB, {sum(map(len, learnt))} people"
    )
    print("held out, mm:", ", ".join(f"{name} {value:.2f}" for name, value in numbers.items()))


def rendered(seed: int, count: int, folder: Path) -> Path:
    """The file of `count` people of this seed; rendered where it is not there yet."""
    torch.set_num_threads(1)
    path = folder / f"people_{seed}.npz"
    if not path.exists() or len(People.load(path)) < count:
        Rig(OpenEncoder.load(EMBEDDED), FaceModel.load("open"), seed=seed).people(count, path)
    return path


def _last(people: People, count: int) -> People:
    return People(people.shape[-count:], people.maps[-count:], people.rotation[-count:])


def _by_name(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def write(
    model: IdentityModel, encoder: OpenEncoder, output: Path, numbers: dict[str, float], people: int
) -> None:
    """The covariance in float32, the rest in float16."""
    state = {
        f"identity.{name}": (tensor if name == "covariance" else tensor.half()).contiguous()
        for name, tensor in model.numbers.state_dict().items()
    }
    metadata = {
        "version": "1",
        "encoder_fingerprint": weights_fingerprint(encoder),
        "people": str(people),
        "held_out_mm": json.dumps(numbers),
        "licence": "Apache-2.0, this project",
    }
    output.write_bytes(save(state, metadata))


if __name__ == "__main__":
    main()
