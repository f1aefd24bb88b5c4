"""CropCanvas: what a dragged crop reads."""

import json
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from asm_interp.analysis.explanation import CropExplanation, explain_circle, explain_crop
from asm_interp.geometry import patterns
from asm_interp.geometry.candidates import parse_aspect
from asm_interp.model.score_map import ScoreMap, circle_scores, crop_scores
from asm_interp.search import search_crops
from asm_interp.widgets import painter
from asm_interp.widgets.crop_canvas import CropCanvas
from asm_interp.widgets.crop_reader import CropReader, CropReading
from asm_interp.widgets.score_maps import ScoreMaps

Photo = npt.NDArray[np.uint8]
NOISE = ScoreMap(
    torch.randn(12, 24, 32, generator=torch.Generator().manual_seed(1)) + 3, patterns.get("cross-rectangle"), (48, 64)
)
READER = CropReader(NOISE)


@pytest.fixture
def view(photo: Photo, maps: ScoreMaps) -> CropCanvas:
    return CropCanvas(photo, "hand", maps=maps)


def agrees(reading: CropReading, why: CropExplanation) -> None:
    assert reading.score == pytest.approx(why.score, abs=1e-6)
    expected = why.partitions.assign(own=why.partitions["contribution"] - why.partitions["offset"])
    for name in ("offset", "own", "area"):
        assert reading.partitions[name].to_numpy() == pytest.approx(expected[name].to_numpy(), abs=1e-6)


crops = st.tuples(st.floats(0, 62), st.floats(0, 46), st.floats(1.5, 64), st.floats(1.5, 48)).map(
    lambda b: [b[0], b[1], min(b[0] + b[2], 64.0), min(b[1] + b[3], 48.0)]
)


@given(crops)
@settings(deadline=None, max_examples=60)
def test_a_reading_is_the_exact_explanation(box: list[float]) -> None:
    agrees(READER.read(box), explain_crop(NOISE, box))


@given(st.floats(2, 24), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None, max_examples=30)
def test_a_circle_reads_the_exact_explanation_too(r: float, across: float, down: float) -> None:
    cx, cy = r + across * (64 - 2 * r), r + down * (48 - 2 * r)
    box = [cx - r, cy - r, cx + r, cy + r]
    box = np.clip(box, 0, [64, 48, 64, 48]).tolist()
    circle = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, min(box[2] - box[0], box[3] - box[1]) / 2]
    reading = READER.read(box, "circle")
    agrees(reading, explain_circle(NOISE, circle))
    shape = (reading.box[3] - reading.box[1]) * 0.5, (reading.box[2] - reading.box[0]) * 0.5
    assert reading.phi.shape == pytest.approx(shape)


