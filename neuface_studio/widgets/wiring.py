"""Which panel follows what: the signals of the models and panels, connected to the slots of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow


def connect(window: MainWindow) -> None:
    """Connect everything, once, when all panels are there."""
    session, controller = window.session, window.controller
    session.footage_changed.connect(window.on_footage)
    session.noticed.connect(window.notices.show_notice)
    session.withdrawn.connect(window.notices.withdraw)
    session.task_changed.connect(window.start_page.show_task)
    session.task_changed.connect(window.on_task)
    window.exporter.task_changed.connect(window.status_line.show_task)
    window.status_line.cancelled.connect(window.exporter.cancel)
    window.queue.changed.connect(window.on_queue)
    window.queue.task_changed.connect(window.queue_panel.show_task)
    window.adder.task_changed.connect(window.queue_panel.adding.show_task)
    window.adder.task_changed.connect(window.on_adding)
    window.adder.added.connect(window.on_added)
    window.queue_panel.adding.cancelled.connect(window.adder.cancel)
    window.queue_panel.chosen.connect(window.queue.open_row)
    window.queue_panel.dropped.connect(window.add_footage)
    window.queue_panel.cancelled.connect(window.queue.cancel)
    window.queue_panel.left.connect(window.on_queue_left)
    window.preferences.changed.connect(window.on_preferences)
    controller.results.kept.connect(window.review_bar.refresh)  # the sequence has its name by then
    session.marks.changed.connect(window.transport.show_marks)
    session.run_state_changed.connect(window.update_actions)
    session.history_changed.connect(window.update_actions)
    session.layers_changed.connect(window.update_checks)
    session.muted_changed.connect(window.update_checks)
    session.repairing_changed.connect(window.update_checks)
    window.view_grid.handling.moved.connect(controller.repairs.move)
    controller.leaving.connect(window.view_grid.handling.put_down)
    window.face_chooser.chosen.connect(window.face_switch.follow)
    window.face_chooser.changed.connect(window.update_checks)
    window.face_switch.reviewer_name = window.review_bar.reviewer_name
    controller.repairs.reviewer_name = window.review_bar.reviewer_name
    session.follow_changed.connect(window.update_checks)
    session.selection_changed.connect(window.update_checks)
    session.posed_changed.connect(window.update_checks)
    session.frame_changed.connect(window.on_frame_requested)
    controller.opening.connect(window.on_opening)
    controller.window_still_changed.connect(window.view_grid.set_still)
    controller.window_still_changed.connect(window.view3d.set_still)
    window.start_page.source_chosen.connect(window.open_path)
    window.start_page.cancelled.connect(controller.cancel_loading)
    window.start_page.cancelled.connect(window.on_cancelled)
    window.view_grid.pointed.connect(window.compare_bar.read)
    window.view_grid.refreshed.connect(window.on_refreshed)
    window.view_grid.refreshed.connect(window.desk.watcher.shown)
    window.desk.going.listed = window.listed
    window.queue.model.modelReset.connect(window.desk.going.renew)
    window.queue.model.layoutChanged.connect(window.desk.going.renew)
    window.queue.reviewer_name = window.desk.reviewer
    window.queue.model.as_shown = window.desk.as_shown
    window.desk.flagger.recorded.connect(window.queue.model.refresh_rows)
    window.desk.flagger.changed.connect(window.queue.refresh_soon)
    window.desk.holding.others_spoke.connect(window.queue.refresh_soon)
    window.desk.holding.others_spoke.connect(controller.results.show_judgement)
    window.desk.adjudicating_changed.connect(window.update_checks)
    window.trials.changed.connect(window.on_blind)
    for dock, panel in (
        (window.side_docks[0], window.view3d),
        (window.slit_dock, window.slit_panel),
        (window.paper_dock, window.paper_panel),
    ):
        dock.visibilityChanged.connect(panel.show_up)
    pages = window.review_panels
    to_front = (pages.order_to_front, pages.reviewers_to_front, pages.proof_to_front)
    for page, come_to_front in zip(window.review_docks[1:], to_front, strict=True):
        page.visibilityChanged.connect(come_to_front)
    window.view_grid.scale_changed.connect(window.layer_panel.show_scale)
