"""What the optimiser's thread takes up of what the window asked for, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

pytest.importorskip("PySide6")

from neuface_studio.worker.requests import Requests


def at(iteration: int) -> Callable[[str], int]:
    return lambda run: iteration


def test_a_run_goes_on_until_its_target_and_not_beyond() -> None:
    asked = Requests("", 0)
    asked.start("branch", 5)
    turn = asked.take(at(4))
    assert turn.go and not turn.single and turn.run == "branch"
    assert not asked.take(at(5)).go
    asked.aim(9)
    assert not asked.take(at(5)).go, "it rests now; another target does not start it"


def test_single_steps_are_counted_and_end_a_run_that_goes_on() -> None:
    asked = Requests("", 100)
    asked.start("", 100)
    asked.step("")
    asked.step("")
    assert [asked.take(at(3)).single for _ in range(3)] == [True, True, False]
    assert not asked.take(at(3)).go


def test_jobs_wait_until_nothing_runs_and_come_before_single_steps() -> None:
    asked = Requests("", 100)
    done: list[str] = []
    asked.start("", 100)
    asked.at_rest(lambda: done.append("job"))
    assert asked.take(at(0)).go
    asked.pause()
    asked.step("")
    turn = asked.take(at(1))
    assert turn.job is not None and not turn.go
    turn.job()
    assert done == ["job"] and asked.take(at(1)).single


def test_another_run_is_chosen_only_at_rest() -> None:
    asked = Requests("", 100)
    asked.activate("branch")
    assert asked.run == "branch"
    asked.start("", 100)
    asked.activate("branch")
    assert asked.run == ""


@pytest.mark.parametrize("ask", ["start", "step", "at_rest", "begin", "stop", "other"])
def test_every_wish_wakes_who_waits(ask: str) -> None:
    asked = Requests("", 100)
    other = threading.Event()
    sleeper = (
        threading.Thread(target=asked.wait_to_begin)
        if ask == "begin"
        else threading.Thread(target=asked.wait, args=(other.is_set,))
    )
    sleeper.start()
    sleeper.join(0.05)
    assert sleeper.is_alive()
    if ask == "other":
        other.set()
        with asked.changed:
            asked.changed.notify()
    else:
        arguments = {"start": ("", 5), "step": ("",), "at_rest": (print,)}.get(ask, ())
        getattr(asked, ask)(*arguments)
    sleeper.join(5)
    assert not sleeper.is_alive()


def test_who_is_to_leave_takes_nothing_and_does_not_begin() -> None:
    asked = Requests("", 100)
    asked.start("", 100)
    asked.stop()
    assert asked.take(at(0)) is None and not asked.wait_to_begin()
