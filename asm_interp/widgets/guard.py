"""The one guard that every callback of a view passes: an error inside a callback would otherwise vanish."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from html import escape
from typing import Any, ClassVar, ParamSpec, TypeVar, cast

import ipywidgets as widgets

ENVIRONMENT_VARIABLE = "ASM_INTERP_STRICT"
"""Set in tests: the guard then shows an error and raises it too."""

P = ParamSpec("P")
R = TypeVar("R")


class Guarded(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A box with a line for messages: errors in red, and a sign while something takes time."""

    strict: ClassVar[bool | None] = None
    """Whether errors are raised as well as shown; None leaves it to the environment variable."""

    def __init__(self, **options: Any) -> None:
        self.status = widgets.HTML(layout=widgets.Layout(min_height="1.4em", margin="0"))
        super().__init__(**options)

    def say(self, message: str = "", *, error: bool = False) -> None:
        """Show a message, read out by screen readers; an empty one clears the line."""
        role, colour = ("alert", "#b00020") if error else ("status", "inherit")
        self.status.value = (
            f'<div role="{role}" aria-live="polite" style="color:{colour};white-space:pre-wrap">{escape(message)}</div>'
            if message
            else ""
        )

    @contextmanager
    def working(self, what: str = "working…") -> Iterator[None]:
        """Show a sign while the block runs; it is sent before the block starts."""
        self.say(what)
        yield
        self.say()


def guarded(method: Callable[P, R]) -> Callable[P, R | None]:
    """Decorate a view's callback: an error shows in the view, and is raised if `strict`."""

    @wraps(method)
    def callback(*arguments: P.args, **named: P.kwargs) -> R | None:
        try:
            return method(*arguments, **named)
        except Exception as error:  # whatever it is, it must be seen
            view = cast(Guarded, arguments[0])
            view.say(str(error) or type(error).__name__, error=True)
            if view.strict if view.strict is not None else os.environ.get(ENVIRONMENT_VARIABLE):
                raise
            return None

    return callback
