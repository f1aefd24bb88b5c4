"""Buttons under a view that save what it shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets

from asm_interp.widgets.guard import Guarded, guarded


class SaveBar(Guarded):
    """A name, and buttons that save a view under it; files that are there stay, and the new ones get a number.

    Parameters
    ----------
    stem : str
        Name to begin with: a path without suffix, relative to the folder that Python runs in.
    save, to_html : callable
        Those of `asm_interp.widgets.view.View`.
    """

    def __init__(self, stem: str, save: Callable[[Path], list[Path]], to_html: Callable[[Path], Path]) -> None:
        super().__init__()
        self._save, self._to_html = save, to_html
        self.status.layout.min_height = "0"
        self.stem = widgets.Text(
            stem,
            description="Save as",
            continuous_update=False,
            tooltip="Path without suffix, from the folder that Python runs in",
            layout=widgets.Layout(width="290px"),
        )
        self.figure_button = widgets.Button(
            description="Picture and numbers",
            tooltip="PNG, CSV, and where they come from as JSON",
            layout=widgets.Layout(width="170px"),
        )
        self.page_button = widgets.Button(
            description="Offline page",
            tooltip="One HTML file with every step of the main control, for people without Python",
            layout=widgets.Layout(width="120px"),
        )
        self.figure_button.on_click(self._save_figure)
        self.page_button.on_click(self._save_page)
        self.children = [widgets.HBox([self.stem, self.figure_button, self.page_button]), self.status]

    @guarded
    def _save_figure(self, _: object) -> None:
        with self.working("saving…"):
            written = self._save(self._free("png", "csv", "json"))
        self.say(f"Wrote {', '.join(path.name for path in written)} in {written[0].resolve().parent}")

    @guarded
    def _save_page(self, _: object) -> None:
        with self.working("drawing every step…"):
            stem = self._free("html")
            page = self._to_html(stem.with_name(f"{stem.name}.html"))
        self.say(f"Wrote {page.resolve()}")

    def _free(self, *suffixes: str) -> Path:
        """The stem, numbered if it is taken by a file with one of the suffixes."""
        given = self.stem.value.strip()
        if not given or given.endswith(("/", os.sep)):
            raise ValueError(f"expected a name for the files, as results/crop, got {given!r}")
        wanted = Path(given).expanduser()
        stem, number = wanted, 1
        while any(stem.with_name(f"{stem.name}.{suffix}").exists() for suffix in suffixes):
            number += 1
            stem = wanted.with_name(f"{wanted.name}-{number}")
        return stem
