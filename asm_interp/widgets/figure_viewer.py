"""FigureViewer: figures and tables that were written to files, each with where it comes from."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd
import traitlets as t

from asm_interp.widgets.guard import Guarded, checks, guarded, one_of


class FigureViewer(Guarded):
    """One figure at a time, and its provenance.

    Parameters
    ----------
    paths : iterable of path
        Figures (PNG) or tables (CSV), with the JSON of each beside it, as `asm-interp figures` writes them; other
        files are passed over, and of a figure its CSV.

    Attributes
    ----------
    figure : str
        Name of the one on view.

    Raises
    ------
    ValueError
        If there is no figure among the paths.
    """

    figure = t.Unicode()

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        found = sorted(map(Path, paths), key=lambda path: path.suffix == ".png")  # a PNG takes the place of its CSV
        self.paths = {path.stem: path for path in found if path.suffix in (".png", ".csv")}
        if not self.paths:
            raise ValueError(f"expected figures (.png) or tables (.csv), got {[str(path) for path in found]}")
        super().__init__()
        self.slider = widgets.SelectionSlider(
            options=sorted(self.paths),
            description="Figure",
            tooltip="Figure or table on view",
            layout=widgets.Layout(width="420px"),
        )
        # Without a tooltip: an image that has one has no view in JupyterLab (ipywidgets 8.1). The text is below it.
        self.picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%", width="820px"))
        self.table, self.provenance = widgets.HTML(), widgets.HTML()
        self.children = [self.slider, self.status, self.picture, self.table, self.provenance]
        self.figure = self.slider.value
        self.link("figure", self.slider)
        self._show(None)
        self.observe(self._show, "figure")

    @checks("figure")
    def _check_figure(self, value: str) -> Any:
        return one_of(value, sorted(self.paths), "a figure")

    @guarded
    def _show(self, _: object) -> None:
        from asm_interp.plots.provenance import read_provenance

        self.say()
        path = self.paths[self.figure]
        drawn = path.suffix == ".png"
        told = read_provenance(path.with_suffix(".json"))
        with self.hold_sync():
            if drawn:
                self.picture.value = path.read_bytes()
            self.table.value = "" if drawn else pd.read_csv(path, dtype=str).fillna("").to_html(index=False, border=0)
            self.picture.layout.display = None if drawn else "none"
            self.provenance.value = f'<pre style="white-space:pre-wrap;line-height:1.3">{escape(str(told))}</pre>'

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The live view, and where that cannot run the figure or table on view."""
        bundle = dict(super()._repr_mimebundle_(**options) or {})
        if self.paths[self.figure].suffix == ".png":
            bundle["image/png"] = b64encode(self.picture.value).decode()
        return bundle | {"text/html": self.table.value + self.provenance.value, "text/plain": f"figure {self.figure}"}
