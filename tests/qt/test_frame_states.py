"""What is known of each frame, along the axis: suspect, not fitted, without a face; in words, shape and colour."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from neuface_engine.optimization.repairs import Excluded
from neuface_engine.places import Place
from neuface_engine.review.flags import Flag
from neuface_studio import theme
from neuface_studio.frame_states import FrameRun, FrameState, frame_runs
from neuface_studio.widgets.axis_slider import AxisSlider

NAMES = ("front", "left")
JUMP = Flag("jump", 12.0, 8.0, "%", "the mesh jumps", "jump_percent")


def states(runs: list[FrameRun], frames: int) -> list[FrameState]:
    result = [FrameState.OK] * frames
    for run in runs:
        result[run.first : run.last + 1] = [run.state] * (run.last - run.first + 1)
    return result


def test_each_frame_has_the_gravest_state_and_its_reasons() -> None:
    detected = np.ones((8, 2), bool)
    detected[2, 1] = detected[3] = False
    runs = frame_runs(
        detected,
        NAMES,
        [Excluded(5, 6), Excluded(7, 7, "left")],
        [(JUMP, (Place(0, 0, 1, 12.0), Place(2, 2, 0)))],
    )
    ok, suspect, part, not_fitted, no_face = FrameState
    assert states(runs, 8) == [suspect, ok, part, no_face, ok, not_fitted, not_fitted, part]
    words = {run.first: run.words for run in runs}
    assert words[0] == "suspect: jump in left" and words[2] == "no face in left; suspect: jump in front"
    assert words[5].startswith("not fitted") and words[7] == "left out in left"


def test_what_is_true_of_the_whole_clip_marks_no_frame() -> None:
    detected = np.ones((4, 2), bool)
    lag = Flag("out of sync", 2.0, 0.5, "frames", "late", "views_lag_frames")
    missing = Flag("no face", 0.2, 0.1, "share", "no face", "no_face_share")
    assert frame_runs(detected, NAMES, [Excluded(view="left")], [(lag, (Place(0, 3, 1),))]) == []
    assert frame_runs(detected, NAMES, (), [(missing, (Place(1, 1, 1),))]) == []


@pytest.mark.parametrize(
    ("state", "above", "below"),
    [
        (FrameState.SUSPECT, theme.AMBER, None),
        (FrameState.PART, None, theme.RED),
        (FrameState.NO_FACE, theme.RED, theme.RED),
    ],
)
def test_a_state_is_told_by_its_place_as_well_as_its_colour(
    state: FrameState, above: str | None, below: str | None, qtbot: QtBot
) -> None:
    slider = AxisSlider(theme.TEXT_SOFT)
    qtbot.addWidget(slider)
    slider.resize(400, 26)
    slider.setRange(0, 9)
    plain = slider.grab().toImage()
    slider.set_runs([FrameRun(5, 6, state, "words")])
    marked = slider.grab().toImage()
    x = round(slider._x(5.5))

    def drawn(y: int) -> str | None:
        colour = marked.pixelColor(x, y)
        return None if colour == plain.pixelColor(x, y) else colour.name().upper()

    assert (drawn(6), drawn(20)) == (above, below)
    assert slider.words_at(6) == "words" and slider.words_at(7) == ""
