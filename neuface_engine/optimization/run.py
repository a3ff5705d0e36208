"""A run: EM on one sequence over any variables. What the variables are, NeuFace and FLAME fitting say."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import numpy as np
import torch
from torch import Tensor

from neuface_engine import metrics
from neuface_engine.arguments import expect
from neuface_engine.devices import find_device
from neuface_engine.encoders import Encoder
from neuface_engine.errors import ConfigError, DivergedError, NoFaceError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.control import Control
from neuface_engine.optimization.convergence import has_converged
from neuface_engine.optimization.evidence import Evidence
from neuface_engine.optimization.history import History, Iteration
from neuface_engine.optimization.identity import identity_of
from neuface_engine.optimization.memory import MARGIN, graph_bytes, is_out_of_memory, out_of_memory
from neuface_engine.optimization.objective import Evaluation, Objective
from neuface_engine.optimization.settings import Sequences, Settings, in_force
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
        _check_arguments(type(self).__name__, sequence, encoder, head, config)
        if not bool(sequence.detected.any()):
            raise NoFaceError(
                f"{sequence.path}: no face was found in any view; give footage with a visible face"
            )
        head = encoder.fitted_head(head)
        self.pretrained = encoder
        self.config = self._config(config)
        self.settings: Settings = ((0, self.config),)
        self.sequence = sequence
        self.sequences: Sequences = ((0, sequence),)
        self.device = find_device(device)
        torch.manual_seed(self.config.seed)
        self.head = head.to(self.device)
        evidence = self._evidence()
        self.identity = identity_of(encoder, sequence, evidence.valid.cpu(), self.config, self.device)
        self.objective = self._make_objective(evidence)
        self.history = History()
        self.snapshots = Snapshots()
        self.watch_vertex_gradient = False
        self._multiview = len(sequence.views) > 1
        self._visibility: Tensor | None = None
        self._visibility_index = 0
        start = time.perf_counter()
        self._begun: float | None = None
        self.variables = self._make_variables()
        self.variables.warnings += encoder.head_notes(head)
        self._optimizer = torch.optim.Adam(
            self.variables.tensors().values(),
            lr=self.config.rate(0),
            fused=self.device.type in ("cpu", "cuda"),
        )
        self._pending = self._expectation()
        self.initial = self._record(self._pending, start)

    # --- what a method says of itself ------------------------------------------------------------------------

    @abstractmethod
    def _make_variables(self) -> Variables: ...

    def _make_objective(self, evidence: Evidence) -> Objective:
        return Objective(self.head, evidence, self.config, self.identity)

    def _config(self, config: NeuFaceConfig | None) -> NeuFaceConfig:
        return (config or NeuFaceConfig()).for_encoder(self.pretrained)

    def _evidence(self, before: Evidence | None = None) -> Evidence:
        return Evidence.of(self.sequence, self.head, self.config, self.device, before=before)

    def _mesh_bytes(self) -> int:
        """What decoding and comparing the meshes of all crops will take; measured on one frame, if it is asked for."""
        if self.config.max_memory_mb is None:
            return 0
        views = len(self.sequence.views)
        theta = FaceParameters.neutral(
            1, views, n_shape=self.head.n_shape, n_expression=self.head.n_expression
        )
        theta = theta.to(self.device).map(lambda t: t.requires_grad_())
        objective = self._make_objective(self.objective.evidence.frames(slice(0, 1)))

        def one_frame() -> Tensor:
            prediction = objective.decode(theta)
            visibility = objective.visibility(prediction) if self._multiview else None
            return objective.evaluate(prediction, objective.expectation(prediction, visibility)).total

        return round(MARGIN * graph_bytes(one_frame, self.head) * self.sequence.num_frames)

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

        The same as `maximization()` and `expectation()` by hand. Raises DivergedError where that leaves the finite
        numbers; the history then ends with the last good iteration.
        """
        self.maximization()
        return self._complete()

    def expectation(self) -> Targets:
        """E-step: the latent targets of the newest state. After `maximization` it completes the iteration, which then
        stands in the history."""
        self._complete()
        return self._pending.targets

    @property
    def evaluation(self) -> Evaluation:
        """The newest state with its targets and losses, and their graph: what the next M-step descends."""
        return self._pending

    def maximization(self) -> None:
        """M-step: one step of Adam on the variables against the pending targets, Eq. (6) or (7). A second one without
        `expectation` in between has its own E-step before it."""
        self._complete()
        begun = time.perf_counter()
        self._move()
        self._begun = begun

    def _move(self) -> None:
        self._descend(self._pending)

    def _complete(self) -> Iteration:
        """The newest iteration; where an M-step has been taken since, after the E-step at the state it led to."""
        begun, self._begun = self._begun, None
        if begun is None:
            return self.history.iteration(-1)
        self._pending = self._expectation()
        iteration = self._record(self._pending, begun)
        if self.snapshots.wants(iteration.index):
            self.snapshots.add(self.snapshot())
        return iteration

    def _descend(self, evaluation: Evaluation) -> None:
        """One step of Adam on the losses of an evaluation at the variables as they are now."""
        theta = evaluation.prediction.parameters
        names = [name for name, _ in theta.items()]
        gradients = torch.autograd.grad(
            evaluation.total, [t for _, t in theta.items()], allow_unused=True, retain_graph=False
        )
        by_name = {name: g for name, g in zip(names, gradients, strict=True) if g is not None}
        if not all(bool(g.isfinite().all()) for g in by_name.values()):
            self._diverged()
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.rate(len(self.history) - 1)
        self._optimizer.zero_grad()
        self.variables.backward(by_name)
        self._optimizer.step()

    def _expectation(self, *, renew_visibility: bool = True) -> Evaluation:
        """E-step at the present variables: decode what they say of every crop, set the targets, evaluate the losses."""
        theta = self.variables.query().map(lambda t: t.detach().requires_grad_())
        if not all(bool(tensor.isfinite().all()) for _, tensor in theta.items()):
            self._diverged()
        try:
            evaluation = self._evaluate(theta, renew_visibility)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(str(self.sequence.path), f"{theta.batch_shape.numel()} meshes") from None
        if not math.isfinite(evaluation.losses.total):
            self._diverged()
        return evaluation

    def _evaluate(self, theta: FaceParameters, renew_visibility: bool) -> Evaluation:
        prediction = self.objective.decode(theta, meshes=self.watch_vertex_gradient)
        index = len(self.history)
        due = renew_visibility and index % self.config.visibility_interval == 0
        if self._multiview and due:
            self._visibility, self._visibility_index = self.objective.visibility(prediction), index
        targets = self.objective.expectation(prediction, self._visibility)
        return self.objective.evaluate(prediction, targets, index)

    def _record(self, evaluation: Evaluation, start: float) -> Iteration:
        """Append the newest state to the history."""
        prediction = evaluation.prediction
        gradient = self.objective.vertex_gradient(evaluation).cpu() if self.watch_vertex_gradient else None
        with torch.no_grad():
            evidence, cvd = self.objective.evidence, np.full(len(self.sequence.views), np.nan)
            if self._multiview:
                cvd = metrics.cross_view_distance(prediction.vertices, evidence.valid).per_view_mm()
            msi = metrics.motion_stability(prediction.landmarks, evidence.valid)
            nme = metrics.landmark_error(prediction.projected, evidence.landmarks, evidence.valid)
        iteration = Iteration(
            index=len(self.history),
            parameters=self.objective.exported(prediction.parameters, self.sequence.views).detach().cpu(),
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
        if index == 0:
            raise DivergedError(
                "the loss of the pre-trained encoder is not finite; check its weights and the weights of the losses"
            )
        raise DivergedError(
            f"iteration {index}: the loss is not finite; lower the learning rate "
            f"({self.config.learning_rate}); iteration {index - 1} is kept"
        )

    def vertex_gradient(self, index: int) -> Tensor:
        """|dL/dM| [F, V, N] of a past iteration, computed anew from its parameters (the variables are not needed)."""
        theta = self.history.parameters(index).to(self.device).map(lambda t: t.detach().requires_grad_())
        prediction = self.objective.decode(theta, meshes=True)
        visibility = self.objective.visibility(prediction) if self._multiview else None
        targets = self.objective.expectation(prediction, visibility)
        return self.objective.vertex_gradient(self.objective.evaluate(prediction, targets, index)).cpu()

    # --- rewinding -------------------------------------------------------------------------------------------

    def change(self, config: NeuFaceConfig) -> None:
        """Go on under other settings from the newest iteration, whose targets and losses are set anew.

        Raises ConfigError for another variant or other trainable layers. How many crops pass at once stays as it was.
        """
        config = self._config(config)
        for name in ("variant", "trainable"):
            old, new = getattr(self.config, name), getattr(config, name)
            if old != new:
                raise ConfigError(f"{name} cannot change on the way ({old!r} to {new!r}); start a new run")
        newest = self._complete().index
        self.settings = (*(s for s in self.settings if s[0] < newest), (newest, config))
        self._evaluate_anew()

    def repair(self, sequence: Sequence, config: NeuFaceConfig) -> None:
        """Go on from the newest iteration with other landmarks of the same footage (`Repairs.apply`), and settings.

        Raises ConfigError as `change` does; the run is then as before.
        """
        newest = self._complete().index
        before = self.sequence, self.sequences, self.settings, self.config
        self.sequences = (*(s for s in self.sequences if s[0] < newest), (newest, sequence))
        self.sequence = sequence
        try:
            self.change(config)
        except ConfigError:
            self.sequence, self.sequences, self.settings, self.config = before
            self.objective.config = self.config
            raise

    def snapshot(self) -> Snapshot:
        """The newest state, copied: with history and settings enough to go on from it bit for bit."""
        names = list(self.variables.tensors())
        return Snapshot(
            index=self._complete().index,
            visibility_index=self._visibility_index,
            variables={name: t.detach().cpu().clone() for name, t in self.variables.tensors().items()},
            optimizer=optimizer_state(self._optimizer, names),
        )

    def restore(self, snapshot: Snapshot, iterations: list[Iteration], settings: Settings) -> None:
        """Put the run into the state of `snapshot`; its history up to there, and the settings along it."""
        with torch.no_grad():
            for name, tensor in self.variables.tensors().items():
                tensor.copy_(snapshot.variables[name])
        restore_optimizer(self._optimizer, self.variables.tensors(), snapshot.optimizer)
        self.history, self._begun = History(iterations), None
        self.settings = tuple(s for s in settings if s[0] <= snapshot.index)
        self._visibility_index = snapshot.visibility_index
        if self._multiview:
            theta = self.history.parameters(snapshot.visibility_index).to(self.device)
            with torch.no_grad():
                self._visibility = self.objective.visibility(self.objective.decode(theta))
        self._evaluate_anew()

    def branch(self, iteration: int, *, config: NeuFaceConfig | None = None) -> Self:
        """A new run that goes on from iteration `iteration` of this one, with other weights if `config` says so.

        The history holds parameters only; to go on takes the variables and Adam's moments. Copies of those are kept
        every few iterations within a bounded memory (`snapshots`); what lies between the nearest one and `iteration`
        is computed again under the settings of that time. On a CPU, with the same number of threads, that gives the
        same bits, and a branch with the same config repeats the original run; on a GPU it does so up to rounding.
        Raises ConfigError for an iteration that is not in the history, another variant or other trainable layers.
        """
        self._check_index(iteration)
        new = self.config if config is None else self._config(config)
        first = self.settings[0][1]
        begun = self.sequences[0][1]
        run = type(self)(begun, self.pretrained, self.head, config=first, device=str(self.device))
        run.snapshots = self.snapshots.until(iteration)
        nearest = self.snapshots.nearest(iteration)
        if nearest is not None:
            kept = [self.history.iteration(t) for t in range(nearest.index + 1)]
            run.sequences = tuple(s for s in self.sequences if s[0] <= nearest.index)
            run.sequence = run.sequences[-1][1]
            run.restore(nearest, kept, self.settings)
        for t in range(len(run.history) - 1, iteration):
            run._follow(in_force(self.settings, t), in_force(self.sequences, t))
            run.step()
        run._follow(new, in_force(self.sequences, iteration))
        return run

    def rewind(self, iteration: int, *, config: NeuFaceConfig | None = None) -> None:
        """Go back to iteration `iteration` in this run, with other weights if `config` says so; what came after it is
        forgotten (`branch` keeps it). A run that had ended can then go on. Raises ConfigError as `branch` does.
        """
        there = self.branch(iteration, config=config)
        self.snapshots, self.sequence, self.sequences = there.snapshots, there.sequence, there.sequences
        self.restore(there.snapshot(), list(there.history), there.settings)
        self._go_on()

    def _check_index(self, iteration: int) -> int:
        newest = self._complete().index
        expect(iteration, (int, np.integer), "iteration", "its number")
        if not 0 <= iteration <= newest:
            raise ConfigError(f"iteration {iteration} is not in the history; give 0 to {newest}")
        return int(iteration)

    def _follow(self, config: NeuFaceConfig, sequence: Sequence) -> None:
        if sequence is not self.sequence:
            self.repair(sequence, config)
        elif config != self.config:
            self.change(config)

    def _evaluate_anew(self) -> None:
        """Targets and losses of the newest state under the settings in force; the visibility in use stays."""
        self.config = self.objective.config = self.settings[-1][1]
        self.objective.evidence = self._evidence(self.objective.evidence)
        kept = self.history.pop()
        self._pending = self._expectation(renew_visibility=False)
        self.history.append(replace(kept, losses=self._pending.losses))

    # --- result ----------------------------------------------------------------------------------------------

    def track(self, iteration: int | None = None) -> FaceTrack:
        """The meshes of iteration `iteration` (the newest one by default) with their provenance.

        Raises ConfigError for an iteration that is not in the history.
        """
        return track_of(self, self._complete().index if iteration is None else self._check_index(iteration))


def track_of(run: Any, index: int) -> FaceTrack:
    """Iteration `index` of a run, or of one that is kept in a file, with its provenance."""
    origin = provenance(
        method=run.method if index else "encoder",
        iterations=index,
        encoder=run.pretrained,
        head=run.head,
        sequence=run.sequence,
        config=in_force(run.settings, max(index - 1, 0)),
    )
    earlier = [(start, config) for start, config in run.settings if start < index]
    if len(earlier) > 1:
        origin["settings"] = [{"from_iteration": t, "config": asdict(config)} for t, config in earlier]
    return FaceTrack.from_sequence(
        run.sequence, run.history.parameters(index), head=run.head, provenance=origin
    )


def _check_arguments(
    method: str, sequence: object, encoder: object, head: object, config: NeuFaceConfig | None
) -> None:
    from neuface_engine.video import Sequence

    expect(sequence, Sequence, f"{method}: sequence", "what load_sequence returns")
    expect(encoder, Encoder, f"{method}: encoder", "what load_encoder returns")
    expect(head, FaceModel, f"{method}: head", "what FaceModel.load returns")
    expect(
        config, (NeuFaceConfig, type(None)), f"{method}: config", "a NeuFaceConfig (or FlameFittingConfig)"
    )
