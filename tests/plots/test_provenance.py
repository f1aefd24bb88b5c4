"""Figures on disk: whole, the same bytes each time, with their numbers, fonts and origin."""

import hashlib
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from asm_interp.plots.provenance import FORMATS, Provenance, git_commit, read_provenance, save_figure, versions
from asm_interp.plots.style import paper_style

MADE = Provenance(
    "asm-interp figures --only fig6 --photos 'a (b) \\ c'",
    caption="θstd with λ = 0.1 (95 % interval), \\ and a\nsecond line & <tags>",
    checkpoints={"photos": "ab" * 32},
    data={"sample photos": "cd" * 32},
    seed=3,
    scale="one for all maps, ±1",
    commit=None,
)


def drawn() -> Figure:
    figure, axes = plt.subplots(1, 2)
    axes[0].plot([0, 1, 2], [0.1, 0.4, 0.2], marker="o")
    axes[0].set(xlabel="λ", title="θstd")
    axes[1].imshow(np.arange(12.0).reshape(3, 4))
    return figure


@pytest.fixture
def written(tmp_path: Path) -> Path:
    with paper_style("cvpr"):
        figure = drawn()
        save_figure(figure, tmp_path / "a.b", MADE, numbers=pd.DataFrame({"x": [1, 2]}), formats=FORMATS)
        plt.close(figure)
    return tmp_path / "a.b"


def test_every_file_is_there(written: Path) -> None:
    names = {path.name for path in written.parent.iterdir()}
    assert names == {"a.b.pdf", "a.b.png", "a.b.svg", "a.b.csv", "a.b.json"}


@pytest.mark.parametrize("suffix", [*FORMATS, "json"])
def test_origin_is_read_back_from_each_file(written: Path, suffix: str) -> None:
    found = read_provenance(written.with_name(f"a.b.{suffix}"))
    assert replace(found, files=None) == MADE
    assert found.files == {"csv": hashlib.sha256(written.with_name("a.b.csv").read_bytes()).hexdigest()}


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_without_origin_are_refused(tmp_path: Path, suffix: str) -> None:
    figure = drawn()
    (path,) = save_figure(figure, tmp_path / "bare", formats=[suffix])
    plt.close(figure)
    with pytest.raises(ValueError, match=f"bare.{suffix}: expected a figure of this library"):
        read_provenance(path)
    path.write_bytes(b"garbage")
    with pytest.raises(ValueError, match=f"bare.{suffix}: expected a figure of this library"):
        read_provenance(path)


@pytest.mark.parametrize("suffix", ["png", "svg", "json"])
def test_files_cut_short_are_named(written: Path, suffix: str) -> None:
    path = written.with_name(f"a.b.{suffix}")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=f"a.b.{suffix}: expected a figure of this library, found no provenance in it"):
        read_provenance(path)
    path.unlink()
    with pytest.raises(OSError, match=f"a.b.{suffix}: cannot be read"):
        read_provenance(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a figure \(.png, .pdf, .svg, .json\), found .gif"):
        read_provenance(tmp_path / "a.gif")
    for text in ("[]", '{"a": 1}', '{"command": "x", "more": 1}', "{"):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ValueError, match=r"a\.json: expected a figure of this library"):
            read_provenance(tmp_path / "a.json")
    with pytest.raises(ValueError, match="formats are pdf, png, svg, got 'gif'"):
        save_figure(plt.figure(), tmp_path / "b", formats=["gif"])
    plt.close("all")
    assert not list(tmp_path.glob("b*"))


def test_same_figure_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    with paper_style("cvpr"):
        figure = drawn()
        save_figure(figure, again, MADE, numbers=pd.DataFrame({"x": [1, 2]}), formats=FORMATS)
        plt.close(figure)
    for suffix in (*FORMATS, "csv", "json"):
        assert written.with_name(f"a.b.{suffix}").read_bytes() == again.with_name(f"again.{suffix}").read_bytes()


@pytest.mark.parametrize("formats", [["png"], ["png", "svg"]])
def test_bytes_do_not_depend_on_the_other_formats(written: Path, tmp_path: Path, formats: list[str]) -> None:
    with paper_style("cvpr"):
        figure = drawn()
        save_figure(figure, tmp_path / "alone", MADE, numbers=pd.DataFrame({"x": [1, 2]}), formats=formats)
        plt.close(figure)
    for suffix in formats:
        assert written.with_name(f"a.b.{suffix}").read_bytes() == (tmp_path / f"alone.{suffix}").read_bytes()


def test_pdf_embeds_whole_truetype_fonts(written: Path) -> None:
    content = written.with_name("a.b.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content


def test_sizes_are_true(written: Path) -> None:
    with Image.open(written.with_name("a.b.png")) as image:
        assert image.width == pytest.approx(300 * 3.25, abs=1)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert b"/MediaBox [0 0 234 " in written.with_name("a.b.pdf").read_bytes().replace(b"[ 0", b"[0")


def test_svg_keeps_its_text(written: Path) -> None:
    content = written.with_name("a.b.svg").read_text("utf-8")
    assert ">θstd</text>" in content
    assert "<dc:date>" not in content


def test_output_settings_hold_outside_the_style(tmp_path: Path) -> None:
    figure = drawn()
    with plt.rc_context({"savefig.bbox": "tight", "pdf.fonttype": 3}):
        save_figure(figure, tmp_path / "wide", formats=["pdf", "png"], dpi=50)
    plt.close(figure)
    with Image.open(tmp_path / "wide.png") as image:
        assert image.size == tuple(int(50 * side) for side in figure.get_size_inches())
    assert b"/Type3" not in (tmp_path / "wide.pdf").read_bytes()


def test_origin_tells_what_a_reader_asks() -> None:
    told = str(MADE)
    assert told.startswith("θstd with λ = 0.1")
    for part in ("command: asm-interp figures", "commit: unknown", "checkpoint photos: sha256 abab", "seed: 3"):
        assert part in told
    assert versions()["matplotlib"] in told
    assert len((git_commit() or "0" * 40).removesuffix("-changed")) == 40
