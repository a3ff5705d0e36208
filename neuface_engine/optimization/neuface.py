"""NeuFace: Eq. (1) minimised over the encoder's weights by EM (Eq. 7)."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from threading import Event
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor

from neuface_engine import metrics
from neuface_engine.encoders import Encoder
from neuface_engine.errors import AssetError, DivergedError, NoFaceError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.history import History, Iteration
from neuface_engine.optimization.objective import Evaluation, Evidence, Objective
from neuface_engine.optimization.targets import Targets
from neuface_engine.tracks import FaceTrack, provenance

if TYPE_CHECKING:
    from neuface_engine.video import Sequence


class NeuFace:
    """One run on one sequence. Iterating it makes EM iterations; it may be paused, stepped and stopped meanwhile.

        run = NeuFace(sequence, encoder, head)
        for iteration in run: ...
        track = run.track()

    `pause`, `resume` and `stop` may be called from any thread, everything else from one thread.
    The encoder given is copied, so that several runs can start from it.
    Raises NoFaceError where the sequence shows no face and AssetError where encoder and head do not fit.
    """

    method = "neuface"

    def __init__(
        self,
        sequence: Sequence,
        encoder: Encoder,
        head: FaceModel,
        *,
        config: NeuFaceConfig | None = None,
        device: str = "auto",
    ) -> None:
        if not bool(sequence.detected.any()):
            raise NoFaceError(
                f"{sequence.path}: no face was found in any view; give footage with a visible face"
            )
        if encoder.head_fingerprint not in (None, head.fingerprint):
            raise AssetError(
                f"encoder {encoder.name!r} was trained on another head than {head.name!r}; give the head of its release"
            )
        self.config = config or NeuFaceConfig()
        self.sequence = sequence
        self.device = _device(device)
        torch.manual_seed(self.config.seed)
        self.pretrained = encoder
        self.encoder = copy.deepcopy(encoder).to(self.device).eval()
        self.head = head.to(self.device)
        valid = sequence.detected.to(self.device, torch.float32)
        dense = sequence.landmarks_dense[..., :2].to(self.device) if head.has_dense_landmarks else None
        evidence = Evidence(sequence.landmarks.to(self.device), dense, valid)
        self.objective = Objective(self.head, evidence, self.config)
        self.history = History()
        self.watch_vertex_gradient = False
        self._multiview = len(sequence.views) > 1
        self._inputs = _Inputs(self.encoder, sequence, self.config, self.device)
        self._optimizer = torch.optim.Adam(self._inputs.trainable, lr=self.config.learning_rate)
        self._visibility: Tensor | None = None
        self._running, self._stopped = Event(), Event()
        self._running.set()
        self.stop_reason: str | None = None
        self._pending, self.initial = self._expectation(time.perf_counter())

    # --- control ---------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """The iteration in progress is finished, then iterating waits."""
        self._running.clear()

    def resume(self) -> None:
        self._running.set()

    def stop(self) -> None:
        """Iterating ends after the iteration in progress."""
        self._stopped.set()
        self._running.set()

    @property
    def paused(self) -> bool:
        return not self._running.is_set()

    def __iter__(self) -> Iterator[Iteration]:
        while len(self.history) <= self.config.iterations:
            self._running.wait()
            if self._stopped.is_set():
                self.stop_reason = "stopped"
                return
            yield self.step()
        self.stop_reason = "iteration limit"

    # --- EM --------------------------------------------------------------------------------------------------

    def step(self) -> Iteration:
        """One EM iteration: the M-step on the pending targets, then the E-step at the new weights."""
        start = time.perf_counter()
        self.maximization()
        self._pending, iteration = self._expectation(start)
        return iteration

    def expectation(self) -> Targets:
        """The latent targets of the newest state."""
        return self._pending.targets

    def maximization(self) -> None:
        """M-step: w <- w - alpha (dL/dTheta . dTheta/dw), Eq. (7), through Adam."""
        theta = self._pending.prediction.parameters
        names = [name for name, _ in theta.items()]
        gradients = torch.autograd.grad(
            self._pending.total, [t for _, t in theta.items()], allow_unused=True, retain_graph=False
        )
        by_name = {name: g for name, g in zip(names, gradients, strict=True) if g is not None}
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.rate(len(self.history) - 1)
        self._optimizer.zero_grad()
        self._inputs.backward(by_name)
        self._optimizer.step()

    def _expectation(self, start: float) -> tuple[Evaluation, Iteration]:
        """Query the encoder on every crop, decode, set the targets and evaluate the losses there."""
        theta = self._inputs.encode().map(lambda t: t.detach().requires_grad_())
        index = len(self.history)
        if not all(bool(tensor.isfinite().all()) for _, tensor in theta.items()):
            self._diverged(index)
        prediction = self.objective.decode(theta)
        if self._multiview and index % self.config.visibility_interval == 0:
            self._visibility = self.objective.visibility(prediction)
        targets = self.objective.expectation(prediction, self._visibility)
        evaluation = self.objective.evaluate(prediction, targets)
        if not math.isfinite(evaluation.losses.total):
            self._diverged(index)
        gradient = self.objective.vertex_gradient(evaluation).cpu() if self.watch_vertex_gradient else None
        with torch.no_grad():
            valid, meshes = self.objective.evidence.valid, prediction.vertices
            cvd = metrics.cross_view_distance(meshes, valid).per_view_mm()
            msi = metrics.motion_stability(prediction.landmarks, valid)
            nme = metrics.landmark_error(prediction.projected, self.objective.evidence.landmarks, valid)
        iteration = Iteration(
            index=index,
            parameters=theta.detach().cpu(),
            losses=evaluation.losses,
            seconds=time.perf_counter() - start,
            cvd_mm_per_view=cvd,
            msi_landmark_per_view=msi,
            nme_percent_per_view=nme,
            vertex_gradient=gradient,
        )
        self.history.append(iteration)
        return evaluation, iteration

    def _diverged(self, index: int) -> NoReturn:
        self.stop_reason = "diverged"
        raise DivergedError(
            f"iteration {index}: the loss is not finite; lower the learning rate "
            f"({self.config.learning_rate:g}); iteration {index - 1} is kept"
        )

    def vertex_gradient(self, index: int) -> Tensor:
        """|dL/dM| [F, V, N] of a past iteration, computed anew from its parameters (the encoder is not needed)."""
        theta = self.history.parameters(index).to(self.device).map(lambda t: t.requires_grad_())
        prediction = self.objective.decode(theta)
        visibility = self.objective.visibility(prediction) if self._multiview else None
        targets = self.objective.expectation(prediction, visibility)
        return self.objective.vertex_gradient(self.objective.evaluate(prediction, targets)).cpu()

    # --- result ----------------------------------------------------------------------------------------------

    def track(self, iteration: int | None = None) -> FaceTrack:
        """The meshes of iteration `iteration` (the newest one by default) with their provenance."""
        index = len(self.history) - 1 if iteration is None else iteration
        return FaceTrack.from_sequence(
            self.sequence,
            self.history.parameters(index),
            head=self.head,
            provenance=provenance(
                method=self.method if index else "encoder",
                iterations=index,
                encoder=self.pretrained,
                head=self.head,
                sequence=self.sequence,
                config=self.config,
            ),
        )


TOP_SHARE = 8
"""The top layers hold less than an eighth of the whole network's activations."""


