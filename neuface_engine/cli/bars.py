"""Grouped bars as a PNG: a group a view, a bar a method (Fig. S3 of the paper)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import MediaError
from neuface_engine.files import written_whole

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Distinct for colour-blind readers too (Okabe and Ito), RGB.
COLOURS: tuple[Colour, ...] = (
    (153, 153, 153),
    (230, 159, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
)
INK, GRID, PAPER = (34, 38, 44), (222, 225, 230), (255, 255, 255)
SCALE = 2  # pixels of the picture per unit of the layout
LEFT, RIGHT, TOP, BOTTOM, PLOT_HEIGHT = 64, 20, 84, 44, 300
BAR, GAP = 22, 26
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_bars(path: Path, values: Mapping[str, Mapping[str, float | None]], *, title: str, unit: str) -> None:
    """values[series][group] >= 0; None or NaN leaves the bar out. Raises MediaError where the disk refuses."""
    image = bars(values, title=title, unit=unit)
    ok, encoded = cv2.imencode(".png", image[..., ::-1])
    with written_whole(path, MediaError) as stream:
        stream.write(encoded.tobytes() if ok else b"")


def bars(values: Mapping[str, Mapping[str, float | None]], *, title: str, unit: str) -> Image:
    """The picture, RGB [H, W, 3]."""
    series = list(values)
    groups = list(dict.fromkeys(group for entries in values.values() for group in entries))
    known = [v for entries in values.values() for v in entries.values() if v is not None and math.isfinite(v)]
    step, top = _axis(max(known, default=1.0))
    pitch = max(len(series) * BAR + GAP, max((_width(g, 0.42) for g in groups), default=0) + 10)
    legend = sum(_width(name, 0.42) + 34 for name in series)
    width = max(LEFT + RIGHT + pitch * len(groups), LEFT + RIGHT + legend, LEFT + RIGHT + _width(title, 0.55))
    canvas = _Canvas(width, TOP + PLOT_HEIGHT + BOTTOM)
    canvas.text(title, LEFT, 28, size=0.55)
    canvas.text(f"[{unit}]", LEFT - 12 - _width(f"[{unit}]", 0.4), TOP - 14, size=0.4)
    x = LEFT
    for number, name in enumerate(series):
        canvas.box(x, 44, x + 14, 58, COLOURS[number % len(COLOURS)])
        canvas.text(name, x + 20, 56, size=0.42)
        x += _width(name, 0.42) + 34
    floor = TOP + PLOT_HEIGHT
    for tick in range(round(top / step) + 1):
        y = floor - round(PLOT_HEIGHT * tick * step / top)
        label = f"{tick * step:g}"
        canvas.box(LEFT, y, width - RIGHT, y + 1, INK if tick == 0 else GRID)
        canvas.text(label, LEFT - 8 - _width(label, 0.4), y + 4, size=0.4)
    for place, group in enumerate(groups):
        centre = LEFT + pitch * (place + 0.5)
        canvas.text(group, round(centre - _width(group, 0.42) / 2), floor + 22, size=0.42)
        first = centre - len(series) * BAR / 2
        for number, name in enumerate(series):
            value = values[name].get(group)
            if value is not None and math.isfinite(value):
                height = round(PLOT_HEIGHT * value / top)
                left = round(first + number * BAR)
                canvas.box(left + 2, floor - height, left + BAR - 2, floor, COLOURS[number % len(COLOURS)])
                label = f"{value:.2g}" if value < 10 else f"{value:.0f}"
                centre_of_bar = left + BAR / 2
                canvas.text(
                    label, round(centre_of_bar - _width(label, 0.3) / 2), floor - height - 4, size=0.3
                )
    return canvas.image


class _Canvas:
    """Drawing in units of the layout, at `SCALE` pixels each."""

    def __init__(self, width: int, height: int) -> None:
        self.image: Image = np.full((height * SCALE, width * SCALE, 3), PAPER, np.uint8)

    def box(self, left: int, top: int, right: int, bottom: int, colour: Colour) -> None:
        self.image[top * SCALE : bottom * SCALE, left * SCALE : right * SCALE] = colour

    def text(self, text: str, x: int, y: int, *, size: float) -> None:
        """y is the baseline."""
        at = (x * SCALE, y * SCALE)
        cv2.putText(self.image, text, at, _FONT, size * SCALE, INK, max(1, round(2 * size)), cv2.LINE_AA)


def _width(text: str, size: float) -> int:
    (pixels, _), _ = cv2.getTextSize(text, _FONT, size * SCALE, max(1, round(2 * size)))
    return math.ceil(pixels / SCALE)


def _axis(largest: float) -> tuple[float, float]:
    """Distance of the ticks (1, 2 or 5 times a power of ten) and the axis' end, with room for a bar's label."""
    wanted = max(largest, 1e-9) * 1.08
    power = 10 ** math.floor(math.log10(wanted / 5))
    step = next(m * power for m in (1, 2, 5, 10) if wanted / (m * power) <= 6)
    return step, step * math.ceil(wanted / step)
