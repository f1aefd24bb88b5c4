"""How views put numbers and boxes into words."""

from __future__ import annotations

from collections.abc import Iterable

from asm_interp.widgets.charts import number

CORNERS = ["x1", "y1", "x2", "y2"]


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign, also where it is positive.

    Examples
    --------
    >>> signed(0.25), signed(-2.0)
    ('+0.25', '−2')
    >>> signed(0.0)
    '0'
    """
    return f"+{number(value, digits)}" if value > 0 else number(value, digits)


def box_text(box: Iterable[float]) -> str:
    """A box in whole photo pixels.

    Examples
    --------
    >>> box_text([0, 10.2, 30, 40])
    '0, 10 – 30, 40'
    """
    x1, y1, x2, y2 = (f"{each:.0f}" for each in box)
    return f"{x1}, {y1} – {x2}, {y2}"
