"""A computation in the background: progress, Cancel and errors."""

from threading import Event

import pytest

from asm_interp.analysis.crop_input import Progress
from asm_interp.widgets.background import Background
from asm_interp.widgets.guard import Guarded, guarded


class Counting:
    """Counts to ten, and waits after the first step until it is let go."""

    def __init__(self) -> None:
        self.entered, self.go_on, self.kept = Event(), Event(), 0

    def __call__(self, progress: Progress) -> None:
        for step in range(1, 11):
            progress(step, 10)
            self.entered.set()
            assert self.go_on.wait(10)
        self.kept += 1


def test_run_computes_at_once_and_leaves_a_full_bar() -> None:
    view, work = Guarded(), Counting()
    work.go_on.set()
    task = Background(view, work)
    task.run()
    assert work.kept == 1
    assert (task.bar.value, task.bar.max, task.told.value) == (10, 10, "10 of 10")
    assert not task.running
    assert not task.start_button.disabled
    assert task.cancel_button.disabled
    assert view.status.value == ""


def test_a_click_on_run_returns_while_the_work_goes_on() -> None:
    view, work = Guarded(), Counting()
    task = Background(view, work)
    task.start_button.click()
    assert work.entered.wait(10)
    assert task.running
    assert task.start_button.disabled
    assert "working" in view.status.value
    assert task.told.value == "1 of 10"
    task.start()  # is under way: nothing more happens
    with pytest.raises(RuntimeError, match="already"):
        task.run()
    work.go_on.set()
    task.wait(10)
    assert (work.kept, task.running, view.status.value) == (1, False, "")


def test_cancel_stops_the_work_at_its_next_report_and_says_so() -> None:
    view, work = Guarded(), Counting()
    task = Background(view, work)
    task.start_button.click()
    assert work.entered.wait(10)
    task.cancel_button.click()
    work.go_on.set()
    task.wait(10)
    assert work.kept == 0
    assert "Cancelled" in view.status.value
    task.run()  # and can be started again
    assert work.kept == 1


def test_an_error_shows_and_is_raised_to_who_waits_if_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(progress: Progress) -> None:
        progress(0, 2)
        raise ValueError("no such crop")

    view = Guarded()
    task = Background(view, fail)
    task.start()
    with pytest.raises(ValueError, match="no such crop"):
        task.wait(10)
    assert 'role="alert"' in view.status.value
    assert "no such crop" in view.status.value
    assert not task.running
    with pytest.raises(ValueError, match="no such crop"):
        task.run()
    monkeypatch.setattr(Guarded, "strict", False)
    task.start()
    task.wait(10)
    assert "no such crop" in view.status.value


def test_what_is_said_inside_the_work_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shy(Guarded):
        @guarded
        def show(self) -> None:
            with self.working("drawing…"):
                raise ValueError("nothing to show")

    monkeypatch.setattr(Guarded, "strict", False)
    view = Shy()
    task = Background(view, lambda progress: view.show())
    task.run()
    assert "nothing to show" in view.status.value
    with view.working(), view.working("reading…"):
        assert "reading" in view.status.value
    assert view.status.value == ""


def test_waiting_has_an_end() -> None:
    work = Counting()
    task = Background(Guarded(), work)
    task.start()
    with pytest.raises(TimeoutError, match="still computing"):
        task.wait(0.01)
    work.go_on.set()
    task.wait(10)
