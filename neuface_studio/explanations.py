"""What the figures and pictures mean, a sentence or two each, as tooltips and help sheets say it."""

from __future__ import annotations

from functools import lru_cache
from textwrap import fill

TIP_WIDTH = 88  # characters a line: a tooltip must not lie across the whole footage

EXPLANATIONS: dict[str, str] = {
    "cvd": "CVD, cross-view vertex distance: how far apart the meshes of two cameras are at the same moment, in "
    "millimetres, averaged over vertices, frames and view pairs. Lower is better.",
    "msi": "MSI, motion stability index: the inverse of how much the acceleration of the 3D landmarks jitters. "
    "Higher is better; it rises when shaking goes away.",
    "nme": "NME, normalised mean error: distance between projected and detected 2D landmarks, in percent of the face's "
    "size. Lower is better; it guards against a stable mesh that misses the face.",
    "mpve": "True vertex error: mean distance of the mesh to the known geometry, in millimetres. Only synthetic "
    "footage such as the demo has it. Lower is better.",
    "loss": "Weighted terms of the loss after each EM iteration: landmarks (L_2D, 68 and all 478 points), smooth head "
    "motion (L_temporal), agreement of the views (L_multiview), likelihood of the head's shape and expression.",
    "matrix": "View × view: mean distance of the meshes of two cameras over all frames, in millimetres (as CVD). One "
    "bright row and column: that camera disagrees with all others.",
    "region_msi": "MSI of the vertices of one region, without the motion of the head: what shakes there comes from "
    "shape, jaw and expression. Higher is better.",
    "worse": "Pictures whose own loss (landmarks, motion, views; weighted) is higher in the shown iteration than in "
    "the comparison. A click goes there.",
    "heat_pixel": "|dL/dI|: which pixels of the picture drive the next update, per unit of intensity. It is known of "
    "the newest iteration only. FLAME fitting sees landmarks and no pixels: it has a dot for each landmark.",
    "heat_dots": "|dL/dj|: how strongly the losses pull at each detected landmark, per crop unit (half a crop's side): "
    "all that FLAME fitting sees of the picture.",
    "heat_vertex": "|dL/dM|: how strongly the losses pull at each vertex, per mm, from the training step. "
    "The bar is a square root: its middle is a quarter of its end.",
    "heat_update": "|M(t) - M(t-1)|: how far the last step moved each vertex, in mm, with the turn of the head.",
    "heat_cross": "Cross-view distance: at each point the distance to the mesh of the farthest other view that sees "
    "the point too, without the head's motion, in millimetres. Click a point: the two cameras that disagree.",
    "viewer": "How much slower the optimisation runs because this window draws at the same time.",
}


@lru_cache(maxsize=4096)  # commands say the same again and again, whenever the session changes
def wrapped(text: str) -> str:
    """A tooltip in lines of readable length; its own line breaks stay."""
    return "\n".join(fill(line, TIP_WIDTH, break_long_words=False) for line in text.split("\n"))
