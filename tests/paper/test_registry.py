"""Every figure and table of the paper draws, says what it shows, and shows the numbers beside it."""

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from asm_interp.data.photo import sample_photos
from asm_interp.files import file_digest
from asm_interp.geometry import patterns
from asm_interp.model.checkpoint import find, load, read_card
from asm_interp.model.score_map import crop_scores
from asm_interp.paper.bias import CORNER_ROWS
from asm_interp.paper.drawing import Drawing, annotate
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.lambdas import FAMILIES, SWEEPS
from asm_interp.paper.registry import ENTRIES, entries
from asm_interp.paper.run import Outcome, draw_paper
from asm_interp.plots.provenance import read_provenance
from asm_interp.plots.style import COLUMN_WIDTHS, MIN_FONT, paper_style

REPO = Path(__file__).parents[2]
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
    families = {f"checkpoints:{prefix}*" for prefix in FAMILIES}
    assert set(provenance.data) <= {f"photos:{small_photos}", "drawn scenes", *families}
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


def assert_drawn(drawing: Drawing) -> None:
    """Every family's line is its rows."""
    (ax,) = drawing.figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    for family, rows in drawing.numbers.groupby("family"):
        assert lines[family].get_xdata().tolist() == rows["lambda"].tolist()
        assert lines[family].get_ydata().tolist() == rows["estimate"].tolist()
    assert lines["chance"].get_ydata() == [0.5, 0.5]
    low, high = ax.get_ylim()
    assert low < drawing.numbers["ci_low"].min() < drawing.numbers["ci_high"].max() < high


