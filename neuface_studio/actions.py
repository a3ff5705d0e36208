"""Every command of the window, once: menus, tooltips, shortcuts and the shortcut sheet read this table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence


@dataclass(frozen=True)
class Command:
    """One command: ``menu`` groups it, ``keys`` are portable key names, ``tip`` is one plain sentence."""

    id: str
    label: str
    menu: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    checkable: bool = False
    repeats: bool = False
    starts_group: bool = False
    needs: str = ""  # "", "sequence" or "track": what must be open for the command to make sense


COMMANDS: tuple[Command, ...] = (
    Command("open_video", "Open &video…", "&File", ("Ctrl+O",), "Open one video file as a single view."),
    Command(
        "open_folder",
        "Open &folder…",
        "&File",
        ("Ctrl+Shift+O",),
        "Open a folder with one video a view, a folder of images, or a project folder.",
    ),
    Command(
        "open_demo",
        "Open &demo",
        "&File",
        ("Ctrl+D",),
        "Open the bundled demo: seven views of a talking head.",
    ),
    Command(
        "close_sequence",
        "&Close footage",
        "&File",
        ("Ctrl+W",),
        "Go back to the start page.",
        needs="sequence",
    ),
    Command(
        "save_screenshot",
        "Save &picture of the window…",
        "&File",
        ("Ctrl+Shift+S",),
        "Save what the window shows as a PNG file.",
        starts_group=True,
    ),
    Command(
        "quit",
        "&Quit",
        "&File",
        ("Ctrl+Q",),
        "Close the window; everything is saved already.",
        starts_group=True,
    ),
    Command(
        "toggle_run",
        "&Run / pause",
        "&Run",
        ("Return", "Enter"),
        "Let the optimisation run, or pause it after the iteration it is in.",
        needs="sequence",
    ),
    Command(
        "step_once",
        "&Step one EM iteration",
        "&Run",
        ("S",),
        "Do one EM iteration: targets from all views (E-step), then one gradient step on the encoder (M-step).",
        needs="sequence",
    ),
    Command(
        "toggle_follow",
        "&Follow the newest iteration",
        "&Run",
        ("P",),
        "Keep the window at the newest iteration while the optimisation runs.",
        checkable=True,
        needs="sequence",
    ),
    Command(
        "iteration_back",
        "Iteration &back",
        "&Run",
        ("[",),
        "Show the EM iteration before this one.",
        repeats=True,
        starts_group=True,
        needs="sequence",
    ),
    Command(
        "iteration_forward",
        "Iteration f&orward",
        "&Run",
        ("]",),
        "Show the next EM iteration.",
        repeats=True,
        needs="sequence",
    ),
    Command(
        "iteration_first",
        "F&irst iteration (encoder only)",
        "&Run",
        ("Shift+[",),
        "Show what the encoder gives before any optimisation.",
        needs="sequence",
    ),
    Command(
        "iteration_last",
        "&Newest iteration",
        "&Run",
        ("Shift+]",),
        "Show the newest iteration and follow it.",
        needs="sequence",
    ),
    Command(
        "restart_run",
        "Start o&ver from the encoder",
        "&Run",
        ("Ctrl+R",),
        "Forget this run's iterations and start again from the encoder's meshes; verdicts stay.",
        starts_group=True,
        needs="sequence",
    ),
    Command(
        "toggle_play",
        "&Play / stop",
        "&View",
        ("Space",),
        "Play the video in real time, in a loop.",
        needs="sequence",
    ),
    Command(
        "frame_back", "Frame &back", "&View", ("Left",), "One frame back.", repeats=True, needs="sequence"
    ),
    Command(
        "frame_forward",
        "Frame &forward",
        "&View",
        ("Right",),
        "One frame forward.",
        repeats=True,
        needs="sequence",
    ),
    Command(
        "frames_back",
        "Ten frames back",
        "&View",
        ("Shift+Left",),
        "Ten frames back.",
        repeats=True,
        needs="sequence",
    ),
    Command(
        "frames_forward",
        "Ten frames forward",
        "&View",
        ("Shift+Right",),
        "Ten frames forward.",
        repeats=True,
        needs="sequence",
    ),
    Command("frame_first", "F&irst frame", "&View", ("Home",), "Go to the first frame.", needs="sequence"),
    Command("frame_last", "&Last frame", "&View", ("End",), "Go to the last frame.", needs="sequence"),
    Command(
        "layer_mesh",
        "&Mesh",
        "&View",
        ("Q",),
        "Draw the optimised mesh, shaded, over the video.",
        checkable=True,
        starts_group=True,
    ),
    Command(
        "layer_wireframe",
        "&Wireframe",
        "&View",
        ("W",),
        "Draw the edges of the mesh's triangles.",
        checkable=True,
    ),
    Command(
        "layer_detected",
        "Landmarks &detected",
        "&View",
        ("E",),
        "Green circles: the 68 landmarks that the detector found in the picture; they stay fixed.",
        checkable=True,
    ),
    Command(
        "layer_projected",
        "Landmarks p&rojected",
        "&View",
        ("T",),
        "Red crosses: the same 68 landmarks of the mesh, projected into the picture.",
        checkable=True,
    ),
    Command(
        "layer_gradient",
        "Vertex &gradient",
        "&View",
        ("R",),
        "Heat map of |dL/dM|: how strongly the losses pull at each vertex in the last EM iteration.",
        checkable=True,
    ),
    Command(
        "whole_frame",
        "&Whole frame",
        "&View",
        ("0",),
        "Show the whole video frame instead of the region around the face.",
        checkable=True,
        starts_group=True,
    ),
    Command(
        "solo_view",
        "&One view large",
        "&View",
        ("V",),
        "Show the selected view alone, or all views again (also: double-click a tile).",
        checkable=True,
    ),
    Command(
        "view_previous", "Select previous view", "&View", ("Up",), "Select the view before.", repeats=True
    ),
    Command("view_next", "Select next view", "&View", ("Down",), "Select the next view.", repeats=True),
    Command(
        "posed_3d",
        "3D: &posed side by side",
        "&View",
        ("C",),
        "3D view: heads turned as in the video, side by side, instead of overlaid in one pose.",
        checkable=True,
        starts_group=True,
    ),
    Command("reset_3d", "3D: front view", "&View", ("X",), "Turn the 3D view back to the front."),
    Command(
        "full_screen",
        "Full &screen",
        "&View",
        ("F11",),
        "Use the whole screen.",
        checkable=True,
        starts_group=True,
    ),
    Command("accept", "&Accept", "Re&view", ("1",), "Accept: the meshes fit in every view.", needs="track"),
    Command("reject", "&Reject", "Re&view", ("2",), "Reject: this track must not be used.", needs="track"),
    Command("unsure", "&Unsure", "Re&view", ("3",), "Unsure: somebody else should look.", needs="track"),
    Command(
        "undo",
        "U&ndo verdict",
        "Re&view",
        ("Ctrl+Z",),
        "Take the last verdict back.",
        starts_group=True,
        needs="sequence",
    ),
    Command(
        "edit_note",
        "Write a n&ote",
        "Re&view",
        ("N",),
        "Go to the note field; Enter leaves it.",
        needs="sequence",
    ),
    Command("shortcuts", "&Keyboard shortcuts", "&Help", ("?", "F1"), "Show every key in one sheet."),
    Command(
        "explain",
        "What am I &looking at?",
        "&Help",
        (),
        "The numbers and pictures of this window in plain words.",
    ),
    Command("about", "&About NeuFace Studio", "&Help", (), "Version and licences."),
)

MENUS: tuple[str, ...] = ("&File", "&Run", "&View", "Re&view", "&Help")

# What the three measures say, in one sentence each: used by tooltips of cards, plots and tiles.
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
    "gradient": "|dL/dM|: how strongly the losses pull at each vertex, per millimetre, from the training step itself.",
    "viewer": "How much slower the optimisation runs because this window draws at the same time.",
}


def command(identifier: str) -> Command:
    """The command with this id; KeyError if there is none."""
    return _BY_ID[identifier]


_BY_ID = {entry.id: entry for entry in COMMANDS}


def key_label(entry: Command) -> str:
    """The first shortcut as the platform writes it, or an empty string."""
    if not entry.keys:
        return ""
    return QKeySequence(entry.keys[0]).toString(QKeySequence.SequenceFormat.NativeText)


def tooltip(entry: Command) -> str:
    """The command's sentence with its key."""
    key = key_label(entry)
    return f"{entry.tip}  [{key}]" if key else entry.tip


def build_actions(parent: QObject, run: Callable[[str], Callable[..., None]]) -> dict[str, QAction]:
    """Make one QAction a command; ``run(id)`` returns the bound method that does it."""
    actions: dict[str, QAction] = {}
    for entry in COMMANDS:
        action = QAction(entry.label, parent)
        action.setObjectName(entry.id)
        action.setCheckable(entry.checkable)
        action.setAutoRepeat(entry.repeats)
        action.setShortcuts([QKeySequence(key) for key in entry.keys])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setToolTip(tooltip(entry))
        action.setStatusTip(entry.tip)
        action.triggered.connect(run(entry.id))
        actions[entry.id] = action
    return actions


def commands_of(menu: str) -> Iterable[Command]:
    """The commands of one menu in order."""
    return (entry for entry in COMMANDS if entry.menu == menu)
