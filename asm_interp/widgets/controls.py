"""Controls that several views have."""

from __future__ import annotations

from collections.abc import Iterable

import ipywidgets as widgets
import traitlets as t

from asm_interp.model.checkpoint import list_checkpoints
from asm_interp.widgets.canvas import MapCanvas
from asm_interp.widgets.guard import Guarded


def checkpoint_menu(view: Guarded, names: Iterable[str] | None = None) -> widgets.Dropdown:
    """Menu of checkpoints, of all at hand by default, linked to a view's trait; another one (a path) is put first."""
    names = list_checkpoints()["name"].tolist() if names is None else list(names)
    menu = widgets.Dropdown(
        options=names if view.checkpoint in names else [view.checkpoint, *names],
        value=view.checkpoint,
        description="Model",
        tooltip="Checkpoint whose scores are shown",
        layout=widgets.Layout(width="270px"),
    )

    def widen(change: dict[str, str]) -> None:
        if change["new"] not in menu.options:
            menu.options = [change["new"], *menu.options]
            menu.value = change["new"]

    view.observe(widen, "checkpoint")
    view.link("checkpoint", menu)
    return menu


def data_set_controls(view: Guarded, names: Iterable[str]) -> tuple[widgets.Dropdown, widgets.Text, widgets.Dropdown]:
    """Menu of data sets, their folder and their split, linked to a view's traits ``data``, ``root`` and ``split``."""
    controls = (
        widgets.Dropdown(
            options=list(dict.fromkeys(names)),
            description="Data",
            tooltip="Annotated crops: planted worlds, or a published data set from its folder",
            layout=widgets.Layout(width="340px"),
        ),
        widgets.Text(
            placeholder="folder of the data set, then Enter",
            continuous_update=False,
            tooltip="Folder with the data set's files, for published data",
            layout=widgets.Layout(width="250px"),
        ),
        widgets.Dropdown(
            options=["all", "train", "val", "test"],
            description="Split",
            tooltip="Which part of the data set",
            layout=widgets.Layout(width="165px"),
        ),
    )
    for name, control in zip(("data", "root", "split"), controls, strict=True):
        view.link(name, control)
    return controls


def opacity_slider(view: Guarded, *canvases: MapCanvas) -> widgets.FloatSlider:
    """Slider for the trait ``opacity`` of a view and its canvases; the browser follows it by itself."""
    slider = widgets.FloatSlider(
        value=view.opacity,
        min=0.0,
        max=1.0,
        step=0.05,
        description="Opacity",
        tooltip="Of the map over the photo; at 0 the photo is in colour",
        layout=widgets.Layout(width="250px"),
    )
    view.link("opacity", slider)
    for canvas in canvases:
        t.dlink((view, "opacity"), (canvas, "opacity"))
        widgets.jsdlink((slider, "value"), (canvas, "opacity"))
    return slider
