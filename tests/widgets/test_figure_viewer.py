"""FigureViewer: what is on view is what the files hold."""

from pathlib import Path

import pytest

from asm_interp.widgets import FigureViewer

FIGURES = Path(__file__).parents[2] / "figures" / "paper"


def test_figures_and_tables() -> None:
    view = FigureViewer(FIGURES.iterdir())
    assert list(view.slider.options) == sorted({path.stem for path in FIGURES.glob("*.json")})
    view.figure = "fig6"
    assert view.picture.value == (FIGURES / "fig6.png").read_bytes()
    assert "photos-lambda-0.1: sha256" in view.provenance.value
    assert view.slider.value == "fig6"
    assert "image/png" in view._repr_mimebundle_()
    view.slider.value = "table1"
    assert view.picture.layout.display == "none"
    assert "cross-rectangle" in view.table.value
    assert "image/png" not in view._repr_mimebundle_()


def test_a_figure_that_is_not_there_is_refused() -> None:
    view = FigureViewer(FIGURES.iterdir())
    before = view.figure, view.picture.value
    with pytest.raises(ValueError, match=r"a figure is one of .*fig6.*, got 'fig99'"):
        view.figure = "fig99"
    assert 'role="alert"' in view.status.value
    assert (view.figure, view.picture.value, view.slider.value) == (*before, before[0])


def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="expected figures"):
        FigureViewer([tmp_path / "a.txt"])
    (tmp_path / "a.png").write_bytes((FIGURES / "fig1.png").read_bytes())
    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr(FigureViewer, "strict", False)
    view = FigureViewer([tmp_path / "a.png"])
    assert "a.json" in view.status.value
    assert 'role="alert"' in view.status.value
