"""Previous, a slider, next: one photo or scene of many."""

from __future__ import annotations

import ipywidgets as widgets
import traitlets as t


class Stepper(widgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """A number from 0 to `count` - 1; people count from 1.

    Parameters
    ----------
    what : str
        What is counted, as "Photo".

    Attributes
    ----------
    value, count : int
    """

    value = t.Int(0)
    count = t.Int(1)

    def __init__(self, what: str) -> None:
        self.before, self.after = (
            widgets.Button(icon=icon, tooltip=f"{when} {what.lower()}", layout=widgets.Layout(width="36px"))
            for icon, when in (("arrow-left", "Previous"), ("arrow-right", "Next"))
        )
        self.slider = widgets.IntSlider(
            1, 1, 1, description=what, tooltip=f"Arrow keys step through them: {what.lower()} number"
        )
        self.slider.layout.width = "250px"
        super().__init__([self.slider, self.before, self.after])
        self.slider.observe(lambda change: self.set_trait("value", change["new"] - 1), "value")
        self.before.on_click(lambda _: self.step(-1))
        self.after.on_click(lambda _: self.step(1))

    def step(self, by: int) -> None:
        """Go on, round from the last to the first."""
        self.value = (self.value + by) % self.count

    @t.validate("value")
    def _within(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] < self.count:
            raise t.TraitError(f"expected a number from 0 to {self.count - 1}, got {proposal['value']}")
        return proposal["value"]

    @t.observe("value", "count")
    def _follow(self, _: object) -> None:
        self.slider.max = self.count
        self.slider.value = self.value + 1
