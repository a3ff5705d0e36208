"""A run: EM on one sequence over any variables. What the variables are, NeuFace and FLAME fitting say."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self

import torch
from torch import Tensor

from neuface_engine import metrics
from neuface_engine.encoders import Encoder
from neuface_engine.errors import AssetError, ConfigError, DivergedError, NoFaceError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.control import Control
from neuface_engine.optimization.convergence import has_converged
from neuface_engine.optimization.history import History, Iteration
from neuface_engine.optimization.memory import is_out_of_memory, out_of_memory
from neuface_engine.optimization.objective import Evaluation, Evidence, Objective
from neuface_engine.optimization.snapshots import Snapshot, Snapshots, optimizer_state, restore_optimizer
from neuface_engine.optimization.targets import Targets
from neuface_engine.optimization.variables import Variables
from neuface_engine.tracks import FaceTrack, provenance

if TYPE_CHECKING:
    from neuface_engine.video import Sequence


class Run(Control, ABC):
    """One optimisation of one sequence. Iterating it makes EM iterations; it may be paused, stepped and stopped.

        run = NeuFace(sequence, encoder, head)
        for iteration in run: ...
        track = run.track()

    `pause`, `resume` and `stop` may be called from any thread, everything else from one thread.
    The encoder given is left as it is, so that several runs can start from it.
    Raises NoFaceError where the sequence shows no face, AssetError where encoder and head do not fit, and
    OutOfMemoryError where the sequence is too long for the machine.
    """

    method: ClassVar[str]

    def __init__(
        self,
        sequence: Sequence,
        encoder: Encoder,
        head: FaceModel,
        *,
        config: NeuFaceConfig | None = None,
        device: str = "auto",
    ) -> None:
        super().__init__()
        if not bool(sequence.detected.any()):
            raise NoFaceError(
                f"{sequence.path}: no face was found in any view; give footage with a visible face"
            )
        if encoder.head_fingerprint not in (None, head.fingerprint):
            raise AssetError(
                f"encoder {encoder.name!r} was trained on another head than {head.name!r}; give the head of its release"
            )
        self.config = self._config(config)
        self.sequence = sequence
        self.device = _device(device)
        torch.manual_seed(self.config.seed)
        self.pretrained = encoder
        self.head = head.to(self.device)
        self.objective = self._make_objective(self._evidence())
        self.history = History()
        self.snapshots = Snapshots()
        self.watch_vertex_gradient = False
        self._multiview = len(sequence.views) > 1
        self._visibility: Tensor | None = None
        self._visibility_index = 0
        start = time.perf_counter()
        self.variables = self._make_variables()
        self._optimizer = torch.optim.Adam(self.variables.tensors().values(), lr=self.config.learning_rate)
        self._pending = self._expectation()
        self.initial = self._record(self._pending, start)

    # --- what a method says of itself ------------------------------------------------------------------------

    @abstractmethod
    def _make_variables(self) -> Variables: ...

    def _make_objective(self, evidence: Evidence) -> Objective:
        return Objective(self.head, evidence, self.config)

    def _config(self, config: NeuFaceConfig | None) -> NeuFaceConfig:
        return config or NeuFaceConfig()

    def _evidence(self) -> Evidence:
        sequence = self.sequence
        valid = sequence.detected.to(self.device, torch.float32)
        dense = sequence.landmarks_dense[..., :2].to(self.device) if self.head.has_dense_landmarks else None
        return Evidence(sequence.landmarks.to(self.device), dense, valid)

    # --- EM --------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Iteration]:
        while True:
            if len(self.history) > self.config.iterations:
                self.stop_reason = "iteration limit"
                return
            if self.converged:
                self.stop_reason = "converged"
                return
            if not self._may_go_on():
                self.stop_reason = "stopped"
                return
            yield self.step()

    @property
    def converged(self) -> bool:
        """Whether the last iterations changed loss and parameters by less than `config.tolerance`."""
        return has_converged(self.history, self.config.tolerance)

    @property
    def warnings(self) -> list[str]:
        """What had to be done otherwise than asked, a line each."""
        return self.variables.warnings

    def step(self) -> Iteration:
        """One EM iteration: the M-step on the pending targets, then the E-step at the new state.

        Raises DivergedError where that leaves the finite numbers; the history then ends with the last good iteration.
        """
        start = time.perf_counter()
        self.maximization()
        self._pending = self._expectation()
        iteration = self._record(self._pending, start)
        if self.snapshots.wants(iteration.index):
            self.snapshots.add(self.snapshot())
        return iteration

    def expectation(self) -> Targets:
        """The latent targets of the newest state."""
        return self._pending.targets

    def maximization(self) -> None:
        """M-step: one step of Adam on the variables against the pending targets, Eq. (6) or (7)."""
        theta = self._pending.prediction.parameters
        names = [name for name, _ in theta.items()]
        gradients = torch.autograd.grad(
            self._pending.total, [t for _, t in theta.items()], allow_unused=True, retain_graph=False
        )
        by_name = {name: g for name, g in zip(names, gradients, strict=True) if g is not None}
        if not all(bool(g.isfinite().all()) for g in by_name.values()):
            self._diverged()
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.rate(len(self.history) - 1)
        self._optimizer.zero_grad()
        self.variables.backward(by_name)
        self._optimizer.step()

    def _expectation(self) -> Evaluation:
        """E-step at the present variables: decode what they say of every crop, set the targets, evaluate the losses."""
        theta = self.variables.query().map(lambda t: t.detach().requires_grad_())
        if not all(bool(tensor.isfinite().all()) for _, tensor in theta.items()):
            self._diverged()
        try:
            evaluation = self._evaluate(theta)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(str(self.sequence.path), f"{theta.batch_shape.numel()} meshes") from None
        if not math.isfinite(evaluation.losses.total):
            self._diverged()
        return evaluation

    def _evaluate(self, theta: FaceParameters) -> Evaluation:
        prediction = self.objective.decode(theta)
        index = len(self.history)
        if self._multiview and index % self.config.visibility_interval == 0:
            self._visibility, self._visibility_index = self.objective.visibility(prediction), index
        targets = self.objective.expectation(prediction, self._visibility)
        return self.objective.evaluate(prediction, targets)

    def _record(self, evaluation: Evaluation, start: float) -> Iteration:
        """Append the newest state to the history."""
        prediction = evaluation.prediction
        gradient = self.objective.vertex_gradient(evaluation).cpu() if self.watch_vertex_gradient else None
        with torch.no_grad():
            evidence, meshes = self.objective.evidence, prediction.vertices
            cvd = metrics.cross_view_distance(meshes, evidence.valid).per_view_mm()
            msi = metrics.motion_stability(prediction.landmarks, evidence.valid)
            nme = metrics.landmark_error(prediction.projected, evidence.landmarks, evidence.valid)
        iteration = Iteration(
            index=len(self.history),
            parameters=prediction.parameters.detach().cpu(),
            losses=evaluation.losses,
            seconds=time.perf_counter() - start,
            cvd_mm_per_view=cvd,
            msi_landmark_per_view=msi,
            nme_percent_per_view=nme,
            vertex_gradient=gradient,
        )
        self.history.append(iteration)
        return iteration

    def _diverged(self) -> NoReturn:
        index = len(self.history)
        self.stop_reason = "diverged"
        raise DivergedError(
            f"iteration {index}: the loss is not finite; lower the learning rate "
            f"({self.config.learning_rate:g}); iteration {index - 1} is kept"
        )

    def vertex_gradient(self, index: int) -> Tensor:
        """|dL/dM| [F, V, N] of a past iteration, computed anew from its parameters (the variables are not needed)."""
        theta = self.history.parameters(index).to(self.device).map(lambda t: t.requires_grad_())
        prediction = self.objective.decode(theta)
        visibility = self.objective.visibility(prediction) if self._multiview else None
        targets = self.objective.expectation(prediction, visibility)
        return self.objective.vertex_gradient(self.objective.evaluate(prediction, targets)).cpu()

    # --- rewinding -------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The newest state, copied: enough to go on from it bit for bit."""
        return Snapshot(
            index=len(self.history) - 1,
            config=self.config,
            visibility_index=self._visibility_index,
            variables={name: t.detach().cpu().clone() for name, t in self.variables.tensors().items()},
            optimizer=optimizer_state(self._optimizer, list(self.variables.tensors())),
        )

    def restore(self, snapshot: Snapshot, iterations: list[Iteration]) -> None:
        """Go on from `snapshot`, whose history (0 to its index) is `iterations`.

        The E-step is done again there, under this run's present config.
        """
        with torch.no_grad():
            for name, tensor in self.variables.tensors().items():
                tensor.copy_(snapshot.variables[name])
        restore_optimizer(self._optimizer, list(self.variables.tensors()), snapshot.optimizer)
        self.history = History(iterations)
        self._visibility_index = snapshot.visibility_index
        if self._multiview:
            theta = self.history.parameters(snapshot.visibility_index).to(self.device)
            with torch.no_grad():
                self._visibility = self.objective.visibility(self.objective.decode(theta))
        self._reconsider()

    def branch(self, iteration: int, *, config: NeuFaceConfig | None = None) -> Self:
        """A new run that goes on from iteration `iteration` of this one, with other weights if `config` says so.

        History holds parameters only, but going on takes the variables and Adam's moments. Copies of those are kept
        every few iterations within a bounded memory (`snapshots`); what lies between the nearest one and `iteration`
        is computed again under the settings that it had. On a CPU, with the same number of threads, that gives the
        same bits, and a branch with the same config repeats the original run; on a GPU it does so up to rounding.
        Raises ConfigError for an iteration that is not in the history, or other trainable layers.
        """
        if not 0 <= iteration < len(self.history):
            raise ConfigError(
                f"iteration {iteration} is not in the history; give 0 to {len(self.history) - 1}"
            )
        config = self.config if config is None else self._config(config)
        if config.trainable != self.config.trainable:
            raise ConfigError(
                f"a branch keeps what is trainable ({self.config.trainable!r}); start a new run for "
                f"{config.trainable!r}"
            )
        nearest = self.snapshots.nearest(iteration)
        first = self.snapshots.first_config or self.config
        run = type(self)(self.sequence, self.pretrained, self.head, config=first, device=str(self.device))
        run.snapshots = self.snapshots.until(iteration)
        run.snapshots.first_config = first
        if nearest is not None:
            run._use(nearest.config)
            run.restore(nearest, [self.history.iteration(i) for i in range(nearest.index + 1)])
        while len(run.history) <= iteration:
            run.step()
        run._use(config)
        if iteration:
            run.snapshots.add(run.snapshot(), pinned=True)
        run._reconsider()
        return run

    def _use(self, config: NeuFaceConfig) -> None:
        self.config = self.objective.config = config

    def _reconsider(self) -> None:
        """Set targets and losses of the newest state anew: the settings may have changed since."""
        kept = self.history.pop()
        self._pending = self._expectation()
        self.history.append(replace(kept, losses=self._pending.losses))

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


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
