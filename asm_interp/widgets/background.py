"""A long computation behind a button: its progress shows, it can be cancelled, and the view answers meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread, current_thread

import ipywidgets as widgets
import traitlets as t

from asm_interp.analysis.crop_input import Progress
from asm_interp.widgets.guard import Guarded, guarded

Work = Callable[[Progress], None]


class _Cancelled(Exception):
    """Raised inside a computation when it reports its progress after Cancel."""


class Background(widgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """Buttons Run and Cancel, and a bar between them.

    Run starts a thread, so that the kernel is free to hear of Cancel. From code, `run` computes at once.

    Parameters
    ----------
    view : Guarded
        Shows messages and errors of the computation.
    work : callable
        Does it all, results included. Called with a function that it tells, now and then, how much is done of how
        much; that function raises after Cancel, and what is to be kept is kept only after the last such call.
    label, tooltip : str
        Of the button Run.

    Attributes
    ----------
    running : bool
        Read it, do not set it.
    """

    running = t.Bool(False)

    def __init__(self, view: Guarded, work: Work, label: str = "Run", tooltip: str = "") -> None:
        self._view, self._work = view, work
        self._stop = Event()
        self._thread: Thread | None = None
        self._error: Exception | None = None
        self.start_button = widgets.Button(description=label, tooltip=tooltip, button_style="primary")
        self.cancel_button = widgets.Button(description="Cancel", tooltip="Stop; nothing is kept", disabled=True)
        self.bar = widgets.IntProgress(0, 0, 1, layout=widgets.Layout(width="180px"))
        self.told = widgets.HTML()
        super().__init__([self.start_button, self.cancel_button, self.bar, self.told])
        self.start_button.on_click(lambda _: self.start())
        self.cancel_button.on_click(lambda _: self.cancel())

    def start(self) -> None:
        """Compute in a thread; nothing happens if that is under way."""
        if not self.running:
            self._begin()
            self._thread = Thread(target=self._in_thread, daemon=True)
            self._thread.start()

    def run(self) -> None:
        """Compute now and return when it is done, or cancelled from another thread.

        Raises
        ------
        RuntimeError
            If it is under way already.
        """
        if self.running:
            raise RuntimeError("it is being computed already: wait for it, or cancel it")
        self._begin()
        _compute(self._view, self)

    def cancel(self) -> None:
        """Ask the computation to stop when it next tells its progress."""
        self._stop.set()
        self.cancel_button.disabled = True

    def wait(self, seconds: float | None = None) -> None:
        """Wait for a computation in a thread.

        Raises
        ------
        TimeoutError
            If it takes longer than this.
        Exception
            What the computation raised, if the view is strict.
        """
        if self._thread is not None and self._thread is not current_thread():
            self._thread.join(seconds)
            if self._thread.is_alive():
                raise TimeoutError(f"still computing after {seconds} s")
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _begin(self) -> None:
        self._stop.clear()
        self._error = None
        self.start_button.disabled, self.cancel_button.disabled = True, False
        self._tell(0, 0)
        self.running = True

    def _end(self) -> None:
        self.start_button.disabled, self.cancel_button.disabled = False, True
        self.running = False

    def _in_thread(self) -> None:
        try:
            _compute(self._view, self)
        except Exception as error:  # shown already; a thread has nobody to raise it to
            self._error = error

    def _tell(self, done: int, total: int) -> None:
        self.bar.max, self.bar.value = max(total, 1), min(done, max(total, 1))
        self.told.value = f"{done} of {total}" if total else ""

    def progress(self, done: int, total: int) -> None:
        """What the computation calls."""
        if self._stop.is_set():
            raise _Cancelled
        self._tell(done, total)


@guarded
def _compute(view: Guarded, background: Background) -> None:
    try:
        with view.working():
            background._work(background.progress)
    except _Cancelled:
        view.say("Cancelled; nothing was kept.")
    finally:
        background._end()