def test_lambda_curve_shows_the_cards_where_no_sweep_was_kept(
    made: dict[str, Drawing], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    drawing = made["fig5"]
    assert_drawn(drawing)
    for row in drawing.numbers.to_dict("records"):
        metrics = read_card(find(row["source"]))["metrics"]
        assert row["estimate"] == metrics["test_ranking_accuracy"]
        assert (row["ci_low"], row["ci_high"]) == (metrics["ci_low"], metrics["ci_high"])
    assert len(drawing.numbers) == 20
    assert drawing.caption.count("1 seed") == 2
    assert "Highest" not in drawing.caption


def test_lambda_curve_shows_the_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    inputs = Inputs(resamples=20)
    with paper_style(columns=1):
        drawing = ENTRIES["fig5"].make(inputs)
    assert isinstance(drawing, Drawing)
    assert_drawn(drawing)
    for family, folder in SWEEPS.items():
        summary = pd.read_csv(folder / "figure5-summary.csv")
        own = drawing.numbers[drawing.numbers["family"] == family]
        ends = ["ranking_accuracy", "ranking_accuracy_low", "ranking_accuracy_high", "lambda", "n_seeds"]
        assert own[["estimate", "ci_low", "ci_high", "lambda", "n_seeds"]].to_numpy().tolist() == (
            summary[ends].to_numpy().tolist()
        )
        photos = pd.read_parquet(folder / "figure5-photos.parquet").dropna(subset="ranking_accuracy")
        assert own["n_photos"].tolist() == photos.groupby("lambda")["photo"].nunique().tolist()
        for name in ("figure5-summary.csv", "figure5-photos.parquet"):
            assert inputs.used.data[f"file:{folder.as_posix()}/{name}"] == file_digest(folder / name)


def keep_sweep(folder: Path, accuracy: dict[float, np.ndarray]) -> None:
    """Tables of a made-up sweep: accuracies of each λ, [seeds, photos]."""
    rows = [
        {"run": f"{lam}-{seed}", "pattern": "grid:3x3", "lambda": lam, "seed": seed, "photo": f"photo {i}"}
        | {"ranking_accuracy": value}
        for lam, values in accuracy.items()
        for (seed, i), value in np.ndenumerate(values)
    ]
    summary = [
        {"lambda": lam, "n_seeds": len(values), "n_test": values.shape[1], "ranking_accuracy": values.mean()}
        | {"ranking_accuracy_low": values.mean() - 0.1, "ranking_accuracy_high": values.mean() + 0.1}
        for lam, values in accuracy.items()
    ]
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(folder / "figure5-photos.parquet")
    pd.DataFrame(summary).to_csv(folder / "figure5-summary.csv", index=False)


@pytest.mark.parametrize(
    ("lower", "mixed", "told"),
    [
        (0.02, 0.001, "reach 0 at λ = 10 and lie below it elsewhere"),
        (0.02, 0.2, "lie below 0 at every other"),
        (0.0, 0.001, "reach 0 at every other"),
    ],
)
def test_best_lambda_is_told_from_those_that_lie_below_it_photo_by_photo(
    lower: float, mixed: float, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = np.tile(np.linspace(0.5, 0.9, 12), (2, 1))  # photos differ far more than λ does
    flips = np.tile([0.05, -0.05], 6)
    keep_sweep(tmp_path / SWEEPS["drawn scenes"], {0.0: best, 1.0: best - lower, 10.0: best - mixed + flips})
    keep_sweep(tmp_path / SWEEPS["photographs"], {0.0: best[:1], 1.0: best[:1] - 0.3})
    monkeypatch.chdir(tmp_path)
    with paper_style(columns=1):
        drawing = ENTRIES["fig5"].make(Inputs(resamples=200))
    assert isinstance(drawing, Drawing)
    assert f"2 seeds, 12 photos each ({SWEEPS['drawn scenes'].as_posix()}); intervals over seeds" in drawing.caption
    highest = "Highest at λ = 0, 0.700 [0.600, 0.800]; intervals of paired differences from it, each for itself, "
    assert f"{highest}{told}." in drawing.caption
    # One seed says how these models differ, not what λ does.
    assert f"1 seed, 12 photos ({SWEEPS['photographs'].as_posix()}); intervals over photos alone." in drawing.caption
    assert drawing.caption.count("Highest") == 1
    found = drawing.numbers.set_index(["family", "lambda"])
    ends = ["difference", "difference_low", "difference_high"]
    assert found.loc[("drawn scenes", 1.0), ends].tolist() == pytest.approx([-lower] * 3)
    assert found.loc[("drawn scenes", 10.0), "difference"] == pytest.approx(-mixed)
    assert found.loc["photographs", ends].isna().all(axis=None)


def test_few_photos_are_said_to_be_few(made: dict[str, Drawing], small_photos: Path) -> None:
    for name in ("fig6", "gauge"):
        assert made[name].caption.endswith("Over fewer than 10 photos, intervals are too narrow.")
    single = ENTRIES["fig6"].make(Inputs(photos=small_photos / "coffee.png"))
    assert isinstance(single, Drawing)
    assert single.caption.count("(no interval) at λ = ") == 2
    assert single.caption.endswith("One photo makes no interval.")


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
    assert titles[1].split("\n")[:2] == [f"a: annotated {crops['annotated'].iloc[0]:.2f}", "rank 1"]


def test_formats_are_kept_and_circles_are_inside(made: dict[str, Drawing]) -> None:
    numbers = made["fig8"].numbers
    for wanted, ratio in (("9:16", 9 / 16), ("1:1", 1.0), ("16:9", 16 / 9)):
        own = numbers[numbers["format"] == wanted]
        width, height = own["x2"] - own["x1"], own["y2"] - own["y1"]
        assert (abs(width - ratio * height) <= 1 + ratio).all()
    circles = numbers[numbers["format"] == "circle"]
    assert (circles["cx"] - circles["r"] >= 0).all()
    assert numbers.groupby("photo").size().eq(6).all()


def test_formats_of_sample_photos_can_be_found_again_in_the_photos() -> None:
    with paper_style(columns=2):
        drawing = ENTRIES["fig8"].make(Inputs("photos-lambda-0.1", n_scenes=4))
    assert isinstance(drawing, Drawing)
    numbers = drawing.numbers
    world = Inputs(n_scenes=4).scenes("shapes-lambda-0.1")
    photos = sample_photos() | {scene.id: scene.photo for scene in (world.scenes[i] for i in range(4))}
    for (photo, checkpoint), rows in numbers.groupby(["photo", "checkpoint"], sort=False):
        x1, y1, x2, y2 = rows[["seen_x1", "seen_y1", "seen_x2", "seen_y2"]].astype(int).iloc[0]
        score_map = load(str(checkpoint)).score_map(photos[str(photo)][y1:y2, x1:x2])
        rectangles = rows[rows["format"] != "circle"]
        boxes = rectangles[["x1", "y1", "x2", "y2"]].to_numpy() - [x1, y1, x1, y1]
        np.testing.assert_allclose(crop_scores(score_map, boxes), rectangles["score"], rtol=1e-6)
        (circle,) = rows[rows["format"] == "circle"].itertuples()
        assert (circle.x1 + circle.x2, circle.y1 + circle.y2) == pytest.approx((2 * circle.cx, 2 * circle.cy), abs=2)
    assert numbers["photo"].unique().tolist() == ["flower", "astronaut", world.scenes[3].id, "china"]
    assert len(np.unique(world.scenes[3].subjects)) == 1 + 3
    labels = [ax.get_ylabel() for ax in drawing.figure.axes[::6]]
    assert labels == ["one main\nsubject", "portrait\nwith objects", "3 subjects\n(drawn)", "no main\nsubject"]
    assert "the planted scene shapes-2-00003, cropped by ‘shapes-lambda-0.1’" in drawing.caption
    assert "of ‘china’ the part x 384 to 640, y 142 to 320" in drawing.caption
    assert numbers.loc[numbers["photo"] == "china", "x1"].min() >= 384


def test_padding_and_reasons_are_exact(made: dict[str, Drawing]) -> None:
    parts = made["why"].numbers
    total = parts["score_a"].iloc[0] - parts["score_b"].iloc[0]
    assert parts["difference"].sum() == pytest.approx(total, abs=1e-9)


def test_corner_figure_sees_a_planted_preference(made: dict[str, Drawing]) -> None:
    rows = made["fig7"].numbers.dropna(subset="statistic").set_index(["what", "statistic"])["estimate"]
    raw = "corner coverage, best less worst"
    assert rows["planted, β = 0.4", raw] > rows["planted, β = 0", raw] + 0.1


def test_corner_figure_fills_the_marks_of_what_is_significant(made: dict[str, Drawing]) -> None:
    drawing = made["fig7"]
    forest = next(ax for ax in drawing.figure.axes if ax.get_legend() is not None)
    words = [text.get_text() for text in forest.get_legend().get_texts()]
    assert words == [
        "‘photos-lambda-0.1’, n = 3 photos",
        "‘photos-lambda-0’, n = 3 photos",
        "planted, β = 0, n = 4 scenes",
        "planted, β = 0.4, n = 4 scenes",
    ]
    assert [text.get_text() for text in forest.get_yticklabels()][-1] == "… size and centrality held"
    series = [marks for marks in forest.collections if marks.get_offsets().shape == (7, 2)]
    found = drawing.numbers.dropna(subset="statistic").groupby("what", sort=False)
    for marks, (_, rows) in zip(series, found, strict=True):
        own = rows.set_index("statistic").loc[list(CORNER_ROWS)]
        np.testing.assert_array_equal(marks.get_offsets()[:, 0], own["estimate"])
        hollow = [face.tolist() == [1, 1, 1, 1] for face in marks.get_facecolors()]
        assert hollow == (own["p_adj"] >= 0.05).tolist()
    assert forest.get_xlabel().endswith("hollow: p adj. ≥ 0.05")
    assert "(before that, 3 flipped signs give p ≥ 0.25)" in drawing.caption
    assert "Where β = 0 no corner is preferred, but subjects stand off the border" in drawing.caption
    assert "Over fewer than 10 photos, intervals are too narrow." in drawing.caption


def test_rules_stand_in_one_order_and_on_one_scale(made: dict[str, Drawing]) -> None:
    drawing = made["rules"]
    panels = [ax for ax in drawing.figure.axes if len(ax.images)]
    forests = [ax for ax in drawing.figure.axes if ax.get_xlabel() == "correlation with the rule"]
    maps, correlations = (drawing.numbers.dropna(subset=column) for column in ("drawn", "rule"))
    order = ["centre", "thirds", "left", "right", "headroom", "lines"]
    assert [text.get_text() for text in forests[0].get_yticklabels()] == order
    assert len({panel.images[0].get_clim() for panel in panels}) == 1
    assert len({ax.get_xlim() for ax in forests}) == 1
    found = maps.groupby("checkpoint", sort=False)
    for panel, ax, (checkpoint, cells) in zip(panels, forests, found, strict=True):
        plane = cells.pivot(index="row", columns="column", values="drawn").to_numpy()
        np.testing.assert_array_equal(panel.images[0].get_array(), plane)
        assert plane.std() == pytest.approx(1)
        assert np.corrcoef(cells["drawn"], cells["preference"])[0, 1] == pytest.approx(1)
        own = correlations[correlations["checkpoint"] == checkpoint].set_index("rule").loc[order]
        drawn = {line.get_label(): line.get_xdata() for line in ax.lines}
        np.testing.assert_array_equal(drawn["map, with interval"], own["correlation"])
        planted = read_card(find(str(checkpoint)))["world"]["rule"]
        (shade,) = ax.patches
        assert order[round(shade.get_y() + 0.5)] == planted
        number = f"n = {own['n_photos'].iloc[0]:g} {'scenes' if 'shapes' in str(checkpoint) else 'photos'}"
        assert panel.get_title() == f"‘{checkpoint}’\nplanted: {planted}\n{number}"
        # What the audit would choose from: its rules, and "lines" only where that was planted.
        best = own.loc[[rule for rule in order if rule != "lines" or planted == "lines"], "correlation"].idxmax()
        first, _, others = drawing.caption.rpartition("the planted rule ")[2].partition("does not correlate most")
        assert f"‘{checkpoint}’" in (first if best == planted else others)
    assert "and ‘lines’ only where it was planted" in drawing.caption


@pytest.mark.slow
@pytest.mark.parametrize("venue", ["aaai", "neurips"])
@pytest.mark.parametrize("name", ["fig7", "fig8", "rules", "why", "audit"])
def test_no_text_lies_on_another(made: dict[str, Drawing], name: str, venue: str) -> None:
    with paper_style(venue, ENTRIES[name].columns):
        drawing = made[name]
        annotate(drawing)
        drawing.figure.draw_without_rendering()
    beyond = {
        label
        for ax in drawing.figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        for label in (tick.label1, tick.label2)
    }
    texts = [(text, text.get_window_extent()) for text in shown_texts(drawing.figure) if text not in beyond]
    for (one, first), (other, second) in combinations(texts, 2):
        wide = min(first.x1, second.x1) - max(first.x0, second.x0)
        high = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(wide, high) < 1, (one.get_text(), other.get_text())


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
    assert "Preset threshold: what θstd at λ = 0.1 was to reach" in told["caption"]
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