class _Inputs:
    """The encoder on all crops of a sequence, with bounded memory.

    With trainable="top" the frozen trunk runs once and its features are kept (freeze-and-cache: exact). What fits
    one batch keeps its graph; otherwise batches run again in `backward`, which gives the same gradient.
    """

    def __init__(
        self, encoder: Encoder, sequence: Sequence, config: NeuFaceConfig, device: torch.device
    ) -> None:
        self.encoder, self._batch_shape = encoder, sequence.crops.shape[:2]
        self.trainable = encoder.trainable_parameters(config.trainable)
        for parameter in encoder.parameters():
            parameter.requires_grad_(False)
        for parameter in self.trainable:
            parameter.requires_grad_(True)
        crops = sequence.crops.flatten(0, 1)
        self._cached = config.trainable == "top"
        if self._cached:
            with torch.no_grad():
                parts = [encoder.features(_to_float(c, device)) for c in crops.split(config.max_batch)]
            features = [torch.cat(column) for column in zip(*parts, strict=True)]
            self._batches = list(zip(*(f.split(TOP_SHARE * config.max_batch) for f in features), strict=True))
        else:
            self._batches = [(c,) for c in crops.split(config.max_batch)]
        self._device = device
        self._graphs: list[FaceParameters] = []

    def _run(self, batch: tuple[Tensor, ...]) -> FaceParameters:
        return self.encoder.decode(batch) if self._cached else self.encoder(_to_float(batch[0], self._device))

    def encode(self) -> FaceParameters:
        """Theta, p = Phi_w(I) for every crop: [F, V, ...]."""
        keep = len(self._batches) == 1
        with torch.set_grad_enabled(keep):
            outputs = [self._run(batch) for batch in self._batches]
        self._graphs = outputs if keep else []
        return FaceParameters.cat(outputs).unflatten(*self._batch_shape)

    def backward(self, gradients: dict[str, Tensor]) -> None:
        """Accumulate dL/dw from dL/dTheta [F, V, ...] by name."""
        flat = {name: g.flatten(0, 1) for name, g in gradients.items()}
        start = 0
        for number, batch in enumerate(self._batches):
            output = self._graphs[number] if self._graphs else self._run(batch)
            size = len(output.shape)
            tensors = [getattr(output, name) for name in flat]
            torch.autograd.backward(tensors, [g[start : start + size] for g in flat.values()])
            start += size
        self._graphs = []


def _to_float(crops: Tensor, device: torch.device) -> Tensor:
    """uint8 [B, 3, S, S] -> float in [0, 1] on the device."""
    return crops.to(device).float().div_(255)


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
