"""What any crop of one photo reads, fast enough to follow a mouse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from asm_interp.analysis.explanation import explain_circle
from asm_interp.analysis.normalisation import Normalisation
from asm_interp.analysis.partitions import partition_matrix
from asm_interp.geometry.boxes import FloatArray, check_boxes
from asm_interp.geometry.candidates import anchor_boxes
from asm_interp.model.pooling import edges, integral_image, table_integrals
from asm_interp.model.score_map import ScoreMap, crop_scores
from asm_interp.search import search_crops
from asm_interp.widgets import painter

Shape = Literal["rectangle", "circle"]

_VALUES = 200_000  # that a scale is fitted on; more would only take time


@dataclass(frozen=True, eq=False)
class CropReading:
    """What one crop reads; scores as of `asm_interp.explain_crop`.

    Attributes
    ----------
    score : float
    partitions : DataFrame
        partition, area, own and offset, which add up to the partition's contribution to the score: offset is the part
        that any crop of the photo has, own what this one has beyond.
    phi : array of uint8, [h', w']
        Index image of φ, channel means taken off: the map pixels whose centres lie in the crop, each of the channel
        of the partition that its centre lies in.
    box : list of float, [4]
        What `phi` covers: x1, y1, x2, y2 in photo pixels, on borders of map pixels.
    """

    score: float
    partitions: pd.DataFrame
    phi: painter.Indices
    box: list[float]


class CropReader:
    """Reads crops of one score map.

    Parameters
    ----------
    score_map : ScoreMap

    Attributes
    ----------
    norm : Normalisation
        Scale of φ, the same for every crop of the photo; 0 is the photo's mean of each channel.
    channels : array of uint8, [L, h, w]
        Index images of the channels, each less its mean over the photo, on that scale.
    limits : (float, float)
        Ends of an axis that holds most partitions' own contributions.
    """

    def __init__(self, score_map: ScoreMap) -> None:
        self.score_map = score_map
        self.centred = score_map.centred()
        values = self.centred.values
        step = max(1, int(np.ceil(np.sqrt(values.numel() / _VALUES))))
        self.norm = Normalisation.fit(values[:, ::step, ::step].numpy(), mode="percentile", center=0.0)
        self.channels = painter.indices(values.numpy(), self.norm)
        self._table = integral_image(values)
        self._means = score_map.values.double().mean((1, 2)).numpy()
        self._best: dict[tuple[str, Shape, int], pd.DataFrame] = {}

    @cached_property
    def anchor_scores(self) -> FloatArray:
        """Scores of the 895 anchors, ascending."""
        return np.sort(crop_scores(self.score_map, anchor_boxes(self.score_map.photo_size)))

    @cached_property
    def limits(self) -> tuple[float, float]:
        """See the class: the largest area of a partition times the ends of φ's scale, halved."""
        assert self.norm.limits is not None
        share = float(self.score_map.pattern.areas.max()) / 2
        return self.norm.limits[0] * share, self.norm.limits[1] * share

    def fits(self, photo: painter.Photo) -> bool:
        """Whether it reads crops of this photo; not yet where a linked view has opened a new one first."""
        return self.score_map.photo_size == photo.shape[:2]

    def beaten(self, score: float) -> float:
        """Share of the anchors that score lower."""
        return float(np.searchsorted(self.anchor_scores, score)) / len(self.anchor_scores)

    def best(self, aspect: str = "", shape: Shape = "rectangle", top: int = 5) -> pd.DataFrame:
        """Best crops; see `asm_interp.search_crops`. Searched once for each wish."""
        key = (aspect, shape, top)
        if key not in self._best:
            ratio = aspect if aspect and shape == "rectangle" else None
            self._best[key] = search_crops(self.score_map, aspect=ratio, shape=shape, top=top)
        return self._best[key]

    def read(self, box: list[float], shape: Shape = "rectangle") -> CropReading:
        """Read a crop, or the circle that stands in it.

        Raises
        ------
        ValueError
            If the box is malformed, thinner than one photo pixel or outside the photo.
        """
        checked = check_boxes(np.asarray(box, np.float64)[None], self.score_map.photo_size)
        if shape == "circle":
            return self._circle(checked[0])
        pattern = self.score_map.pattern
        mapped = self.centred.to_map(checked)[0]
        x1, y1, x2, y2 = mapped
        rows, columns = pattern.shape
        integrals = table_integrals(self._table, edges(y1, y2, rows), edges(x1, x2, columns))
        pooled = (integrals.flatten(1).T * (rows * columns) / ((y2 - y1) * (x2 - x1))).numpy()
        own = pattern.areas * partition_matrix(pooled, pattern).diagonal()
        return self._reading(own, pattern.areas, *self._phi(mapped.numpy()))

    def _reading(self, own: FloatArray, areas: FloatArray, phi: painter.Indices, box: list[float]) -> CropReading:
        offset = areas * self._means
        table = pd.DataFrame({"partition": np.arange(len(own)), "area": areas, "own": own, "offset": offset})
        return CropReading(float(own.sum() + offset.sum()), table, phi, box)

    def _phi(self, mapped: FloatArray) -> tuple[painter.Indices, list[float]]:
        """Index image of a rectangle in map pixels, put together from one block for each cell of the raster."""
        pattern = self.score_map.pattern
        n_rows, n_columns = pattern.shape
        _, height, width = self.channels.shape
        # Pixel i is in a cell if its centre, i + 1/2, is.
        x = np.ceil(np.linspace(mapped[0], mapped[2], n_columns + 1) - 0.5).clip(0, width).astype(int)
        y = np.ceil(np.linspace(mapped[1], mapped[3], n_rows + 1) - 0.5).clip(0, height).astype(int)
        if x[-1] == x[0]:  # no centre in it: the pixel under the crop's own centre
            x[0] = min(int((mapped[0] + mapped[2]) / 2), width - 1)
            x[1:] = x[0] + 1
        if y[-1] == y[0]:
            y[0] = min(int((mapped[1] + mapped[3]) / 2), height - 1)
            y[1:] = y[0] + 1
        phi = np.empty((y[-1] - y[0], x[-1] - x[0]), np.uint8)
        for row in range(n_rows):
            for column in range(n_columns):
                rows, columns = slice(y[row], y[row + 1]), slice(x[column], x[column + 1])
                place = (slice(y[row] - y[0], y[row + 1] - y[0]), slice(x[column] - x[0], x[column + 1] - x[0]))
                phi[place] = self.channels[pattern.labels[row, column], rows, columns]
        down, across = self.score_map.scale
        return phi, [x[0] / across, y[0] / down, x[-1] / across, y[-1] / down]

    def _circle(self, box: FloatArray) -> CropReading:
        x1, y1, x2, y2 = box
        cx, cy, r = (x1 + x2) / 2, (y1 + y2) / 2, min(x2 - x1, y2 - y1) / 2
        why = explain_circle(self.centred, [cx, cy, r])
        own, areas = (why.partitions[name].to_numpy() for name in ("contribution", "area"))
        phi = painter.indices(why.pixel_scores, self.norm)
        down, across = self.score_map.scale
        # The pixels whose centres it holds, as `explain_circle` takes them, start at the first such centre.
        left = min(int(np.ceil((cx - r) * across - 0.5)), self.channels.shape[2] - phi.shape[1])
        top = min(int(np.ceil((cy - r) * down - 0.5)), self.channels.shape[1] - phi.shape[0])
        left, top = max(left, 0), max(top, 0)
        covers = [left / across, top / down, (left + phi.shape[1]) / across, (top + phi.shape[0]) / down]
        return self._reading(own, areas, phi, covers)
