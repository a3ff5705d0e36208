"""The table of commands as Qt sees it: actions, tooltips, labels of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

from neuface_studio.command_table import COMMANDS, MENUS, Command
from neuface_studio.explanations import EXPLANATIONS, wrapped

__all__ = [
    "COMMANDS",
    "EXPLANATIONS",
    "MENUS",
    "Command",
    "build_actions",
    "command",
    "commands_of",
    "key_label",
    "tooltip",
]


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
        action.setToolTip(wrapped(tooltip(entry)))
        action.setStatusTip(entry.tip)
        action.triggered.connect(run(entry.id))
        actions[entry.id] = action
    return actions


def commands_of(menu: str) -> Iterable[Command]:
    """The commands of one menu in order."""
    return (entry for entry in COMMANDS if entry.menu == menu)
