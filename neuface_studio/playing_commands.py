"""Commands of the View menu that play the video, and mark a range of it."""

from __future__ import annotations

from neuface_studio.command import Command

MENU = "&View"


def playing_commands() -> tuple[Command, ...]:
    """In the order of the menu."""
    return (
        Command(
            "shuttle_back",
            "Play back&wards",
            MENU,
            ("J",),
            "Play backwards; again: twice as fast, up to eight times.",
            starts_group=True,
            needs="sequence",
        ),
        Command(
            "shuttle_stop", "&Stand still", MENU, ("K",), "Stop playing, at this frame.", needs="sequence"
        ),
        Command(
            "shuttle_forward",
            "Play forwar&ds",
            MENU,
            ("L",),
            "Play forwards; again: twice as fast, up to eight times.",
            needs="sequence",
        ),
        Command(
            "every_frame",
            "Play &every frame",
            MENU,
            ("Shift+Space",),
            "Show every frame, however long it takes, instead of keeping to real time and leaving frames out.",
            checkable=True,
        ),
        Command(
            "mark_in",
            "Mark &in: the range begins",
            MENU,
            ("I",),
            "The range begins at this frame; a range is played over and over, and a note can be about it.",
            starts_group=True,
            needs="sequence",
        ),
        Command(
            "mark_out",
            "Mark &out: the range ends",
            MENU,
            ("O",),
            "The range ends at this frame.",
            needs="sequence",
        ),
        Command(
            "clear_marks",
            "C&lear the range",
            MENU,
            ("Shift+I",),
            "Forget the marked range; the whole video is played.",
            needs="sequence",
        ),
    )


def window_commands() -> tuple[Command, ...]:
    """Commands on the window itself."""
    return (
        Command(
            "default_docks",
            "Panels where they &belong",
            MENU,
            (),
            "Put every panel back to its first place and size.",
        ),
        Command(
            "settings",
            "&Settings…",
            "&Edit",
            ("Ctrl+,",),
            "Device, cache, iterations and weights, playback, size of the text.",
            starts_group=True,
        ),
    )
