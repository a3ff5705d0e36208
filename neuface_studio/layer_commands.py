"""The commands of the Layers menu: what the tiles draw, alone or together, and what is put to neutral."""

from __future__ import annotations

from neuface_studio.command import Command
from neuface_studio.muting import GROUPS

MENU = "&Layers"

# id, layer, label, key, tip
_TOGGLES = (
    ("layer_mesh", "mesh", "&Mesh", "Q", "Draw the optimised mesh, shaded, over the video."),
    ("layer_wireframe", "wireframe", "&Wireframe", "W", "Draw the edges of the mesh's triangles."),
    (
        "layer_detected",
        "detected",
        "Landmarks &detected",
        "E",
        "Green circles: the 68 landmarks that the detector found in the picture; they stay fixed.",
    ),
    (
        "layer_projected",
        "projected",
        "Landmarks p&rojected",
        "T",
        "Red crosses: the same 68 landmarks of the mesh, projected into the picture.",
    ),
    (
        "layer_residual",
        "residual",
        "Residual &lines",
        "Z",
        "Yellow lines from each detected landmark to the mesh's: how far the mesh misses it, and to which side.",
    ),
    (
        "layer_ghost",
        "ghost",
        "E-step &targets (ghost)",
        "G",
        "Blue ghost: the mesh merged from all views, with the smoothed head motion; the next step pulls towards it.",
    ),
    (
        "layer_pixel",
        "pixel",
        "Heat: &pixel gradient",
        "A",
        "Heat map of |dL/dI|: which pixels drive the next update. FLAME fitting sees landmarks only: dots.",
    ),
    (
        "layer_gradient",
        "vertex",
        "Heat: vertex &gradient",
        "R",
        "Heat map of |dL/dM|: how strongly the losses pull at each vertex in the last EM iteration.",
    ),
    (
        "layer_update",
        "update",
        "Heat: mesh &update",
        "U",
        "Heat map of |M(t) - M(t-1)|: what the last step really moved, in mm.",
    ),
    (
        "layer_cross",
        "cross",
        "Heat: &cross-view distance",
        "H",
        "Heat map: how far the mesh of the farthest other view is, where both see the point, in mm; click a point.",
    ),
)

LAYER_FIELDS: dict[str, str] = {identifier: layer for identifier, layer, *_ in _TOGGLES} | {
    "whole_frame": "whole_frame"
}
"""Command -> what it switches in `Layers`."""

SOLO_LAYERS: dict[str, str] = {f"solo_{layer}": layer for _, layer, *_ in _TOGGLES}
MUTES: dict[str, str] = {f"mute_{group}": group for group in GROUPS}
MUTE_SOLOS: dict[str, str] = {f"mute_all_but_{group}": group for group in GROUPS}


def layer_commands() -> tuple[Command, ...]:
    """All commands of the menu, in order."""
    toggles = [
        Command(
            identifier, label, MENU, (key,), tip, checkable=True, starts_group=identifier in ("layer_pixel",)
        )
        for identifier, _, label, key, tip in _TOGGLES
    ]
    solos = [
        Command(
            f"solo_{layer}",
            f"Alone: {label.replace('&', '').removeprefix('Heat: ')}",
            MENU,
            (f"Shift+{key}",),
            "Show this layer alone; once more: all layers that were on before.",
            checkable=True,
            starts_group=number == 0,
        )
        for number, (_, layer, label, key, _) in enumerate(_TOGGLES)
    ]
    mutes = [
        Command(
            f"mute_{group}",
            f"Mute {group}",
            MENU,
            (f"Ctrl+{number + 1}",),
            f"Show the meshes with {words}; the result stays as it is.",
            checkable=True,
            starts_group=number == 0,
        )
        for number, (group, words) in enumerate(GROUPS.items())
    ]
    mute_solos = [
        Command(
            f"mute_all_but_{group}",
            f"Only {group}",
            MENU,
            (f"Ctrl+Alt+{number + 1}",),
            f"Mute everything but {group}: what moves now, {group} moves.",
            starts_group=number == 0,
        )
        for number, group in enumerate(GROUPS)
    ]
    rest = [
        Command("mute_none", "Unmute everything", MENU, ("Ctrl+0",), "Show the meshes as they are."),
        Command(
            "whole_frame",
            "Whole &frame",
            MENU,
            ("0",),
            "Show the whole video frame instead of the region around the face.",
            checkable=True,
            starts_group=True,
        ),
    ]
    return (*toggles, *solos, *mutes, *mute_solos, *rest)
