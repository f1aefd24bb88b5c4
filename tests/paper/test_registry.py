"""Every figure and table of the paper draws, says what it shows, and shows the numbers beside it."""

import json
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from asm_interp.geometry import patterns
from asm_interp.model.checkpoint import find, read_card
from asm_interp.paper.drawing import Drawing, annotate
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.registry import ENTRIES, entries
from asm_interp.paper.run import Outcome, draw_paper
from asm_interp.plots.provenance import read_provenance
from asm_interp.plots.style import COLUMN_WIDTHS, MIN_FONT, paper_style

FIGURES = [name for name in ENTRIES if not name.startswith("table")]


@pytest.fixture(scope="module")
def inputs(small_photos: Path) -> Inputs:
    return Inputs("photos-lambda-0.1", small_photos, n_scenes=4, resamples=20)


@pytest.fixture(scope="module")
def drawn(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    out = tmp_path_factory.mktemp("figures")
    done: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out)  # where no audit was kept
        outcome = draw_paper(entries(), inputs, out, formats=["png"], command="asm-interp figures", advance=done.append)
    assert done == list(ENTRIES)
    return out, outcome


@pytest.fixture
def made(inputs: Inputs) -> Iterator[dict[str, Drawing]]:
    """Drawings that tests ask for by name."""

    class Made(dict[str, Drawing]):
        def __missing__(self, name: str) -> Drawing:
            drawing = ENTRIES[name].make(inputs.fresh())
            assert isinstance(drawing, Drawing)
            return drawing

    with paper_style():
        yield Made()
    plt.close("all")


@pytest.mark.slow
def test_every_entry_draws(drawn: tuple[Path, Outcome]) -> None:
    out, outcome = drawn
    assert outcome.failed == {}
    for name in ENTRIES:
        suffixes = ("png", "csv", "json") if name in FIGURES else ("md", "tex", "csv", "json")
        for suffix in suffixes:
            assert (out / "paper" / f"{name}.{suffix}").stat().st_size > 0
    assert (out / "README.md").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_as_wide_as_their_columns_and_say_where_they_are_from(
    drawn: tuple[Path, Outcome], name: str, small_photos: Path
) -> None:
    path = drawn[0] / "paper" / f"{name}.png"
    with Image.open(path) as image:
        assert image.width == pytest.approx(300 * COLUMN_WIDTHS["aaai"][ENTRIES[name].columns - 1], abs=1)
        pixels = np.asarray(image.convert("L"))
    assert pixels.std() > 5, "an empty page"
    provenance = read_provenance(path)
    assert provenance == read_provenance(path.with_suffix(".json"))
    assert provenance.command == f"asm-interp figures --only {name}"
    assert provenance.scale
    assert provenance.seed == 0
    for checkpoint, digest in provenance.checkpoints.items():
        assert len(digest) == 64
        assert checkpoint in provenance.caption or len(provenance.checkpoints) > 4
    assert set(provenance.data) <= {f"photos:{small_photos}", "drawn scenes"}
    if name != "fig3":
        assert provenance.checkpoints


@pytest.mark.slow
def test_index_shows_everything(drawn: tuple[Path, Outcome]) -> None:
    page = (drawn[0] / "README.md").read_text("utf-8")
    for name, entry in ENTRIES.items():
        assert f"## {name}: {entry.title}" in page
    for name in FIGURES:
        assert f"](paper/{name}.png)" in page
    assert "| ASM-Net | 0.7489 | 0.068 | 358 |" in page


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_too_small_to_read_or_leaves_the_figure(made: dict[str, Drawing], name: str) -> None:
    with paper_style(columns=ENTRIES[name].columns):
        drawing = made[name]
        annotate(drawing)
        drawing.figure.draw_without_rendering()
        drawn = drawing.figure.get_tightbbox()
    for text in shown_texts(drawing.figure):
        assert text.get_fontsize() >= MIN_FONT, text.get_text()
    width, height = drawing.figure.get_size_inches()
    slack = 0.02  # inches
    assert min(drawn.x0, drawn.y0) >= -slack
    assert drawn.x1 <= width + slack
    assert drawn.y1 <= height + slack


def shown_texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def test_lambda_curve_shows_the_cards(made: dict[str, Drawing]) -> None:
    drawing = made["fig5"]
    (ax,) = drawing.figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    for family, rows in drawing.numbers.groupby("family"):
        assert lines[family].get_xdata().tolist() == rows["lambda"].tolist()
        assert lines[family].get_ydata().tolist() == rows["estimate"].tolist()
    for row in drawing.numbers.to_dict("records"):
        metrics = read_card(find(row["checkpoint"]))["metrics"]
        assert row["estimate"] == metrics["test_ranking_accuracy"]
        assert (row["ci_low"], row["ci_high"]) == (metrics["ci_low"], metrics["ci_high"])
    assert len(drawing.numbers) == 20


def test_patterns_show_their_labels(made: dict[str, Drawing]) -> None:
    numbers = made["fig3"].numbers
    for name, rows in numbers.groupby("pattern"):
        pattern = patterns.get(str(name))
        assert (
            rows.pivot(index="row", columns="column", values="partition").to_numpy().tolist() == pattern.labels.tolist()
        )
    assert numbers["pattern"].nunique() == 4


