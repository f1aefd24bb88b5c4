"""The names of `asm_interp.plots` load on first use, and each is there."""

import subprocess
import sys

import pytest

from asm_interp import plots


def test_every_name_loads() -> None:
    assert {"draw_map", "draw_guides", "theta_figure", "comparison_figure", "paper_style"} <= set(plots.__all__)
    for name in plots.__all__:
        assert getattr(plots, name) is not None, name
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = plots.no_such_name  # type: ignore[attr-defined]


def test_the_package_alone_brings_in_no_matplotlib() -> None:
    code = "import sys; from asm_interp import plots; assert not {'matplotlib', 'seaborn', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
