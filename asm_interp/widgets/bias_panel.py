"""One column of the bias view: lift map, best and worst crops on a photo, corner table and what it depends on."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets
import numpy as np
from PIL import Image

from asm_interp.analysis.corner_coverage import TOLERANCES
from asm_interp.analysis.normalisation import Normalisation
from asm_interp.data.crops import CropSample
from asm_interp.widgets import charts, painter
from asm_interp.widgets.bias_reading import ADJUSTED, MATCHED, RAW, BiasReading, fraction
from asm_interp.widgets.canvas import MapCanvas, outline
from asm_interp.widgets.charts import Series, number
from asm_interp.widgets.rows import flow
from asm_interp.widgets.svg_image import svg_image

BEST, WORST, ZONE = painter.ACCENT, "#56B4E9", "#ffe600"
ALPHA = 0.05
_PLANE = (96, 128)  # of the blank photo under a lift map
_WIDTH = 400  # two columns fit beside JupyterLab's file browser on a screen of 1280 pixels
_SERIES = {"raw": RAW, "area, aspect held": ADJUSTED, "equal width and height": MATCHED}


class BiasPanel(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Pictures of one `BiasReading`.

    Parameters
    ----------
    whose : str
        "Annotations" or "Model".
    """

    def __init__(self, whose: str) -> None:
        self.whose = whose
        self.reading: BiasReading | None = None
        self.heading = widgets.HTML()
        self.lift = MapCanvas(width=194, height=156, opacity=1.0, pointed=True)
        self.crops = MapCanvas(width=194, height=156)
        self.under = widgets.HTML()
        self.forest, self.curve = widgets.HTML(), widgets.HTML()
        self.pictures = flow(self.lift, self.crops, space=6)
        super().__init__(
            [self.heading, self.pictures, self.under, self.forest, self.curve],
            layout=widgets.Layout(width=f"{_WIDTH + 6}px"),
        )
        self.lift.set_photo(np.full((*_PLANE, 3), 255, np.uint8), grey=False)

    def clear(self, why: str) -> None:
        """Show nothing but a reason."""
        self.reading = None
        self.heading.value = f"<div style='line-height:1.4'><b>{self.whose}</b>: {escape(why)}</div>"
        for part in (self.pictures, self.under, self.forest, self.curve):
            part.layout.display = "none"

    def show(self, reading: BiasReading) -> None:
        """Take a reading; the pictures follow by the other methods."""
        self.reading = reading
        for part in (self.pictures, self.under, self.forest, self.curve):
            part.layout.display = None
        crops = reading.crops
        left_out = f"; {len(crops.skipped)} photos left out" if crops.skipped else ""
        self.heading.value = (
            f"<div style='line-height:1.4'><b>{self.whose}: {escape(reading.name)}</b><br>"
            f"{len(crops)} photos, {crops.n_crops} crops{left_out}</div>"
        )
        self.draw_charts()

    def show_lift(self, size_held: bool, norm: Normalisation, only_significant: bool) -> None:
        """The inclusion lift over the photo plane; after tests, if wanted, only where it stands out over the map."""
        if self.reading is None:
            return
        lift, hides = self.reading.lifts[size_held], only_significant and self.reading.tested
        values = np.where(lift.p_adj < ALPHA, lift.lift, np.nan) if hides else lift.lift
        left_out = f"white: too few crops{f' or p ≥ {ALPHA:g}' if hides else ''}"
        self.lift.set_map(values, norm, "diverging", f"lift, SD of a photo's scores; {left_out}")
        self.lift.title = f"Inclusion lift, {'size held fixed' if size_held else 'raw'}"
        self.lift.alt = f"{self.lift.title} of {self.reading.name}: {self._told_lift(size_held)}"
        self._say(self._told_lift(size_held))

    def show_rows(self, tolerance: float) -> None:
        """The corner table for a tolerance, and its correlations over all tolerances."""
        if self.reading is None:
            return
        self.forest.value, self.curve.value = self._charts[tolerance]

    def draw_charts(self) -> None:
        """Draw the charts of every tolerance, so that the slider stays quick; again after tests."""
        if self.reading is not None:
            own = self.reading
            self._charts = {each: (self._forest(own, each), self._curve(own, each)) for each in TOLERANCES}

    @staticmethod
    def _forest(reading: BiasReading, tolerance: float) -> str:
        tests = "" if reading.tested else "; matched: run tests"
        title = f"Corners at τ = {fraction(tolerance)} (95 % intervals{tests})"
        return charts.forest(reading.drawn(tolerance), title=title, width=_WIDTH)

    @staticmethod
    def _curve(reading: BiasReading, tolerance: float) -> str:
        frame = reading.sweep.set_index(["statistic", "tolerance"])
        lines = []
        for name, statistic in _SERIES.items():
            rows = frame.loc[statistic].loc[list(TOLERANCES)]
            lines.append(Series(name, rows["estimate"], rows["ci_low"], rows["ci_high"]))
        return charts.curve(
            [f"{fraction(each)} ({100 * reading.coverage(each):.0f} %)" for each in TOLERANCES],
            lines,
            title="Spearman's ρ of score and corners covered",
            marker=TOLERANCES.index(tolerance),
            reference=0.0,
            x_name="τ, in sides of the photo (crops that cover a corner)",
            width=_WIDTH,
            height=180,
        )

    def show_photo(self, sample: CropSample, pixels: painter.Photo) -> None:
        """A photo, or what stands for it where it is not there."""
        self.crops.set_photo(pixels)
        self.crops.title = f"{sample.id}{'' if sample.has_photo else ' (photo not here)'}"

    def show_crops(self, sample: CropSample, n: int, tolerance: float) -> None:
        """Best crops in full lines, worst in dashes, and how near a corner counts as covered."""
        if self.reading is None:
            return
        height, width = sample.size()
        sides = np.array([width, height, width, height], dtype=np.float64)
        x, y = tolerance * width, tolerance * height
        marks = [
            outline([left, top, left + x, top + y], color=ZONE, width=1)
            for left in (0, width - x)
            for top in (0, height - y)
        ]
        found = self.reading.extremes(sample.id, n)
        told = "this photo is not among those examined"
        if found is not None:
            best, worst = (boxes * sides for boxes in found)
            marks += [outline(box, color=WORST, dash=True, width=1.5) for box in worst]
            marks += [outline(box, color=BEST, width=2) for box in best[::-1]]
            told = f"the {len(best)} best crops in orange, the {len(worst)} worst in blue dashes; corner zones yellow"
        self.crops.outlines = marks
        self.crops.alt = f"{sample.id} with {told}"

    def image(self) -> Image.Image:
        """The column as a picture."""
        title = painter.text_image(f"{self.whose}: {self.reading.name}" if self.reading else self.whose, _WIDTH, 14)
        below = [svg_image(part.value) for part in (self.forest, self.curve)]
        left, right = self.lift.image(), self.crops.image()
        row = Image.new("RGB", (_WIDTH, max(left.height, right.height)), "white")
        row.paste(left, (0, 0))
        row.paste(right, (_WIDTH - right.width, 0))
        return painter.stack([title, row, *below], gap=10)

    def _say(self, told: str) -> None:
        self.under.value = f"<div style='line-height:1.4;min-height:2.8em'>{escape(told)}</div>"

    def _told_lift(self, size_held: bool) -> str:
        assert self.reading is not None
        lift = self.reading.lifts[size_held]
        if not np.isfinite(lift.lift).any():
            return "too few crops hold, or leave out, any place"
        row, column = np.unravel_index(np.nanargmax(lift.lift), lift.lift.shape)
        height, width = lift.lift.shape
        told = (
            f"Highest lift {number(float(np.nanmax(lift.lift)))} at ({(column + 0.5) / width:.2f}, "
            f"{(row + 0.5) / height:.2f}), lowest {number(float(np.nanmin(lift.lift)))}"
        )
        if self.reading.tested:
            told += f"; {100 * float((lift.p_adj < ALPHA).mean()):.0f} % of places with p < {ALPHA:g} over the map"
        return f"{told}."

    def point(self, size_held: bool) -> None:
        """Numbers of the cell of the lift map under the mouse, or of the whole map."""
        if self.reading is None:
            return
        if not self.lift.pointer:
            self._say(self._told_lift(size_held))
            return
        lift = self.reading.lifts[size_held]
        (x, y), (height, width) = self.lift.pointer, lift.lift.shape
        u, v = min(max(x / _PLANE[1], 0), 1 - 1e-9), min(max(y / _PLANE[0], 0), 1 - 1e-9)
        row, column = int(v * height), int(u * width)
        told = f"At ({u:.2f}, {v:.2f}): lift {number(float(lift.lift[row, column]))}"
        if self.reading.tested:
            told += f" [{number(float(lift.low[row, column]))}, {number(float(lift.high[row, column]))}]"
            told += f", p adj. {number(float(lift.p_adj[row, column]))}"
        self._say(f"{told}; {100 * float(lift.coverage[row, column]):.0f} % of crops hold it.")
