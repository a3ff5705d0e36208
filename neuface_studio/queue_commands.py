"""The commands of the Queue menu: which sequence is open, what is in the queue, and work on all of it."""

from __future__ import annotations

from neuface_studio.command import Command

MENU = "&Queue"


def queue_commands() -> tuple[Command, ...]:
    """The whole menu, in order."""
    return (
        Command(
            "sequence_next",
            "&Next sequence",
            MENU,
            ("PgDown",),
            "Open the next sequence of the queue, without a verdict on this one.",
            repeats=True,
        ),
        Command(
            "sequence_previous",
            "&Previous sequence",
            MENU,
            ("PgUp",),
            "Open the sequence before this one in the queue.",
            repeats=True,
        ),
        Command(
            "next_flagged",
            "Next &flagged",
            MENU,
            ("F",),
            "Open the next sequence of the queue that carries a flag and has no verdict yet.",
        ),
        Command(
            "show_queue",
            "&Go to the queue",
            MENU,
            ("Ctrl+L",),
            "Show the queue and give it the keyboard: arrows choose, Return opens, Escape goes back.",
            starts_group=True,
        ),
        Command(
            "filter_queue",
            "&Filter the queue",
            MENU,
            ("Ctrl+F",),
            "Go to the filter over the queue: words, state:new, flag:jitter, reason:lips, is:disputed, cvd>1.5.",
        ),
        Command(
            "hide_queue",
            "Show or &hide the queue",
            MENU,
            ("Ctrl+Shift+L",),
            "Hide the list of sequences, or show it again.",
            checkable=True,
        ),
        Command(
            "new_project",
            "New pro&ject…",
            MENU,
            ("Ctrl+N",),
            "Choose an empty folder for a project of many sequences.",
            starts_group=True,
        ),
        Command(
            "add_footage",
            "&Add footage…",
            MENU,
            ("Ctrl+Shift+A",),
            "Add a folder of sequences to the queue; or drop files and folders on it.",
        ),
        Command(
            "optimise_all",
            "&Optimise all",
            MENU,
            ("Ctrl+Shift+R",),
            "Optimise every sequence that has no track yet, one after the other, in the background.",
        ),
        Command(
            "cancel_all",
            "&Cancel optimising all",
            MENU,
            (),
            "Stop after the iteration in progress; sequences that are done stay done.",
        ),
    )
