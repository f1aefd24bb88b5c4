"""What is kept of results that may be wanted again: the youngest of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def fresh(kept: OrderedDict[K, V], key: K, most: int) -> V:
    """Return an entry, which is now the youngest; the oldest go while there are more than `most`.

    Examples
    --------
    >>> kept = OrderedDict(a=1, b=2, c=3)
    >>> fresh(kept, "a", 2), list(kept)
    (1, ['c', 'a'])
    """
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
    return kept[key]
