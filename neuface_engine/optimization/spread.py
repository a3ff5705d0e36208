"""Dense or sparse: how evenly a map's mass is spread."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spread:
    """Means over maps. gini: 0 where the mass is even, towards 1 where few entries hold it; share: of the entries, from
    the strongest down, that hold 90 % of the mass (0.9 where it is even). NaN where no map has any mass."""

    gini: float
    share: float

    @classmethod
    def of(cls, maps: Tensor, valid: Tensor | None = None) -> Spread:
        """maps [..., N] >= 0; valid [...]: which of them count. Maps without mass are left out."""
        flat = maps.flatten(0, -2)
        if valid is not None:
            flat = flat[valid.flatten().bool()]
        flat = flat[flat.sum(-1) > 0]
        if not len(flat):
            return cls(float("nan"), float("nan"))
        return cls(float(gini(flat).mean()), float(share_holding(flat).mean()))


def gini(maps: Tensor) -> Tensor:
    """Gini coefficient [...] of maps [..., N] >= 0: 0 if all are equal, (N - 1) / N if one holds everything.

    Mean absolute difference of two entries over twice their mean. NaN without mass.
    """
    values = maps.double().sort(-1).values
    count = values.shape[-1]
    rank = torch.arange(1, count + 1, dtype=values.dtype, device=values.device)
    return (values * (2 * rank - count - 1)).sum(-1) / (count * values.sum(-1))


def share_holding(maps: Tensor, mass: float = 0.9) -> Tensor:
    """Smallest share [...] of the entries of maps [..., N] >= 0 that holds `mass` of their sum. NaN without mass."""
    values = maps.double().sort(-1, descending=True).values
    held = values.cumsum(-1) / values.sum(-1, keepdim=True)
    # A sum that falls short by rounding alone has reached it.
    needed = (held < mass - 1e-12).sum(-1) + 1.0
    return torch.where(values.sum(-1) > 0, needed / values.shape[-1], torch.nan)
