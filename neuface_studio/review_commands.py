"""The commands of the Review menu: verdicts with their reasons, notes, going on, proof, blind trials."""

from __future__ import annotations

from neuface_engine.review.events import REASONS
from neuface_studio.command import Command

MENU = "Re&view"
REASON_KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "-", "=")


def review_commands() -> tuple[Command, ...]:
    """The whole menu, in order."""
    verdicts = (
        ("accept", "&Accept", "1", "Accept: the meshes fit in every view. Goes on to the next"),
        ("reject", "&Reject", "2", "Reject: this track must not be used. Goes on to the next"),
        (
            "unsure",
            "&Unsure",
            "3",
            "Unsure: somebody else should look; counts as a failure. Goes on to the next",
        ),
    )
    stay = (
        ("accept_stay", "Accept and stay", "Shift+1", "Accept, and stay at this sequence"),
        ("reject_stay", "Reject and stay", "Shift+2", "Reject, and stay at this sequence"),
        ("unsure_stay", "Unsure and stay", "Shift+3", "Unsure, and stay at this sequence"),
    )
    reasons = tuple(
        Command(
            f"reason_{reason}",
            f"Reason: {words}",
            MENU,
            (f"Alt+{key}",),
            f"Give “{words}” as a reason of the verdict, or take it back.",
            starts_group=number == 0,
            needs="sequence",
        )
        for number, ((reason, words), key) in enumerate(zip(REASONS.items(), REASON_KEYS, strict=True))
    )
    return (
        *(Command(i, label, MENU, (key,), f"{tip}.", needs="track") for i, label, key, tip in verdicts),
        *(Command(i, label, MENU, (key,), f"{tip}.", needs="track") for i, label, key, tip in stay),
        Command(
            "go_on",
            "Next to be &judged",
            MENU,
            ("Ctrl+PgDown",),
            "Open the next sequence without a verdict, in the order of the review, without a verdict on this one.",
            starts_group=True,
        ),
        Command(
            "go_back",
            "&Previous to be judged",
            MENU,
            ("Ctrl+PgUp",),
            "Open the sequence without a verdict before this one, in the order of the review.",
        ),
        Command(
            "next_place",
            "Next &doubtful place",
            MENU,
            ("D",),
            "Go to the frame and view where a flag is worst; again: to the next flag's, then to the second worst.",
            needs="sequence",
        ),
        Command(
            "next_unwatched",
            "Next frame not &watched",
            MENU,
            ("Shift+D",),
            "Go to the first frame that was not on your screen yet.",
            needs="sequence",
        ),
        Command(
            "note_here",
            "&Note on the range…",
            MENU,
            ("N",),
            "Write a note on the marked range (I and O), or on this frame; with view and region.",
            starts_group=True,
            needs="sequence",
        ),
        Command(
            "edit_note",
            "Note with the &verdict",
            MENU,
            ("Shift+N",),
            "Go to the field of the note that is kept with the verdict; Enter leaves it.",
            needs="sequence",
        ),
        *reasons,
        Command(
            "show_flags",
            "Show flags, notes, what was watched",
            MENU,
            ("Ctrl+Shift+F",),
            "Bring the panel with flags, notes and coverage of this sequence to the front.",
            starts_group=True,
            needs="sequence",
        ),
        Command(
            "show_order",
            "Show the &order of the review",
            MENU,
            ("Ctrl+Shift+Q",),
            "Bring the panel with order, histograms and look-alikes to the front.",
            needs="sequence",
        ),
        Command(
            "show_reviewers",
            "Show what the &reviewers say",
            MENU,
            ("Ctrl+Shift+G",),
            "Bring the panel with everybody's verdicts, disputes and agreement to the front.",
            needs="sequence",
        ),
        Command(
            "show_proof",
            "Show what is pro&ven",
            MENU,
            ("Ctrl+Shift+E",),
            "Bring the panel with the failure rate proven so far and the blind comparison to the front.",
            needs="sequence",
        ),
        Command(
            "look_alikes_first",
            "Look-&alikes first",
            MENU,
            ("Ctrl+J",),
            "Go through the sequences most like the one rejected last before going on with the queue.",
            needs="sequence",
        ),
        Command(
            "adjudicate",
            "Settle &disputes",
            MENU,
            ("Ctrl+Shift+J",),
            "Go through what reviewers differ on: there your verdict is the last word. Again: back to the review.",
            checkable=True,
            starts_group=True,
        ),
        Command(
            "assign_double",
            "Double re&view…",
            MENU,
            (),
            "Draw sequences that several reviewers judge, each without seeing the others' verdicts.",
        ),
        Command(
            "write_certificate",
            "Write the &certificate…",
            MENU,
            (),
            "Write what the audit proves as JSON and as PDF.",
            starts_group=True,
        ),
        Command(
            "check_certificate",
            "C&heck a certificate…",
            MENU,
            (),
            "Work a certificate out again from this project's log, and say whether it holds.",
        ),
        Command(
            "blind_trial",
            "&Blind comparison",
            MENU,
            (),
            "Two methods side by side without their names: which is better? Four, five and six answer.",
            checkable=True,
            starts_group=True,
            needs="sequence",
        ),
        Command(
            "blind_left",
            "Blind: the left is better",
            MENU,
            ("4",),
            "In a blind comparison: the left side is better.",
            needs="sequence",
        ),
        Command(
            "blind_tie",
            "Blind: as good",
            MENU,
            ("5",),
            "In a blind comparison: no difference that matters.",
            needs="sequence",
        ),
        Command(
            "blind_right",
            "Blind: the right is better",
            MENU,
            ("6",),
            "In a blind comparison: the right side is better.",
            needs="sequence",
        ),
    )
