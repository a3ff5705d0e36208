"""What a tile can draw over the frame: layers, and heat maps with their units and colour maps. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Heat:
    """A heat map: ``unit`` follows the number at the upper end of the colour bar, ``what`` is the quantity.

    ``per_unit`` turns a stored value into the number on the bar. With a ``power`` below 1 the bar is not even: the
    place on it is (value / upper end) ** power, so that what is weak is seen beside what is strong.
    """

    id: str
    title: str
    what: str
    unit: str
    colormap: str
    per_unit: float = 1.0
    power: float = 1.0

    def words(self, value: float) -> str:
        """A value as the window writes it."""
        return f"{self.what} {number_text(value * self.per_unit)} {self.unit}"


# inferno, viridis and magma rise in brightness all along: they are read alike by all eyes, and in grey.
HEATS: dict[str, Heat] = {
    heat.id: heat
    for heat in (
        Heat("pixel", "Pixel gradient", "|∂L/∂I|", "per unit of intensity", "inferno", power=0.5),
        Heat("vertex", "Vertex gradient", "|∂L/∂M|", "per mm", "inferno", 1e-3, power=0.5),
        Heat("update", "Mesh update", "|M(t) − M(t−1)|", "mm", "viridis", 1e3),
        Heat("cross", "Cross-view distance", "farthest other view", "mm", "magma", 1e3),
    )
}
DOTS = Heat("dots", "Landmark gradient", "|∂L/∂j|", "per crop unit", "inferno", power=0.5)
"""What the pixel gradient is where the losses see landmarks only (FLAME fitting)."""
MARKS = ("detected", "projected", "residual")
LAYERS = ("mesh", "wireframe", "detected", "projected", "residual", "ghost", *HEATS)
"""Every layer that can be switched, made transparent and shown alone."""

OPACITIES = {
    "mesh": 0.75,
    "wireframe": 0.55,
    "detected": 1.0,
    "projected": 1.0,
    "residual": 0.9,
    "ghost": 0.85,
    **dict.fromkeys(HEATS, 0.85),
}


@dataclass(frozen=True)
class Layers:
    """What a tile draws over the frame.

    heat       one of `HEATS`, or empty: one heat map at a time, so that a colour means one thing
    opacities  of each layer, 0..1
    solo       the one layer that is shown alone, or empty
    """

    mesh: bool = True
    wireframe: bool = False
    detected: bool = False
    projected: bool = False
    residual: bool = False
    ghost: bool = False
    heat: str = ""
    opacities: dict[str, float] = field(default_factory=lambda: dict(OPACITIES))
    whole_frame: bool = False
    solo: str = ""

    def shows(self, layer: str) -> bool:
        """Whether the layer is switched on."""
        return self.heat == layer if layer in HEATS else bool(getattr(self, layer))

    def toggled(self, layer: str) -> Layers:
        """With the layer on or off; a heat map takes the place of another. This ends the solo of another layer."""
        solo = self.solo if layer in (self.solo, "whole_frame") else ""
        if layer in HEATS:
            return replace(self, heat="" if self.heat == layer else layer, solo=solo)
        return replace(self, **{layer: not getattr(self, layer)}, solo=solo)  # type: ignore[arg-type]

    def soloed(self, layer: str) -> Layers:
        """With this layer alone; all that were on before, if it was alone already."""
        return replace(self, solo="" if self.solo == layer else layer)

    def with_opacity(self, layer: str, opacity: float) -> Layers:
        return replace(self, opacities={**self.opacities, layer: min(max(opacity, 0.0), 1.0)})

    def opacity_of(self, layer: str) -> float:
        return self.opacities.get(layer, 1.0)

    @property
    def drawn(self) -> Layers:
        """What is really drawn: with a solo, that layer alone."""
        if not self.solo:
            return self
        nothing = dict.fromkeys(("mesh", "wireframe", *MARKS, "ghost"), False)
        if self.solo in HEATS:
            return replace(self, **nothing, heat=self.solo)  # type: ignore[arg-type]
        return replace(self, **{**nothing, self.solo: True}, heat="")  # type: ignore[arg-type]

    @property
    def gradient(self) -> bool:
        """Whether the vertex gradient is drawn."""
        return self.drawn.heat == "vertex"


def number_text(value: float) -> str:
    """Three significant figures at most, without a needless exponent."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}".replace(".0e", "e")
