"""A run's state in a file, to go on from after the process has died."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from neuface_engine.errors import CheckpointError
from neuface_engine.face_model import FaceParameters
from neuface_engine.files import written_whole
from neuface_engine.optimization.history import Iteration
from neuface_engine.optimization.losses import Losses
from neuface_engine.optimization.repairs import Repairs
from neuface_engine.optimization.run import Run
from neuface_engine.optimization.snapshots import Snapshot

if TYPE_CHECKING:
    from neuface_engine.encoders import Encoder
    from neuface_engine.face_model import FaceModel
    from neuface_engine.video import Sequence

FORMAT, VERSION = "neuface-run", 1
_PER_VIEW = ("cvd_mm_per_view", "msi_landmark_per_view", "nme_percent_per_view")
ROWS = (*_PER_VIEW, "losses", "seconds")
"""Tensors with one row an iteration, beside the parameters."""
_ANEW = "give the same again, or begin anew without --resume"


def save_checkpoint(
    run: Run, path: Path, *, name: str = "", repairs: Iterable[tuple[int, Repairs]] = ()
) -> None:
    """Write the newest state, the history and the settings of `run`, all or nothing (safetensors, no pickle).

    name: of the run among several on its footage; repairs: pairs (iteration, repairs), what `run.sequences` were
    repaired with, from the footage as it is opened. Call it between two iterations. Raises CheckpointError where the
    disk refuses.
    """
    snapshot = run.snapshot()
    iterations = [run.history.iteration(t) for t in run.history.indices]
    tensors = {f"variables/{key}": t for key, t in snapshot.variables.items()}
    tensors |= {f"optimizer/{key}": t for key, t in snapshot.optimizer.items()}
    for group, _ in run.initial.parameters.items():
        tensors[f"parameters/{group}"] = torch.stack([getattr(it.parameters, group) for it in iterations])
    for measure in _PER_VIEW:
        tensors[measure] = torch.from_numpy(np.stack([getattr(it, measure) for it in iterations]))
    names = [field.name for field in fields(run.initial.losses)]
    rows = [[getattr(it.losses, term) for term in names] for it in iterations]
    tensors["losses"] = torch.tensor(rows, dtype=torch.float64)
    tensors["seconds"] = torch.tensor([it.seconds for it in iterations], dtype=torch.float64)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "iteration": snapshot.index,
        "visibility_index": snapshot.visibility_index,
        "threads": torch.get_num_threads(),
        "losses": names,
        "settings": [[start, asdict(config)] for start, config in run.settings],
        "identity": _identity(run.method, run.sequence, run.pretrained, run.head),
        "name": name,
        "repairs": [[start, asdict(made)] for start, made in repairs],
        "first": 0,
    }
    content = packed(header, tensors)
    with written_whole(path, CheckpointError) as stream:
        stream.write(content)


def packed(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    """The content of a file."""
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(whole, {"run": json.dumps(header)})


def resume(run: Run, path: Path) -> None:
    """Put `run`, made anew from the same things, into the state that `path` holds.

    With the same number of threads on a CPU it then goes on bit for bit as if it had never stopped.
    Raises CheckpointError for a damaged file, or where footage, models or settings are other ones.
    """
    header, tensors = read_checkpoint(path)
    check_identity(path, header, run.method, run.sequence, run.pretrained, run.head)
    _same_settings(path, header["settings"], asdict(run.config))
    try:
        iterations = iterations_of(header, tensors, type(run.initial.losses))
        snapshot = snapshot_of(header, tensors, run)
        if iterations[0].parameters.shape.shape != run.initial.parameters.shape.shape:
            raise ValueError("other shapes")
        run.restore(snapshot, iterations, run.settings)
    except (KeyError, ValueError, TypeError, RuntimeError, IndexError) as error:
        raise CheckpointError(
            f"{path}: damaged ({type(error).__name__}); begin anew without --resume"
        ) from None
    if header["threads"] != torch.get_num_threads():
        run.warnings.append(
            f"the run began with {header['threads']} threads and goes on with {torch.get_num_threads()}: "
            "equal up to rounding only"
        )


def _fits(snapshot: Snapshot, run: Run) -> bool:
    """Whether every variable is there, and all or nothing of its moments."""
    shapes = {name: t.shape for name, t in run.variables.tensors().items()}
    moments: dict[str, set[str]] = {}
    for path, tensor in snapshot.optimizer.items():
        name, key = path.rsplit("/", 1)
        moments.setdefault(name, set()).add(key)
        if tensor.shape != (() if key == "step" else shapes.get(name)):
            return False
    complete = all(keys == {"step", "exp_avg", "exp_avg_sq"} for keys in moments.values())
    return complete and {name: t.shape for name, t in snapshot.variables.items()} == shapes


def snapshot_of(header: Mapping[str, Any], tensors: Mapping[str, Tensor], run: Run) -> Snapshot:
    """The saved state. Raises ValueError or KeyError where it is not that of `run`."""
    snapshot = Snapshot(
        index=int(header["iteration"]),
        visibility_index=int(header["visibility_index"]),
        variables=_below("variables/", tensors),
        optimizer=_below("optimizer/", tensors),
    )
    whole = snapshot.index == len(tensors["seconds"]) - 1 and 0 <= snapshot.visibility_index <= snapshot.index
    if not (whole and _fits(snapshot, run)):
        raise ValueError("incomplete")
    return snapshot


def iterations_of(
    header: Mapping[str, Any], tensors: Mapping[str, Tensor], losses: type[Losses]
) -> list[Iteration]:
    """The saved history; its first iteration is `header["first"]`."""
    parameters = FaceParameters(**_below("parameters/", tensors))
    first = int(header.get("first", 0))
    return [
        Iteration(
            index=first + row,
            parameters=parameters[row].clone(),
            losses=losses(**dict(zip(header["losses"], tensors["losses"][row].tolist(), strict=True))),
            seconds=float(tensors["seconds"][row]),
            cvd_mm_per_view=tensors["cvd_mm_per_view"][row].numpy(),
            msi_landmark_per_view=tensors["msi_landmark_per_view"][row].numpy(),
            nme_percent_per_view=tensors["nme_percent_per_view"][row].numpy(),
        )
        for row in range(len(tensors["seconds"]))
    ]


def check_identity(
    path: Path, header: Mapping[str, Any], method: str, sequence: Sequence, encoder: Encoder, head: FaceModel
) -> None:
    """Raises CheckpointError, saying what, where the saved run is about other things."""
    expected = _identity(method, sequence, encoder, head)
    for what, value in header["identity"].items():
        if expected.get(what) != value:
            raise CheckpointError(f"{path}: saved with another {what}; {_ANEW}")


def _identity(method: str, sequence: Sequence, encoder: Encoder, head: FaceModel) -> dict[str, str]:
    """What a run must have in common with one that goes on from it."""
    return {
        "method": method,
        "footage": _footage(sequence),
        "encoder": encoder.fingerprint,
        "head": head.fingerprint,
    }


def _footage(sequence: Sequence) -> str:
    """sha256 over what a run sees of its footage."""
    digest = hashlib.sha256(repr((sequence.content_hash, sequence.views, sequence.detector)).encode())
    dense = () if sequence.landmarks_dense is None else (sequence.landmarks_dense,)
    for tensor in (sequence.landmarks, *dense, sequence.detected, sequence.crops):
        digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()


def settings_of(entry: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """All `known` terms of an entry of a file's settings: one that an older file does not know was off."""
    off = {name: 0.0 for name in known if name.endswith("_weight")} | {"identity_prior": False}
    return off | dict(entry)


def _same_settings(path: Path, saved: list[Any], config: dict[str, Any]) -> None:
    if len(saved) != 1:
        raise CheckpointError(f"{path}: a branch; go on from the run that it came from")
    config = json.loads(json.dumps(config))  # as the file has it: lists for tuples
    for name, value in settings_of(saved[0][1], config).items():
        if config.get(name) != value:
            raise CheckpointError(f"{path}: saved with {name} {value}, here {config.get(name)}; {_ANEW}")


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a file. Raises CheckpointError."""
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {})["run"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such saved run; begin anew without --resume") from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: not a saved run ({type(error).__name__}); remove it, or begin anew without --resume"
        ) from None
    known = {
        "format",
        "version",
        "iteration",
        "visibility_index",
        "threads",
        "losses",
        "settings",
        "identity",
    }
    if not isinstance(header, dict) or header.get("format") != FORMAT or not known <= header.keys():
        raise CheckpointError(f"{path}: not a saved run; remove it, or begin anew without --resume")
    if header["version"] > VERSION:
        raise CheckpointError(f"{path}: saved by a newer version; update this software")
    return header, tensors
