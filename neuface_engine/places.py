"""Where in a sequence something is: a run of frames in one view, or in all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Place:
    """Frames first..last (both included, positions in the sequence) of a view, or of all views where view is None.

    value: the figure there, for instance the worst one of the run; NaN where there is none.
    """

    first: int
    last: int
    view: int | None = None
    value: float = float("nan")

    @property
    def frames(self) -> str:
        """The frames as a reader counts them, from 1."""
        return f"{self.first + 1}" if self.first == self.last else f"{self.first + 1}-{self.last + 1}"


def runs(where: NDArray[np.bool_], value: NDArray[np.floating] | None = None) -> tuple[Place, ...]:
    """The runs of frames in which `where` is true, those of the largest `value` first, then by frame and view.

    where [F, V], or [F] for all views alike; value of the same shape gives each run its largest one.
    """
    columns = where[:, None] if where.ndim == 1 else where
    places: list[Place] = []
    for view in range(columns.shape[1]):
        edges = np.flatnonzero(np.diff(columns[:, view].astype(np.int8), prepend=0, append=0))
        for first, end in edges.reshape(-1, 2).tolist():
            amount = float("nan")
            if value is not None:
                inside = (value[:, None] if value.ndim == 1 else value)[first:end, view]
                amount = float(np.nanmax(inside)) if np.isfinite(inside).any() else float("nan")
            places.append(Place(first, end - 1, view if where.ndim == 2 else None, amount))

    def order(place: Place) -> tuple[float, int, int]:
        return (
            -place.value if np.isfinite(place.value) else float("inf"),
            place.first,
            -1 if place.view is None else place.view,
        )

    return tuple(sorted(places, key=order))
