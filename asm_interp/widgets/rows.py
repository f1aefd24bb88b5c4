"""Rows of widgets that wrap where a notebook is narrow."""

from __future__ import annotations

import ipywidgets as widgets


def flow(*children: widgets.Widget, space: int = 12) -> widgets.HBox:
    """Widgets side by side, `space` pixels apart, on as many lines as they need; none of them shrinks."""
    for child in children:
        child.layout.margin = f"2px {space}px 4px 0"
        child.layout.flex = "0 0 auto"
    return widgets.HBox(list(children), layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start"))
