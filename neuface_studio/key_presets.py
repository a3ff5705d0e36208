"""Sets of keys to choose from; what a set does not name has the keys of the table."""

from __future__ import annotations

PRESETS: dict[str, dict[str, tuple[str, ...]]] = {
    "default": {},
    # The right hand stays on the mouse: everything that is needed all the time lies under the left one.
    "left hand": {
        "frame_back": ("A", "Left"),
        "frame_forward": ("D", "Right"),
        "frames_back": ("Shift+A", "Shift+Left"),
        "frames_forward": ("Shift+D", "Shift+Right"),
        "view_previous": ("W", "Up"),
        "view_next": ("S", "Down"),
        "iteration_back": ("Z", "["),
        "iteration_forward": ("X", "]"),
        "iteration_first": ("Shift+Z", "Shift+["),
        "iteration_last": ("Shift+X", "Shift+]"),
        "sequence_next": ("V", "PgDown"),
        "sequence_previous": ("C", "PgUp"),
        "toggle_run": ("Return", "Enter", "Ctrl+Space"),
        "step_once": ("Ctrl+Return",),
        "layer_mesh": ("Ctrl+F2",),
        "layer_wireframe": ("F3",),
        "layer_pixel": ("F4",),
        "layer_residual": ("F5",),
        "solo_mesh": (),
        "solo_wireframe": (),
        "solo_pixel": (),
        "solo_residual": (),
        "solo_view": ("F7",),
        "posed_3d": ("F8",),
        "reset_3d": ("F9",),
        "view3d_camera": (),
    },
    # As in the VLC player, for what there is in both.
    "VLC-like": {
        "toggle_play": ("Space",),
        "frame_forward": ("E", "Right"),
        "frame_back": ("Shift+E", "Left"),
        "frames_forward": ("Shift+Right", "Alt+Right"),
        "frames_back": ("Shift+Left", "Alt+Left"),
        "sequence_next": ("N", "PgDown"),
        "sequence_previous": ("P", "PgUp"),
        "shuttle_stop": ("S",),
        "shuttle_forward": ("=", "+"),
        "shuttle_back": ("-",),
        "full_screen": ("F", "F11"),
        "layer_detected": ("Ctrl+F2",),
        "solo_detected": (),
        "edit_note": ("F4",),
        "note_here": ("Shift+F4",),
        "toggle_follow": ("Ctrl+P",),
        "step_once": ("Ctrl+Return",),
        "next_flagged": ("F3",),
    },
}


def preset_keys(preset: str, identifier: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of a command in a set. KeyError for a set that is not there."""
    return PRESETS[preset].get(identifier, default)