@given(crops)
@settings(deadline=None, max_examples=60)
def test_phi_shows_each_pixel_in_the_channel_of_its_partition(box: list[float]) -> None:
    reading = READER.read(box)
    rows, columns = reading.phi.shape
    left, top = round(reading.box[0] / 2), round(reading.box[1] / 2)
    channels = painter.indices(NOISE.centred().values.numpy(), READER.norm)
    for row, column in ((0, 0), (rows - 1, columns - 1), (rows // 2, columns // 3)):
        x, y = (left + column + 0.5) * 2, (top + row + 0.5) * 2
        u, v = (x - box[0]) / (box[2] - box[0]), (y - box[1]) / (box[3] - box[1])
        if 0 <= u < 1 and 0 <= v < 1 and abs(u * 12 - round(u * 12)) > 1e-9 and abs(v * 12 - round(v * 12)) > 1e-9:
            partition = int(NOISE.pattern.partition_at(u, v))
            assert reading.phi[row, column] == channels[partition, top + row, left + column]


def test_it_opens_with_the_best_crop_and_what_it_reads(view: CropCanvas, score_map: ScoreMap) -> None:
    best = search_crops(score_map, top=1).iloc[0]
    assert view.crop == best[["x1", "y1", "x2", "y2"]].tolist()
    assert view.score == pytest.approx(best["score"], abs=1e-6)
    assert view.canvas.crop == view.crop
    assert np.frombuffer(view.canvas.layer, np.uint8).size == np.prod(view.canvas.layer_size)
    assert "higher than 100 % of the 895 anchor crops" in view.readout.value


def test_a_dragged_crop_changes_score_map_bars_and_read_out(view: CropCanvas, score_map: ScoreMap) -> None:
    before = view.canvas.layer, view.bars.value, view.readout.value
    view.canvas.crop = [10.0, 6.0, 50.0, 36.0]  # as the browser sets it
    assert view.crop == [10, 6, 50, 36]
    assert view.score == pytest.approx(crop_scores(score_map, [view.crop])[0], abs=1e-6)
    assert all(
        old != new for old, new in zip(before, (view.canvas.layer, view.bars.value, view.readout.value), strict=True)
    )
    assert f"score {view.score:.4g}".replace("-", "−") in view.readout.value
    table = view.numbers()
    assert table["contribution"].sum() == pytest.approx(view.score)
    assert view.canvas.layer_box == [10, 6, 50, 36]


def test_a_circle_and_an_aspect_ratio_are_kept(view: CropCanvas, score_map: ScoreMap) -> None:
    view.crop = [0, 8, 64, 40]
    view.shape = "circle"
    assert view.crop == [16, 8, 48, 40]
    assert view.score == pytest.approx(circle_scores(score_map, [[32, 24, 16]])[0], abs=1e-6)
    assert "cx" in view.best
    view.shape, view.aspect = "rectangle", "2:1"
    x1, y1, x2, y2 = view.crop
    assert (x2 - x1) / (y2 - y1) == pytest.approx(2)
    assert view.canvas.aspect == 2
    ratios = (view.best["x2"] - view.best["x1"]) / (view.best["y2"] - view.best["y1"])
    assert ratios.to_numpy() == pytest.approx(2, abs=0.1)
    with pytest.raises(ValueError, match="like 16:9"):
        view.aspect = "wide"
    assert "like 16:9" in view.status.value
    view.aspect = ""
    assert (view.canvas.aspect, view.status.value) == (0, "")


@pytest.mark.parametrize(
    ("size", "aspect"), [((768, 1024), "4:5"), ((640, 1280), "16:9"), ((384, 576), "4:5"), ((16, 16), "1:16")]
)
def test_the_whole_photo_can_be_brought_to_any_aspect(size: tuple[int, int], aspect: str) -> None:
    (height, width), maps = size, ScoreMaps()
    photo = np.zeros((*size, 3), np.uint8)
    maps.put(photo, "hand", ScoreMap(torch.randn(9, 16, 24), patterns.get("grid:3x3"), size))
    view = CropCanvas(photo, "hand", maps=maps)
    view.crop = [0, 0, width, height]
    view.aspect = aspect
    x1, y1, x2, y2 = view.canvas.crop
    assert (x2 - x1) / (y2 - y1) == pytest.approx(parse_aspect(aspect))
    assert (x1 + x2, y1 + y2) == pytest.approx((width, height))
    assert max((x2 - x1) / width, (y2 - y1) / height) == pytest.approx(1)


@pytest.mark.parametrize("corner", [(0, 0), (63, 47)])
def test_a_crop_too_thin_for_an_aspect_or_a_circle_grows(view: CropCanvas, corner: tuple[int, int]) -> None:
    x, y = corner
    view.crop = [x, y, x + 1, y + 1]
    view.aspect = "16:1"
    assert view.crop == [min(max(x - 7.5, 0), 48), y, min(max(x - 7.5, 0), 48) + 16, y + 1]
    view.aspect = ""
    view.crop = [x, y, x + 1, y + 1]
    view.shape = "circle"
    assert view.canvas.circle[2] == 1
    with pytest.raises(ValueError, match="radius is at least one"):
        view.crop = [x, y, x + 1, y + 1]


def test_a_listed_crop_is_taken_by_a_click(view: CropCanvas) -> None:
    view.best_list.value = 1
    assert view.crop == view.best.iloc[1][["x1", "y1", "x2", "y2"]].tolist()
    view.show_best.value = True
    assert [each["label"] for each in view.canvas.outlines] == [str(i + 1) for i in range(len(view.best))]


@pytest.mark.parametrize("layer", ["avg", "std"])
def test_the_map_may_be_a_theta_map(view: CropCanvas, maps: ScoreMaps, photo: Photo, layer: str) -> None:
    view.layer = layer
    values = getattr(maps.theta(photo, "hand", "channel"), layer)
    image = np.frombuffer(view.canvas.layer, np.uint8).reshape(24, 32)
    order = np.argsort(values, axis=None)
    assert (np.diff(image.ravel()[order].astype(int)) >= 0).all(), "higher values have higher colours"
    assert view.canvas.layer_box == []
    view.layer = "none"
    assert view.canvas.layer == b""


def test_a_crop_outside_the_photo_is_refused_in_words(view: CropCanvas) -> None:
    with pytest.raises(ValueError, match="inside the photo"):
        view.crop = [0, 0, 65, 48]
    assert "inside the photo" in view.status.value


def test_it_saves_picture_numbers_and_provenance(view: CropCanvas, tmp_path: Path) -> None:
    written = view.save(tmp_path / "crop")
    assert [path.name for path in written] == ["crop.png", "crop.csv", "crop.json"]
    told = json.loads(written[2].read_text())
    picture = Image.open(written[0])
    assert json.loads(picture.text["asm_interp"]) == told  # type: ignore[attr-defined]
    assert picture.size == view.picture().size
    assert told["settings"]["crop"] == view.crop
    assert told["checkpoints"] == {"hand": ""}
    assert told["scales"] == {"φ": str(view.reader.norm)}
    table = pd.read_csv(written[1])
    assert table["contribution"].sum() == pytest.approx(view.score, rel=1e-4)


def test_a_page_holds_a_picture_of_each_crop_and_needs_nothing_else(view: CropCanvas, tmp_path: Path) -> None:
    view.crop = [10, 6, 50, 36]
    page = view.to_html(tmp_path / "page.html").read_text()
    assert view.crop == [10, 6, 50, 36], "the view is as before"
    assert page.count("data:image/webp;base64,") == len(view.best) + 2
    assert "http://" not in page
    assert "https://" not in page
    assert f'max="{len(view.best)}"' in page


def test_a_drag_over_a_map_of_512_pixels_takes_a_fraction_of_a_frame() -> None:
    values = torch.randn(12, 512, 512, generator=torch.Generator().manual_seed(0))
    photo, maps = np.zeros((512, 512, 3), np.uint8), ScoreMaps()
    maps.put(photo, "hand", ScoreMap(values, patterns.get("cross-rectangle"), (512, 512)))
    view = CropCanvas(photo, "hand", maps=maps)
    took = []
    for shift in range(12):
        start = perf_counter()
        view.canvas.crop = [shift, shift, 480.0 + shift, 480.0 + shift]
        took.append(perf_counter() - start)
    assert np.median(took) < 0.045
