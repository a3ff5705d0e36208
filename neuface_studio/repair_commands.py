"""The commands of the Repair menu: correcting what the optimisation is given."""

from __future__ import annotations

from neuface_studio.command import Command

MENU = "Re&pair"


def repair_commands() -> tuple[Command, ...]:
    """All commands of the menu, in order."""
    return (
        Command(
            "repair_mode",
            "Move &landmarks",
            MENU,
            ("M",),
            "Drag wrong landmarks (green circles) to their place; a click selects one. Once more: stop.",
            checkable=True,
            needs="sequence",
        ),
        *(
            Command(
                f"landmark_{where}",
                f"Select the {where} landmark",
                MENU,
                (key,),
                f"Select the {where} landmark in the order of the 68, for the keys that move it; starts the mode.",
                repeats=True,
                needs="sequence",
            )
            for where, key in (("next", "."), ("previous", ","))
        ),
        *(
            Command(
                f"landmark_{where}",
                f"Move the landmark {where}",
                MENU,
                (f"Ctrl+{where.capitalize()}",),
                f"Move the selected landmark {where} by one pixel of the screen, in the selected view.",
                repeats=True,
                needs="sequence",
            )
            for where in ("left", "right", "up", "down")
        ),
        Command(
            "repair_mute",
            "&Mute the selected landmark",
            MENU,
            ("Del",),
            "Do not believe the selected landmark, in any frame and view.",
            needs="sequence",
        ),
        Command(
            "repair_exclude_here",
            "Exclude frames in &this view",
            MENU,
            ("Ctrl+X",),
            "Do not believe the selected view in the marked frames (without marks: in the shown frame), as for a hand "
            "before the face.",
            starts_group=True,
            needs="sequence",
        ),
        Command(
            "repair_exclude_frames",
            "Exclude frames in &all views",
            MENU,
            ("Ctrl+Shift+X",),
            "Do not believe any view in the marked frames (without marks: in the shown frame).",
            needs="sequence",
        ),
        Command(
            "repair_exclude_view",
            "Exclude the selected &view",
            MENU,
            (),
            "Do not believe the selected view in any frame.",
            needs="sequence",
        ),
        Command(
            "choose_face",
            "Choose the &face…",
            MENU,
            ("Shift+M",),
            "Show all faces of this frame with numbers; a click follows that one, and what was done on the former face "
            "is set aside.",
            checkable=True,
            starts_group=True,
            needs="sequence",
        ),
        Command(
            "repair_save",
            "&Save the repairs…",
            MENU,
            (),
            "Write the repairs as a file for neuface track --repairs.",
            starts_group=True,
            needs="sequence",
        ),
    )
