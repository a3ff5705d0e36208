"""Switching layers, showing one alone, and putting parameter groups to neutral."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from neuface_studio.layer_commands import LAYER_FIELDS, MUTE_SOLOS, MUTES, SOLO_LAYERS
from neuface_studio.muting import GROUPS
from neuface_studio.widgets.commands.base import Commands

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow


class LayerCommands(Commands):
    """The Layers menu."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        for identifiers, slot in (
            (LAYER_FIELDS, self._toggle),
            (SOLO_LAYERS, self._solo),
            (MUTES, self._mute),
            (MUTE_SOLOS, self._mute_all_but),
        ):
            for identifier in identifiers:
                setattr(self, f"do_{identifier}", slot)

    def show_checks(self) -> None:
        """Tick the commands as the session is."""
        session, actions = self._session, self._window.actions_by_id
        for identifier, layer in LAYER_FIELDS.items():
            actions[identifier].setChecked(session.layers.shows(layer))
        for identifier, layer in SOLO_LAYERS.items():
            actions[identifier].setChecked(session.layers.solo == layer)
        for identifier, group in MUTES.items():
            actions[identifier].setChecked(group in session.muted)

    def _sent(self, table: dict[str, str]) -> str | None:
        action = self.sender()
        return None if action is None else table.get(action.objectName())

    @Slot()
    def _toggle(self) -> None:
        layer = self._sent(LAYER_FIELDS)
        if layer is not None:
            self._session.put_layers(self._session.layers.toggled(layer))

    @Slot()
    def _solo(self) -> None:
        layer = self._sent(SOLO_LAYERS)
        if layer is not None:
            self._session.put_layers(self._session.layers.soloed(layer))

    @Slot()
    def _mute(self) -> None:
        group = self._sent(MUTES)
        if group is not None:
            self._session.set_muted(self._session.muted ^ {group})

    @Slot()
    def _mute_all_but(self) -> None:
        group = self._sent(MUTE_SOLOS)
        if group is not None:
            self._session.set_muted(frozenset(GROUPS) - {group})

    @Slot()
    def do_mute_none(self) -> None:
        self._session.set_muted(frozenset())
