"""Which keys do what: the table's, with the user's changes kept in the settings."""

from __future__ import annotations

from PySide6.QtCore import QSettings
from PySide6.QtGui import QAction, QKeySequence

from neuface_studio.command_table import COMMANDS, Command
from neuface_studio.explanations import wrapped
from neuface_studio.key_presets import PRESETS

GROUP = "keys"
PORTABLE = QKeySequence.SequenceFormat.PortableText


def default_keys(entry: Command) -> tuple[str, ...]:
    """The keys of the table, as Qt writes them."""
    return tuple(QKeySequence(key).toString(PORTABLE) for key in entry.keys)


def describe(action: QAction, entry: Command) -> None:
    """The action's tooltip: its sentence, its key, and what it lacks while it cannot be done."""
    label = action_key(action)
    tip = f"{entry.tip}  [{label}]" if label else entry.tip
    lacks = "" if action.isEnabled() or not entry.why_not else f"\n{entry.why_not}"
    action.setToolTip(wrapped(tip + lacks))


def allow(action: QAction, entry: Command, allowed: bool) -> None:
    """Enable or disable a command, and let its tooltip say why."""
    if action.isEnabled() != allowed:
        action.setEnabled(allowed)
        describe(action, entry)


class KeyMap:
    """The keys of every command. Changes are written to the settings at once."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings
        self._keys = {entry.id: default_keys(entry) for entry in COMMANDS}
        for identifier in self._keys:
            stored = settings.value(f"{GROUP}/{identifier}")
            if isinstance(stored, str):
                self._keys[identifier] = tuple(key for key in stored.split("\t") if key)

    def keys(self, identifier: str) -> tuple[str, ...]:
        return self._keys[identifier]

    def owner(self, key: str, *, besides: str = "") -> str | None:
        """The command that has this key already, other than ``besides``; None if it is free."""
        wanted = QKeySequence(key).toString(PORTABLE)
        return next(
            (name for name, keys in self._keys.items() if name != besides and wanted in keys),
            None,
        )

    def bind(self, identifier: str, key: str) -> str | None:
        """Give a command this key in place of its own; the command that loses the key, or None."""
        wanted = QKeySequence(key).toString(PORTABLE)
        loser = self.owner(wanted, besides=identifier) if wanted else None
        if loser is not None:
            self._put(loser, tuple(k for k in self._keys[loser] if k != wanted))
        self._put(identifier, (wanted,) if wanted else ())
        return loser

    def reset(self, preset: str = "default") -> None:
        """All keys as a set of `PRESETS` has them. What loses its key to another command of the set has none."""
        chosen = PRESETS[preset]
        taken = {QKeySequence(key).toString(PORTABLE) for keys in chosen.values() for key in keys}
        for entry in COMMANDS:
            if entry.id in chosen:
                keys = tuple(QKeySequence(key).toString(PORTABLE) for key in chosen[entry.id])
            else:
                keys = tuple(key for key in default_keys(entry) if key not in taken)
            self._put(entry.id, keys)

    def apply(self, actions: dict[str, QAction]) -> None:
        """Give the actions their keys, and their tooltips the first of them."""
        for entry in COMMANDS:
            action = actions[entry.id]
            action.setShortcuts([QKeySequence(key, PORTABLE) for key in self._keys[entry.id]])
            describe(action, entry)

    def _put(self, identifier: str, keys: tuple[str, ...]) -> None:
        self._keys[identifier] = keys
        default = next(default_keys(entry) for entry in COMMANDS if entry.id == identifier)
        if keys == default:
            self._settings.remove(f"{GROUP}/{identifier}")
        else:
            self._settings.setValue(f"{GROUP}/{identifier}", "\t".join(keys))


def action_key(action: QAction) -> str:
    """The first key of an action as the platform writes it, or an empty string."""
    keys = action.shortcuts()
    return keys[0].toString(QKeySequence.SequenceFormat.NativeText) if keys else ""