def test_theta_maps_show_their_numbers_on_one_scale(made: dict[str, Drawing]) -> None:
    drawing = made["fig6"]
    panels = [ax for ax in drawing.figure.axes if len(ax.images) == 2]
    photos = drawing.numbers["photo"].unique().tolist()
    columns = [name for name in drawing.numbers if str(name).startswith("theta")]
    assert len(panels) == len(photos) * len(columns)
    for place, ax in enumerate(panels):
        photo, column = photos[place // 4], columns[place % 4]
        own = drawing.numbers[drawing.numbers["photo"] == photo]
        expected = own.pivot(index="row", columns="column", values=column).to_numpy()
        np.testing.assert_array_equal(ax.images[1].get_array(), expected)
    limits = {ax.images[1].get_clim() for place, ax in enumerate(panels) if place % 4 < 2}
    assert len(limits) == 1
    assert sum(*limits) == pytest.approx(0, abs=1e-9)


def test_crop_maps_show_the_ranks_of_annotated_and_predicted_scores(made: dict[str, Drawing]) -> None:
    numbers = made["fig4"].numbers
    crops = numbers.groupby(["x1", "y1", "x2", "y2"], sort=False)[["annotated", "predicted"]].first()
    assert len(crops) == 3
    assert crops["annotated"].is_monotonic_decreasing
    titles = [ax.get_title() for ax in made["fig4"].figure.axes]
    assert titles[1].startswith(f"a: annotated {crops['annotated'].iloc[0]:.2f}, rank 1")


def test_formats_are_kept_and_circles_are_inside(made: dict[str, Drawing]) -> None:
    numbers = made["fig8"].numbers
    for wanted, ratio in (("9:16", 9 / 16), ("1:1", 1.0), ("16:9", 16 / 9)):
        own = numbers[numbers["format"] == wanted]
        width, height = own["x2"] - own["x1"], own["y2"] - own["y1"]
        assert (abs(width - ratio * height) <= 1 + ratio).all()
    circles = numbers[numbers["format"] == "circle"]
    assert (circles["cx"] - circles["r"] >= 0).all()
    assert numbers.groupby("photo").size().eq(6).all()


def test_padding_and_reasons_are_exact(made: dict[str, Drawing]) -> None:
    parts = made["why"].numbers
    total = parts["score_a"].iloc[0] - parts["score_b"].iloc[0]
    assert parts["difference"].sum() == pytest.approx(total, abs=1e-9)


def test_corner_figure_sees_a_planted_preference(made: dict[str, Drawing]) -> None:
    rows = made["fig7"].numbers.dropna(subset="statistic").set_index(["what", "statistic"])["estimate"]
    raw = "corner coverage, best less worst"
    assert rows["planted, β = 0.4", raw] > rows["planted, β = 0", raw] + 0.1


def test_names_are_checked() -> None:
    assert [entry.name for entry in entries(["fig6", "fig1"])] == ["fig1", "fig6"]
    with pytest.raises(ValueError, match=r"no figure 'fig2'; there are fig1, fig3"):
        entries(["fig2"])


def test_same_inputs_give_the_same_bytes(inputs: Inputs, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        draw_paper(entries(["fig5", "table1"]), inputs, tmp_path / folder, command="asm-interp figures")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 5 + 4 + 1
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_one_that_fails_leaves_the_others_alone(inputs: Inputs, tmp_path: Path) -> None:
    broken = Inputs("photos-lambda-0.1", tmp_path / "missing")
    outcome = draw_paper(entries(["fig1", "fig3"]), broken, tmp_path, formats=["png"])
    assert list(outcome.failed) == ["fig1"]
    assert "missing" in outcome.failed["fig1"]
    assert (tmp_path / "paper" / "fig3.png").is_file()
    assert not (tmp_path / "paper" / "fig1.json").exists()


def test_an_audit_that_was_kept_is_drawn(tmp_path: Path, drawn_audit: Path) -> None:
    outcome = draw_paper(entries(["audit"]), Inputs(audit=drawn_audit), tmp_path, formats=["png"])
    assert outcome.failed == {}
    provenance = read_provenance(tmp_path / "paper" / "audit.png")
    assert set(provenance.data) == {f"file:{drawn_audit.as_posix()}/{name}.csv" for name in ("grades", "verdicts")}
    told = json.loads((tmp_path / "paper" / "audit.json").read_text())
    assert str(drawn_audit.as_posix()) in told["caption"]
    numbers = pd.read_csv(tmp_path / "paper" / "audit.csv")
    assert numbers["estimate"].tolist() == pytest.approx([0.9, 0.7, 0.8, 0.84], rel=1e-6)


@pytest.fixture
def drawn_audit(tmp_path: Path) -> Path:
    """A small audit on disk."""
    from asm_interp.analysis.audit_verdicts import Grade
    from asm_interp.audit.report import Audit

    grades = [
        Grade("shapes", "localisation", "theta_std", "auc", 0.9, 0.8, 0.95, "thirds", 0.1, 0.0, 1, 5),
        Grade("shapes", "localisation", "saliency", "auc", 0.7, 0.6, 0.8, "thirds", 0.1, 0.0, 1, 5),
        Grade("shapes", "rule", "placement preference", "correlation with g", 0.8, 0.7, 0.9, "thirds", 0.1, 0.0, 1, 5),
        Grade("shapes", "rule", "placement preference", "ceiling", 0.84, np.nan, np.nan, "thirds", 0.1, 0.0, 1, 5),
    ]
    Audit(grades, {"shapes": ["one"]}).write(tmp_path / "audit")
    return tmp_path / "audit"


def test_a_folder_without_an_audit_is_named(tmp_path: Path) -> None:
    outcome = draw_paper(entries(["audit"]), Inputs(audit=tmp_path), tmp_path, formats=["png"])
    assert "found no grades.csv" in outcome.failed["audit"]
