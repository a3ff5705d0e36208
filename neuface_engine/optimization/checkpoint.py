"""A run's state in a file, to go on from after the process has died."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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
from neuface_engine.optimization.run import Run
from neuface_engine.optimization.snapshots import Snapshot

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

FORMAT, VERSION = "neuface-run", 1
_PER_VIEW = ("cvd_mm_per_view", "msi_landmark_per_view", "nme_percent_per_view")
_ANEW = "give the same again, or begin anew without --resume"


def save_checkpoint(run: Run, path: Path) -> None:
    """Write the newest state, the history and the settings of `run`, all or nothing (safetensors, no pickle).

    Call it between two iterations. Raises CheckpointError where the disk refuses.
    """
    snapshot = run.snapshot()
    iterations = [run.history.iteration(t) for t in run.history.indices]
    tensors = {f"variables/{name}": t for name, t in snapshot.variables.items()}
    tensors |= {f"optimizer/{name}": t for name, t in snapshot.optimizer.items()}
    for name, _ in run.initial.parameters.items():
        tensors[f"parameters/{name}"] = torch.stack([getattr(it.parameters, name) for it in iterations])
    for name in _PER_VIEW:
        tensors[name] = torch.from_numpy(np.stack([getattr(it, name) for it in iterations]))
    names = [field.name for field in fields(run.initial.losses)]
    rows = [[getattr(it.losses, name) for name in names] for it in iterations]
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
        "identity": _identity(run),
    }
    content = safetensors.torch.save(
        {n: t.contiguous() for n, t in tensors.items()}, {"run": json.dumps(header)}
    )
    with written_whole(path, CheckpointError) as stream:
        stream.write(content)


def resume(run: Run, path: Path) -> None:
    """Put `run`, made anew from the same things, into the state that `path` holds.

    With the same number of threads on a CPU it then goes on bit for bit as if it had never stopped.
    Raises CheckpointError for a damaged file, or where footage, models or settings are other ones.
    """
    header, tensors = _read(path)
    expected = _identity(run)
    for what, value in header["identity"].items():
        if expected.get(what) != value:
            raise CheckpointError(f"{path}: saved with another {what}; {_ANEW}")
    _same_settings(path, header["settings"], asdict(run.config))
    try:
        iterations = _iterations(run, header, tensors)
        snapshot = Snapshot(
            index=int(header["iteration"]),
            visibility_index=int(header["visibility_index"]),
            variables=_below("variables/", tensors),
            optimizer=_below("optimizer/", tensors),
        )
        whole = snapshot.index == len(iterations) - 1 and 0 <= snapshot.visibility_index <= snapshot.index
        if not (whole and _fits(snapshot, run)):
            raise ValueError("incomplete")
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


def _iterations(run: Run, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> list[Iteration]:
    losses = type(run.initial.losses)
    parameters = FaceParameters(**_below("parameters/", tensors))
    if parameters.shape.shape[1:] != run.initial.parameters.shape.shape:
        raise ValueError("other shapes")
    return [
        Iteration(
            index=t,
            parameters=parameters[t].clone(),
            losses=losses(**dict(zip(header["losses"], tensors["losses"][t].tolist(), strict=True))),
            seconds=float(tensors["seconds"][t]),
            cvd_mm_per_view=tensors["cvd_mm_per_view"][t].numpy(),
            msi_landmark_per_view=tensors["msi_landmark_per_view"][t].numpy(),
            nme_percent_per_view=tensors["nme_percent_per_view"][t].numpy(),
        )
        for t in range(len(tensors["seconds"]))
    ]


def _identity(run: Run) -> dict[str, str]:
    """What a run must have in common with one that goes on from it."""
    return {
        "method": run.method,
        "footage": _footage(run.sequence),
        "encoder": run.pretrained.fingerprint,
        "head": run.head.fingerprint,
    }


def _footage(sequence: Sequence) -> str:
    """sha256 over what a run sees of its footage."""
    digest = hashlib.sha256(repr((sequence.content_hash, sequence.views, sequence.detector)).encode())
    dense = () if sequence.landmarks_dense is None else (sequence.landmarks_dense,)
    for tensor in (sequence.landmarks, *dense, sequence.detected, sequence.crops):
        digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()


def _same_settings(path: Path, saved: list[Any], config: dict[str, Any]) -> None:
    if len(saved) != 1:
        raise CheckpointError(f"{path}: a branch; go on from the run that it came from")
    config = json.loads(json.dumps(config))  # as the file has it: lists for tuples
    for name, value in saved[0][1].items():
        if config.get(name) != value:
            raise CheckpointError(f"{path}: saved with {name} {value}, here {config.get(name)}; {_ANEW}")


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
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
