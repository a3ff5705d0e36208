"""Running the optimisation and moving through its iterations."""

from __future__ import annotations

from PySide6.QtCore import Slot

from neuface_studio.model import RunState
from neuface_studio.widgets.branch_sheet import BranchSheet
from neuface_studio.widgets.commands.base import Commands
from neuface_studio.widgets.rename_sheet import RenameSheet


class RunCommands(Commands):
    """The Run menu."""

    @Slot()
    def do_toggle_run(self) -> None:
        self._window.controller.toggle_run()

    @Slot()
    def do_step_once(self) -> None:
        self._window.controller.step_once()

    @Slot()
    def do_step_expectation(self) -> None:
        if self._session.run_state == RunState.RUNNING:
            self._window.controller.toggle_run()
        self._session.set_follow(True)
        self._session.set_layers(ghost=True)

    @Slot()
    def do_step_maximization(self) -> None:
        self._window.controller.step_once()

    @Slot()
    def do_branch(self) -> None:
        controller, record = self._window.controller, self._session.record()
        settings = controller.settings()
        if record is None or settings is None or record.saved:
            self._session.notify("info", "There is nothing to branch from yet: run the optimisation first.")
            return
        sheet = BranchSheet(record.title, settings, self._window)
        # While the sheet is open the run may go on, and another iteration be shown.
        sheet.chosen.connect(lambda changes: controller.branch(changes, record))
        self._session.footage_changed.connect(sheet.reject)
        sheet.show()

    @Slot()
    def do_rename_run(self) -> None:
        RenameSheet(self._session, self._window).open()

    @Slot()
    def do_fit_flame(self) -> None:
        self._window.controller.fit()

    @Slot()
    def do_toggle_follow(self) -> None:
        self._session.set_follow(not self._session.follow)

    @Slot()
    def do_iteration_back(self) -> None:
        self._session.step_iteration(-1)

    @Slot()
    def do_iteration_forward(self) -> None:
        self._session.step_iteration(1)

    @Slot()
    def do_iteration_first(self) -> None:
        if self._session.indices:
            self._session.show_iteration(self._session.indices[0])

    @Slot()
    def do_iteration_last(self) -> None:
        self._session.set_follow(True)

    @Slot()
    def do_restart_run(self) -> None:
        self._window.controller.restart_run()
