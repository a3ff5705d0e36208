"""The least squares behind the model of identity, and its error on people who were held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from neuface_engine.encoders.identity import (
    DIRECTIONS,
    NUM_COMPONENTS,
    NUM_FEATURES,
    NUM_SHAPE,
    NUM_TURNS,
    IdentityModel,
    IdentityNumbers,
    head_angles,
    turned_from,
)
from neuface_engine.face_model import FaceModel
from open_identity.people import People

RIDGE = 1e-3
"""On the loadings, per person: beta is drawn with unit variance."""
SHRINKAGE = 0.1
"""Of the covariance towards a multiple of the identity; what was not seen in training is in it too."""
FEW = {"7 views": range(7), "3 views": (1, 2, 4), "1 view": (1,)}


def fit(people: Sequence[People]) -> IdentityModel:
    """The model that explains these people's maps best, in the sense of least squares."""
    means = torch.cat([torch.from_numpy(p.maps.astype(np.float32).mean(1)) for p in people])  # [N, K, D]
    beta = torch.cat([torch.from_numpy(p.shape) for p in people]).double()
    turned = torch.cat([_turned(p).mean(1) for p in people])  # [N, K, 6]
    numbers = IdentityNumbers(NUM_FEATURES, NUM_COMPONENTS, NUM_SHAPE)
    numbers.offset.copy_(means.mean((0, 1)))
    spread = (means - numbers.offset).flatten(0, 1)
    numbers.basis.copy_(torch.linalg.eigh((spread.T @ spread).double())[1].flip(1)[:, :NUM_COMPONENTS])
    z = numbers.components(means).double()
    penalty = torch.diag(torch.tensor([0.0] * (1 + NUM_TURNS) + [RIDGE * len(beta)] * NUM_SHAPE).double())
    left = []
    for k in range(len(DIRECTIONS)):
        x = torch.cat([torch.ones(len(beta), 1).double(), turned[:, k], beta], 1)
        weights = torch.linalg.solve(x.T @ x + penalty, x.T @ z[:, k])
        numbers.mean[k] = weights[0]
        numbers.turns[k] = weights[1 : 1 + NUM_TURNS]
        numbers.loading[k] = weights[1 + NUM_TURNS :].T
        left.append(z[:, k] - x @ weights)
    rest = torch.cat(left, 1)
    covariance = rest.T @ rest / (len(rest) - len(penalty))
    covariance.diagonal().add_(SHRINKAGE * covariance.diagonal().mean())
    row, column = torch.tril_indices(*covariance.shape)
    numbers.covariance.copy_(covariance[row, column])
    return IdentityModel(numbers)


def _turned(people: People) -> Tensor:
    """x [N, F, K, 6] of every picture against the direction that its camera stands near to."""
    angles = head_angles(torch.from_numpy(people.rotation).double())
    return turned_from(angles, torch.tensor(DIRECTIONS, dtype=torch.float64))


def errors(model: IdentityModel, people: People, head: FaceModel) -> Iterator[tuple[str, float]]:
    """Mean distance of the vertices, neutral and in the head's own frame [mm], of beta said and beta true."""
    basis = torch.from_numpy(head.arrays.shape_basis).float().flatten(0, 1)
    truth = torch.from_numpy(people.shape)

    def millimetres(said: Tensor) -> float:
        apart = ((said - truth) @ basis.T).unflatten(1, (-1, 3))
        return 1000 * float(torch.linalg.vector_norm(apart, dim=-1).mean())

    yield "mean head", millimetres(torch.zeros_like(truth))
    for name, views in FEW.items():
        chosen = list(views)
        said = [
            model.posterior(
                torch.from_numpy(maps[:, chosen].astype(np.float32)).flatten(0, 1),
                torch.from_numpy(rotation[:, chosen]).flatten(0, 1),
            ).mean
            for maps, rotation in zip(people.maps, people.rotation, strict=True)
        ]
        yield name, millimetres(torch.stack(said))
