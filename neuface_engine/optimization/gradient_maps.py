"""Maps of what drives a step and of what it moves (Fig. 3, S1b): over the pixels, the landmarks and the mesh.

They are of the newest state of a run, with the targets and losses of the M-step that comes next, and are worked out
only when asked for. Ask between two iterations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neuface_engine.errors import ConfigError
from neuface_engine.optimization.encoder_query import EncoderQuery, to_float
from neuface_engine.optimization.spread import Spread
from neuface_engine.tracks.gradients import TrackGradients, parameters_digest
from neuface_engine.video.face_crops import shots

if TYPE_CHECKING:
    from neuface_engine.encoders import Encoder
    from neuface_engine.face_model.model import Space
    from neuface_engine.optimization.run import Run

Crop = tuple[int, int]
"""Frame and view."""

CROPS_AT_ONCE = 4
"""Through the whole network and back; one where the run has a bound on its memory."""


def theta_gradient(run: Run) -> dict[str, Tensor]:
    """dL/dTheta, dL/dp [F, V, ...] by the names of FaceParameters: what both (6) and (7) begin with.

    The graph of the step is kept, so that the step itself stays as it is.
    """
    evaluation = run.evaluation
    names, tensors = zip(*evaluation.prediction.parameters.items(), strict=True)
    gradients = torch.autograd.grad(evaluation.total, tensors, allow_unused=True, retain_graph=True)
    return {name: g for name, g in zip(names, gradients, strict=True) if g is not None}


def pixel_gradient(run: Run, crops: Iterable[Crop] | None = None) -> Tensor:
    """|dL/dI| [C, S, S] of crops (frame, view), all of them by default; per unit of intensity, norm over the colours.

    dL/dTheta . dPhi_w/dI at the present weights: these crops pass the whole network and back once more, also where
    training keeps the features of its frozen part, a few at a time. With several chunks (`released`) the gradient is
    of the losses of all frames at once.
    Raises ConfigError for FLAME fitting, in whose losses (5) no pixel occurs, and for a crop that is not there.
    """
    query = run.variables
    if not isinstance(query, EncoderQuery):
        raise ConfigError(
            f"{run.method}: no loss depends on the pixels, whose gradient is zero by definition (Eq. 6); "
            "take landmark_gradient, or run neuface"
        )
    chosen = checked_crops(run, crops)
    gradients = theta_gradient(run)
    if query.encoder.temporal_context:
        return torch.stack([_pixel_gradient_in_time(run, query.encoder, gradients, f, v) for f, v in chosen])
    size = 1 if run.config.max_memory_mb is not None else min(CROPS_AT_ONCE, query.batch.whole)
    parts = []
    for start in range(0, len(chosen), size):
        f, v = torch.tensor(chosen[start : start + size]).T
        pixels = to_float(run.sequence.crops[f, v], run.device).requires_grad_()
        theta = query.encoder(pixels)
        outputs = [getattr(theta, name) for name in gradients]
        (gradient,) = torch.autograd.grad(outputs, pixels, [g[f, v] for g in gradients.values()])
        parts.append(torch.linalg.vector_norm(gradient, dim=1).cpu())
    return torch.cat(parts)


def _pixel_gradient_in_time(
    run: Run, encoder: Encoder, gradients: dict[str, Tensor], frame: int, view: int
) -> Tensor:
    """|dL/dI| [S, S] of one crop for an encoder that looks at several frames: through all that look at this one."""
    context, cuts = encoder.temporal_context, run.sequence.cuts
    start, stop = next(s for s in shots(len(run.sequence.crops), cuts) if s[0] <= frame < s[1])
    first, end = max(start, frame - context), min(stop - 1, frame + context)
    around = [min(max(t, start), stop - 1) for t in range(first - context, end + context + 1)]
    pixels = to_float(run.sequence.crops[frame, view, None], run.device).requires_grad_()
    shown = [
        pixels if t == frame else to_float(run.sequence.crops[t, view, None], run.device) for t in around
    ]
    theta = encoder(torch.cat(shown))
    outputs = [getattr(theta, name) for name in gradients]
    wanted = [g[first : end + 1, view] for g in gradients.values()]
    (gradient,) = torch.autograd.grad(outputs, pixels, wanted)
    return torch.linalg.vector_norm(gradient[0], dim=0).cpu()


def landmark_gradient(run: Run) -> Tensor:
    """|dL/dj| [F, V, K] per crop unit, K = 68, or 68 + 478 where the dense landmarks are in the losses.

    All that FLAME fitting sees of the image: the dots of Fig. 3.
    """
    evaluation = run.evaluation
    points = [p for p in (evaluation.prediction.projected, evaluation.prediction.dense) if p is not None]
    gradients = torch.autograd.grad(evaluation.total, points, retain_graph=True)
    return torch.linalg.vector_norm(torch.cat(gradients, dim=2), dim=-1).cpu()


def landmark_map(run: Run, crops: Iterable[Crop] | None = None) -> Tensor:
    """`landmark_gradient` [C, S, S] as a map over the pixels of crops: each detected landmark in the pixel it lies in,
    what lies outside of the crop left out."""
    f, v = torch.tensor(checked_crops(run, crops)).T
    size = run.sequence.crops.shape[-1]
    strength, points = landmark_gradient(run)[f, v], detected_points(run)[f, v]
    column, row = ((points + 1) * (size / 2)).floor().long().unbind(-1)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    index = torch.where(inside, row * size + column, 0)
    flat = strength.new_zeros(len(strength), size * size).scatter_add_(1, index, strength * inside)
    return flat.unflatten(1, (size, size))


def detected_points(run: Run) -> Tensor:
    """j [F, V, K, 2], crop units: the detected landmarks that `landmark_gradient` belongs to."""
    evaluation, evidence = run.evaluation, run.objective.evidence
    points = [evidence.landmarks]
    if evaluation.prediction.dense is not None and evidence.dense is not None:
        points.append(evidence.dense)
    return torch.cat(points, dim=2).cpu()


def vertex_gradient(run: Run) -> Tensor:
    """|dL/dM| [F, V, N] per metre of the newest state, M the canonical mesh.

    dL/dM does not know what the variables are: at one state it is the same for NeuFace and for FLAME fitting but for
    their priors. They differ in what a step makes of it (`mesh_update`).
    """
    evaluation = run.evaluation
    if evaluation.prediction.mesh is None:
        objective, index = run.objective, len(run.history) - 1
        theta = evaluation.prediction.parameters.map(lambda t: t.detach().requires_grad_())
        evaluation = objective.evaluate(objective.decode(theta, meshes=True), evaluation.targets, index)
    return run.objective.vertex_gradient(evaluation).cpu()


@torch.no_grad()
def mesh_update(run: Run, index: int | None = None, *, space: Space = "posed") -> Tensor:
    """|M(t) - M(t-1)| [F, V, N] in metres: what the step to iteration t (the newest by default) moved.

    "posed": with the turn of the head; "canonical": of the face alone.
    Raises ConfigError for an iteration that no step led to.
    """
    newest = len(run.history) - 1
    index = newest if index is None else index
    if not 1 <= index <= newest:
        raise ConfigError(f"no step led to iteration {index}; give one of 1 to {newest}, after a first step")
    before, after = (
        run.head.vertices(run.history.parameters(t).to(run.device), space=space) for t in (index - 1, index)
    )
    return torch.linalg.vector_norm(after - before, dim=-1).cpu()


def spreads(run: Run, crops: int = 8) -> dict[str, Spread]:
    """Dense or sparse, at the newest state of a run: the paper's claim (Fig. 3) as numbers.

    image: what drives the update, over the pixels of `crops` crops, evenly chosen among those with a face: the pixel
    gradient, for FLAME fitting the landmarks in their pixels. Over the vertices, all crops with a face: vertex, the
    vertex gradient; update and face_update, what the last step moved with the turn of the head and without it.
    """
    detected = run.sequence.detected.cpu()
    found = detected.nonzero().tolist()
    step = max(1, -(-len(found) // crops))
    chosen = [(f, v) for f, v in found[step // 2 :: step]]
    by_pixels = isinstance(run.variables, EncoderQuery)
    image = pixel_gradient(run, chosen) if by_pixels else landmark_map(run, chosen)
    result = {
        "image": Spread.of(image.flatten(1)),
        "vertex": Spread.of(vertex_gradient(run), detected),
    }
    if len(run.history) > 1:
        result["update"] = Spread.of(mesh_update(run), detected)
        result["face_update"] = Spread.of(mesh_update(run, space="canonical"), detected)
    return result


def to_be_saved(run: Run) -> TrackGradients:
    """All maps of the newest state, for the file beside `run.track()`; the pixels' in half precision."""
    frames, views = run.sequence.crops.shape[:2]
    pixel: list[Tensor] = []
    peak: list[Tensor] = []
    if isinstance(run.variables, EncoderQuery):
        for f in range(frames):
            maps = pixel_gradient(run, [(f, v) for v in range(views)])
            strongest = maps.amax((1, 2))
            peak.append(strongest)
            pixel.append((maps / strongest.clamp_min(1e-30)[:, None, None]).half())
    newest = len(run.history) - 1
    return TrackGradients(
        iteration=newest,
        parameters_digest=parameters_digest(run.history.parameters(newest)),
        vertex=vertex_gradient(run).float().numpy(),
        landmark=landmark_gradient(run).float().numpy(),
        points=detected_points(run).float().numpy(),
        pixel=torch.stack(pixel).numpy() if pixel else None,
        pixel_peak=torch.stack(peak).float().numpy() if peak else None,
        update=mesh_update(run).float().numpy() if newest else None,
    )


def checked_crops(run: Run, crops: Iterable[Crop] | None) -> list[Crop]:
    """The crops, all of them for None. Raises ConfigError for none at all, or one outside of the sequence."""
    frames, views = run.sequence.crops.shape[:2]
    if crops is None:
        return [(f, v) for f in range(frames) for v in range(views)]
    chosen = list(crops)
    for f, v in chosen:
        if not (0 <= f < frames and 0 <= v < views):
            raise ConfigError(
                f"there is no crop ({f}, {v}); frames are 0 to {frames - 1}, views 0 to {views - 1}"
            )
    if not chosen:
        raise ConfigError("no crop is chosen; give some (frame, view)")
    return chosen
