"""What every callback of a view passes, and every value: an error shows in the view, and a wrong value stays out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from html import escape
from typing import Any, ClassVar, ParamSpec, TypeVar, cast

import ipywidgets as widgets
import traitlets as t

ENVIRONMENT_VARIABLE = "ASM_INTERP_STRICT"
"""Set in tests: the guard then shows an error and raises it too."""

P = ParamSpec("P")
R = TypeVar("R")


def guarded(method: Callable[P, R]) -> Callable[P, R | None]:
    """Decorate a view's callback: an error shows in the view, and is raised if `strict`."""

    @wraps(method)
    def callback(*arguments: P.args, **named: P.kwargs) -> R | None:
        try:
            return method(*arguments, **named)
        except Exception as error:  # whatever it is, it must be seen
            view = cast("Guarded", arguments[0])
            view.say(str(error) or type(error).__name__, error=True)
            if view.strict if view.strict is not None else os.environ.get(ENVIRONMENT_VARIABLE):
                raise
            return None

    return callback


class Refused(t.TraitError, ValueError):
    """A value that a trait does not take; the message says what was expected and what was found."""


def checks(*names: str) -> Callable[[Callable[[Any, Any], Any]], Any]:
    """Decorate a method that takes a value for these traits and returns what they are to hold.

    What it raises refuses the value, as a `Refused`: the trait then stays what it was, also where several are set under
    `hold_trait_notifications`.
    """

    def decorate(method: Callable[[Any, Any], Any]) -> Any:
        def check(view: Any, proposal: dict[str, Any]) -> Any:
            try:
                return method(view, proposal["value"])
            except (TypeError, ValueError) as error:
                raise Refused(str(error)) from error

        return t.validate(*names)(check)

    return decorate


def between(value: float, low: float, high: float, what: str) -> float:
    """A number from `low` to `high`, both included.

    Raises
    ------
    ValueError
        If it is none, or NaN.
    """
    if not low <= value <= high:
        raise ValueError(f"{what} lies between {low:g} and {high:g}, got {value:g}")
    return value


def one_of(value: Any, choices: Iterable[Any], what: str) -> Any:
    """One of some choices.

    Raises
    ------
    ValueError
        If it is none; the message lists them.
    """
    if value not in (known := list(choices)):
        raise ValueError(f"{what} is one of {', '.join(map(str, known))}, got {value!r}")
    return value


class Guarded(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A box with a line for messages: errors in red, and a sign while something takes time.

    A value that one of its traits refuses is such an error, until one is taken; whoever set it gets the exception too.
    """

    strict: ClassVar[bool | None] = None
    """Whether errors are raised as well as shown; None leaves it to the environment variable."""

    _refusal = ""  # what the line says of a value that was refused

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
        """Show a sign while the block runs; it is sent before the block starts. An error shown meanwhile stays."""
        self.say(what)
        yield
        if 'role="alert"' not in self.status.value:
            self.say()

    def __setattr__(self, name: str, value: Any) -> None:
        if not self.has_trait(name):
            super().__setattr__(name, value)
            return
        try:
            super().__setattr__(name, value)
        except t.TraitError as error:
            self.say(str(error), error=True)
            self._refusal = self.status.value
            raise
        if self._refusal and self.status.value == self._refusal:
            self.say()

    @guarded
    def take(self, name: str, control: widgets.Widget, key: str = "value") -> None:
        """Set a trait to what a control holds; if that is refused, the control goes back to what the trait holds."""
        try:
            setattr(self, name, getattr(control, key))
        finally:
            setattr(control, key, getattr(self, name))

    def link(self, name: str, control: widgets.Widget) -> None:
        """Let a trait and a control's value follow each other; `take` judges what comes from the control."""
        t.dlink((self, name), (control, "value"))
        control.observe(lambda _: self.take(name, control), "value")
