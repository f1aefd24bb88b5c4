"""Readers that are kept."""

from asm_interp.widgets.guard import Guarded
from asm_interp.widgets.readers import Readers


def test_a_reader_is_made_once_and_the_longest_unused_goes(photo, maps, score_map):
    readers = Readers(maps, keep=2)
    assert not readers.has(photo, "hand")
    first = readers.get(photo, "hand")
    assert readers.get(photo, "hand") is first
    for name in ("second", "third"):
        maps.put(photo, name, score_map)
    readers.get(photo, "second")
    readers.get(photo, "hand")
    readers.get(photo, "third")
    assert [readers.has(photo, name) for name in ("hand", "second", "third")] == [True, False, True]
    assert readers.get(photo, "hand") is first


def test_a_view_says_that_it_works_while_a_reader_is_made(photo, maps):
    readers, view, said = Readers(maps), Guarded(), []
    view.status.observe(lambda change: said.append(change["new"]), "value")
    prepared = []
    first = readers.opened(view, photo, "hand", prepared.append)
    assert prepared == [first]
    assert len(said) == 2
    assert "working" in said[0]
    assert said[1] == ""
    assert readers.opened(view, photo, "hand", prepared.append) is first
    assert (len(said), len(prepared)) == (2, 1)
