"""Rendered people for building the assets: the open head with procedural skin, hair, eyes, light and background.

A build-time tool, not part of the installed software.
"""

from .renderer import Orthographic, Perspective, SyntheticRenderer
from .style import HeadStyle, Light

__all__ = ["HeadStyle", "Light", "Orthographic", "Perspective", "SyntheticRenderer"]
