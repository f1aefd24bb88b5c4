"""What every view saves: pages that show each step whole, and where pictures come from."""

import hashlib
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import asm_interp as asm
from asm_interp.model.checkpoint import find, save
from asm_interp.widgets.crop_canvas import CropCanvas
from asm_interp.widgets.partition_explorer import PartitionExplorer
from asm_interp.widgets.score_maps import ScoreMaps, digest
from asm_interp.widgets.theta_explorer import ThetaExplorer
from asm_interp.widgets.view import View

Photo = npt.NDArray[np.uint8]


def saved(seed: int, path: Path) -> asm.ASMNet:
    """An untrained model, and its file."""
    torch.manual_seed(seed)
    model = asm.ASMNet("tiny", "grid:2x2", input_size=64)
    save(model, path, {})
    return asm.load(path)


def steps(page: str) -> list[dict[str, Any]]:
    """What the slider of a page shows, tables put together."""
    found = re.search(r"^const \[frames, rows\] = (.*);$", page, re.MULTILINE)
    assert found is not None
    frames, rows = json.loads(found[1])
    return [frame | {"numbers": "</tr>".join(rows[row] for row in frame["numbers"])} for frame in frames]


def table(view: View) -> str:
    markup = view.numbers().to_html(index=False, border=0, float_format="{:.4g}".format)
    return "".join(line.strip() for line in markup.splitlines())


@pytest.mark.parametrize("kind", [CropCanvas, PartitionExplorer])
def test_every_step_of_a_page_has_its_own_numbers_and_provenance(
    kind: Callable[..., View], photo: Photo, maps: ScoreMaps, tmp_path: Path
) -> None:
    view = kind(photo, "hand", maps=maps)
    page = view.to_html(tmp_path / "page.html").read_text()
    frames = steps(page)
    assert len({frame["provenance"] for frame in frames}) > 3
    sweep = list(view.sweep())
    assert [frame["label"] for frame in frames] == [label for label, _ in sweep]
    for frame, (_, state) in zip(frames, sweep, strict=True):
        for name, value in state.items():
            setattr(view, name, value)
        assert frame["readout"] == view.readout.value
        assert frame["numbers"] == table(view)
        assert json.loads(unescape(frame["provenance"])) == view.provenance()
    shown = frames[0]
    assert f'<div id="numbers">{shown["numbers"]}</div>' in page
    assert f'<pre id="provenance">{shown["provenance"]}</pre>' in page


def test_a_page_opens_at_what_is_on_view_also_where_no_step_shows_it(
    photo: Photo, maps: ScoreMaps, tmp_path: Path
) -> None:
    view = ThetaExplorer(photo, "hand", maps=maps)
    view.sweep = lambda: iter([("θavg", {"kind": "avg"}), ("θstd", {"kind": "std"})])  # type: ignore[method-assign]
    view.kind = "difference"
    page = view.to_html(tmp_path / "page.html").read_text()
    frames = steps(page)
    assert [frame["label"] for frame in frames] == ["as on view", "θavg", "θstd"]
    assert 'value="0"' in page
    assert view.kind == "difference"
    assert frames[0]["numbers"] == table(view)
    assert f'src="{frames[0]["picture"]}"' in page
    view.kind = "std"
    page = view.to_html(tmp_path / "page.html").read_text()
    assert [frame["label"] for frame in steps(page)] == ["θavg", "θstd"]
    assert 'value="1"' in page


def test_provenance_tells_photos_and_files_of_one_name_apart(photo: Photo, tmp_path: Path) -> None:
    maps, path = ScoreMaps(), tmp_path / "model.safetensors"
    told = []
    for seed, shown in enumerate((photo, photo[::-1])):
        model = saved(seed, path)
        view = CropCanvas(shown, path, maps=maps)
        assert view.score == pytest.approx(asm.crop_scores(model.score_map(shown), [view.crop])[0], abs=1e-5)
        told.append(view.provenance())
        assert told[-1]["checkpoints"] == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
        assert told[-1]["photo_sha1"] == digest(shown)
    assert told[0]["photo"] == told[1]["photo"]
    assert told[0]["photo_sha1"] != told[1]["photo_sha1"]
    assert told[0]["checkpoints"] != told[1]["checkpoints"]
    named = ThetaExplorer(photo, "shapes-lambda-0", maps=ScoreMaps())
    file = hashlib.sha256(find("shapes-lambda-0").read_bytes()).hexdigest()
    assert named.provenance()["checkpoints"] == {"shapes-lambda-0": file}


def test_provenance_is_of_the_file_that_was_read_not_of_one_that_came_later(photo: Photo, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    saved(0, path)
    view = CropCanvas(photo, path, maps=ScoreMaps())
    before = view.provenance()
    saved(1, path)
    assert view.provenance() == before
